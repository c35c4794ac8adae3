"""HTTP: `python -m bench.http --frames 100000` prints what HTTP adds and what new texts cost.

The page and an embedder run on a drawn library, each in a process of its own, and clients ask
/api/search on 127.0.0.1 in connections that stay open. The same statement is put to the database
directly, too, and so is embed_query(), which turns a text into a vector and does no more. Known
texts have their vectors; new ones were never asked. The last rows are measured while a worker's
ingest indexes clips into the same library. It is kept under --home and used again.
"""

from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from random import SystemRandom

import psycopg
from sqlalchemy import Engine, text

from app.db import address_of
from app.ranking import statement_of
from app.statement import as_text
from app.web.question import Given
from bench.beside import forget, ingesting
from bench.clients import Client, Pace, at_once, in_turn
from bench.clips import CLIPS, Clip, clips
from bench.drawn import DIM, open_library
from bench.homes import LIBRARY, home_of, open_database
from bench.machine import INGEST, header
from bench.random_weights import Weighted
from bench.ratios import Ratio, write_ratios
from bench.served import served
from bench.tables import show
from workers.model import DEFAULT, Model, ModelId
from workers.tiny.language import ADJECTIVES, NOUNS

HITS = 20
_WORDS = sorted(
    {word for words in ADJECTIVES.values() for word in words}
    | {word for names in NOUNS.values() for forms in names for word in forms}
)
_WORDS_IN_TEXT = 8

IN_SQL = "known texts, in SQL"
KNOWN = "known texts"
NEW = "new texts"
EMBED_KNOWN = "embed_query() alone, known texts"
EMBED_NEW = "embed_query() alone, new texts"
KNOWN_BESIDE = "known texts, while an ingest runs"
NEW_BESIDE = "new texts, while an ingest runs"


def report(
    engine: Engine,
    home: Path,
    found: list[Clip],
    weighted: Weighted,
    questions: int,
    clients: int,
    write: Callable[[str], None],
) -> list[Ratio]:
    """Ask in every way, write a row for each as it is done, and the ratios at the end."""
    address = address_of(engine)
    known = texts(questions)
    half = questions // 2
    # Not the question that was just asked in SQL, whose rows would be warm.
    turned = known[half:] + known[:half]
    write("| what is asked | clients | p50, ms | p99, ms | a second |")
    write("| --- | ---: | ---: | ---: | ---: |")

    def row(name: str, asking: int, pace: Pace) -> Pace:
        write(f"| {name} | {asking} | {pace.times} | {pace.per_s:.1f} |")
        return pace

    with (
        served(address, home, weighted) as port,
        psycopg.connect(address, autocommit=True) as connection,
        closing(Client(port, HITS)) as client,
    ):
        together = partial(at_once, port, HITS, clients)
        # By then they are known, and everything is loaded.
        together(known)
        alone = in_turn(
            {
                IN_SQL: (partial(ask_in_sql, connection), [in_sql(words) for words in known]),
                KNOWN: (client.ask, turned),
                NEW: (client.ask, texts(questions)),
                EMBED_KNOWN: (partial(embed, connection), turned),
                EMBED_NEW: (partial(embed, connection), texts(questions)),
            }
        )
        for name, pace in alone.items():
            row(name, 1, pace)
        row(KNOWN, clients, together(known))
        crowd = row(NEW, clients, together(texts(questions)))
        with ingesting(address, home, found, weighted) as ingested:
            beside = in_turn(
                {KNOWN_BESIDE: (client.ask, known), NEW_BESIDE: (client.ask, texts(questions))}
            )
        for name, pace in beside.items():
            row(name, 1, pace)
    ratios = [
        _added("what HTTP adds at p50, ms", alone[KNOWN], alone[IN_SQL], 5),
        _added("what a new text adds at p50, ms", alone[NEW], alone[KNOWN], 30),
        Ratio(
            f"new texts a second, {clients} clients against one", crowd.per_s / alone[NEW].per_s, 3
        ),
        _p99_against_idle(KNOWN_BESIDE, beside[KNOWN_BESIDE], alone[KNOWN]),
        _p99_against_idle(NEW_BESIDE, beside[NEW_BESIDE], alone[NEW]),
    ]
    write_ratios(ratios, write)
    write(
        f"\nThe ingest indexed {ingested.pictures} pictures in {ingested.seconds:.0f} s, "
        f"{ingested.pictures / ingested.seconds:.1f} a second."
    )
    return ratios


def _added(what: str, pace: Pace, without: Pace, limit_ms: float) -> Ratio:
    return Ratio(what, pace.times.p50_ms - without.times.p50_ms, limit_ms, "at most")


def _p99_against_idle(name: str, pace: Pace, idle: Pace) -> Ratio:
    share = pace.times.p99_ms / idle.times.p99_ms
    return Ratio(f"{name}: p99 against idle", share, 3, "at most")


def texts(count: int) -> list[str]:
    """So many texts that nobody has asked: by chance alone one would come again in ages."""
    random = SystemRandom()
    return [" ".join(random.choices(_WORDS, k=_WORDS_IN_TEXT)) for _ in range(count)]


def in_sql(words: str) -> str:
    """The statement that /api/search runs for the words, as the page shows it to people."""
    return as_text(statement_of(Given(q=words).question(HITS)))


def ask_in_sql(connection: psycopg.Connection, statement: str) -> list[tuple[object, ...]]:
    """The rows of the statement."""
    return connection.execute(statement.encode()).fetchall()


def embed(connection: psycopg.Connection, words: str) -> None:
    """Have the embedder turn the words into a vector, unless it is at hand."""
    connection.execute("CALL embed_query(%s)", [words])


def give_model(engine: Engine, model: Model) -> None:
    """Have the drawn library pass for one of this model; raises SystemExit where it cannot be."""
    if model.dim != DIM:
        raise SystemExit(f"{model.id} has {model.dim} dimensions, the drawn library {DIM}")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE embedding_models SET name = :name, pretrained = :pretrained WHERE active"),
            vars(model.id),
        )


def main() -> None:
    """Print the tables for a library of some size."""
    parser = ArgumentParser(description="What HTTP and new texts add.", parents=[LIBRARY, CLIPS])
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--model", default=str(DEFAULT), help=f"default: {DEFAULT}")
    given = parser.parse_args()
    home = home_of(given).resolve()
    found = clips(given.media, home)
    # A run that was killed has left them in the library.
    forget(address_of(open_database(home)), found)
    engine, _ = open_library(given.frames, home)
    weighted = Weighted(ModelId.parse(given.model), home / "models")
    model = weighted.load()
    give_model(engine, model)
    show(
        f"{header(INGEST, engine)}\n\n{given.frames:,} vectors, {given.questions} questions, "
        f"{model.id} in {model.precision}, {len(found)} clips\n"
    )
    # A model that only waits takes memory.
    del model
    report(engine, home, found, weighted, given.questions, given.clients, show)


if __name__ == "__main__":
    main()
