"""Search effort: `python -m bench.ef_search` prints what the index finds and takes, by ef_search.

The index is asked by plain SQL, its scan in relaxed order, as rankings ask it. A hit is right if it
is as near as the last of the exact ones. The library is kept under --home and used again.
"""

from argparse import ArgumentParser
from collections.abc import Callable, Sequence

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector.psycopg import register_vector

from app.db import address_of
from bench.asking import ask
from bench.drawn import Drawn, open_library
from bench.exact import nearest, similarities
from bench.homes import LIBRARY, home_of
from bench.machine import SEARCH, header
from bench.tables import Figures, show

EFFORTS = (200, 300, 400, 600, 1000)
ASKED_FOR = (10, 80, 400)
"""What recalls are mostly told of, and what a page of twenty scenes asks for and a long list."""

QUERY = (
    "SELECT 1 - ((embedding::halfvec(512)) <=> %(vector)s) FROM frame_embeddings "
    "WHERE model_id = 1 ORDER BY (embedding::halfvec(512)) <=> %(vector)s LIMIT %(k)s"
)


def report(
    connection: psycopg.Connection,
    drawn: Drawn,
    questions: NDArray[np.float32],
    write: Callable[[str], None],
) -> dict[tuple[int, int], Figures]:
    """Ask all questions with each effort, and write a row for each.

    Returns what was found by effort and by how many rows were asked for.
    """
    register_vector(connection)
    connection.execute("SET hnsw.iterative_scan = relaxed_order")
    # A plan without the index measures all vectors, and finds them all.
    connection.execute("SET enable_seqscan = off")
    connection.execute("SET enable_sort = off")
    furthest = _exact_furthest(drawn, questions)
    write(
        "| ef_search | " + " | ".join(f"nearest {n} | p50, ms | p99, ms" for n in ASKED_FOR) + " |"
    )
    write("| ---: |" + " ---: | ---: | ---: |" * len(ASKED_FOR))
    found = {}
    for effort in EFFORTS:
        connection.execute(f"SET hnsw.ef_search = {effort}")
        for n in ASKED_FOR:
            # Once to warm up.
            ask(connection, QUERY, questions, furthest[n], n)
            found[effort, n] = ask(connection, QUERY, questions, furthest[n], n)
        cells = [f"{found[effort, n].recall:.3f} | {found[effort, n].times}" for n in ASKED_FOR]
        write(f"| {effort} | {' | '.join(cells)} |")
    return found


def _exact_furthest(drawn: Drawn, questions: NDArray[np.float32]) -> dict[int, Sequence[float]]:
    """For each number of rows the similarity of the last exact one, for each question."""
    everything = np.hstack(list(similarities(questions, drawn.vectors())))
    return {n: nearest(everything, n)[:, 0].tolist() for n in ASKED_FOR}


def main() -> None:
    """Print the table for a library of some size."""
    parser = ArgumentParser(description="What the index finds, by ef_search.", parents=[LIBRARY])
    parser.add_argument("--questions", type=int, default=60)
    given = parser.parse_args()
    engine, drawn = open_library(given.frames, home_of(given))
    show(f"{header(SEARCH, engine)}\n\n{given.frames:,} vectors, {given.questions} questions\n")
    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        report(connection, drawn, drawn.questions(given.questions), show)


if __name__ == "__main__":
    main()
