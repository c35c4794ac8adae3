"""Search: `python -m bench.search --frames 100000` asks the same of SceneQL and of other engines.

All hold the same drawn vectors and find the ten nearest, one question after the other. A hit is
right if its similarity is not below the exact tenth. Of the database the index alone is built, over
vectors that it has; the others take theirs in as well, and are given up after --patience seconds.
The library is kept under --home and used again.
"""

import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from sqlalchemy import Engine as Database

from app.db import address_of
from app.vector_index import Kind
from bench.building import built
from bench.drawn import FRAMES_PER_VIDEO, Drawn, open_library
from bench.engines import Engine, installed
from bench.exact import K, Matrix, nearest, right_hits, unit
from bench.homes import LIBRARY, home_of
from bench.machine import OTHER_ENGINES, SEARCH, header
from bench.ratios import Ratio, write_ratios
from bench.tables import Figures, Times, show

_WARM_UP = 5
_ROWS_AT_ONCE = 10_000
_PATIENCE_S = 1800.0

_BY_HAND = (
    "SELECT v.id, f.frame_no, title, path, start_s, end_s, t_s FROM frame_embeddings e "
    "JOIN videos v ON v.id = e.video_id AND v.path IS NOT NULL AND v.status = 'indexed' "
    "JOIN frames f ON f.video_id = e.video_id AND f.frame_no = e.frame_no "
    "JOIN scenes s ON s.video_id = f.video_id AND s.scene_no = f.scene_no "
    "WHERE e.model_id = 1 ORDER BY e.embedding::halfvec(512) <=> %(vector)s LIMIT %(k)s"
)
BY_HAND = "pgvector, the query written by hand"
FUNCTION = "search_vector(), ORDER BY distance LIMIT 10"
QUERIES = {
    BY_HAND: _BY_HAND,
    FUNCTION: (
        "SELECT video_id, frame_no, title, path, start_s, end_s, t_s "
        "FROM search_vector(%(vector)s) ORDER BY distance LIMIT %(k)s"
    ),
    "rank_frames()": (
        "SELECT video_id, frame_no, title, path, start_s, end_s, t_s "
        "FROM rank_frames(%(vector)s, %(k)s)"
    ),
}
Ask = Callable[[Matrix], Sequence[int]]


def report(
    database: Database,
    drawn: Drawn,
    questions: int,
    write: Callable[[str], None],
    patience_s: float = _PATIENCE_S,
    only: str = "",
) -> dict[str, Figures]:
    """Measure every way to ask, write a row for each as it is done, and the ratios at the end.

    An engine that has not taken the vectors in after so many seconds has a row that says so. Those
    whose names do not contain `only` are left out.
    """
    vectors = np.concatenate([unit(part) for part in drawn.vectors()])
    # Rounded to half precision again, they are what they were.
    asked = unit(drawn.questions(questions))
    tenths = [float(nearest(vectors @ question)[0]) for question in asked]
    found: dict[str, Figures] = {}

    def measure(asks: dict[str, Ask], build_s: float, size_bytes: int) -> None:
        for name, figures in _measure(asks, vectors, asked, tenths).items():
            found[name] = figures
            write(
                f"| {name} | {figures.recall:.3f} | {figures.times} | {build_s:.0f} "
                f"| {size_bytes / 2**20:.0f} |"
            )

    write("| engine | recall@10 | p50, ms | p99, ms | build, s | index, MB |")
    write("| --- | ---: | ---: | ---: | ---: | ---: |")
    queries = {name: query for name, query in QUERIES.items() if only in name}
    if queries:
        index, build_s = built(database, Kind.HALFVEC)
        with psycopg.connect(address_of(database), autocommit=True) as connection:
            register_vector(connection)
            asks: dict[str, Ask] = {
                name: partial(_ask, connection, query) for name, query in queries.items()
            }
            measure(asks, build_s, index.size_bytes)
    for make in installed():
        if only not in make.name:
            continue
        with tempfile.TemporaryDirectory(prefix="bench-search-") as folder:
            engine: Engine = make(Path(folder), vectors.shape[1])
            build_s, share = _fill(engine, vectors, patience_s)
            if share < 1:
                write(f"| {engine.name} | {share:.0%} taken in | | | over {build_s:.0f} | |")
            else:
                measure({engine.name: engine.ask}, build_s, engine.size_bytes())
    if {FUNCTION, BY_HAND} <= found.keys():
        share = found[FUNCTION].times.p50_ms / found[BY_HAND].times.p50_ms
        against = "search_vector() against the query by hand, p50"
        write_ratios([Ratio(against, share, 1.1, "at most")], write)
    return found


def _fill(engine: Engine, vectors: Matrix, patience_s: float) -> tuple[float, float]:
    """Have an engine take the vectors in; returns the seconds, and the share it has by then."""
    started = time.perf_counter()
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        engine.add(vectors[start : start + _ROWS_AT_ONCE])
        taken_s = time.perf_counter() - started
        share = min(1.0, (start + _ROWS_AT_ONCE) / len(vectors))
        print(f"{taken_s:6.0f} s  {engine.name} has {share:.0%}", file=sys.stderr, flush=True)
        if share < 1 and taken_s > patience_s:
            return taken_s, share
    engine.finish()
    return time.perf_counter() - started, share


def _ask(connection: psycopg.Connection, query: str, vector: Matrix) -> list[int]:
    parameters = {"vector": HalfVector(vector), "k": K}
    rows = connection.execute(query, parameters).fetchall()
    return [(video_id - 1) * FRAMES_PER_VIDEO + frame_no for video_id, frame_no, *_ in rows]


def _measure(
    asks: dict[str, Ask],
    vectors: Matrix,
    questions: Matrix,
    tenths: Sequence[float],
) -> dict[str, Figures]:
    """Put questions to all in turn, so that what else the machine does hits them alike.

    None is asked of one just after another was: its rows would be warm.
    """
    warm_up = min(_WARM_UP, len(questions))
    right = dict.fromkeys(asks, 0)
    seconds: dict[str, list[float]] = {name: [] for name in asks}
    apart = len(questions) // len(asks)
    for turn in [*range(warm_up), *range(len(questions))]:
        for place, (name, ask) in enumerate(asks.items()):
            number = (turn + place * apart) % len(questions)
            started = time.perf_counter()
            rows = ask(questions[number])
            seconds[name].append(time.perf_counter() - started)
            if len(seconds[name]) > warm_up:
                right[name] += right_hits(vectors[list(rows)] @ questions[number], tenths[number])
    return {
        name: Figures(right[name] / (K * len(questions)), Times.of(seconds[name][warm_up:]))
        for name in asks
    }


def main() -> None:
    """Print the table for a library of some size."""
    parser = ArgumentParser(description="Searches beside other engines.", parents=[LIBRARY])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--patience", type=float, default=_PATIENCE_S, metavar="SECONDS")
    parser.add_argument("--only", default="", help="measure engines whose names contain this")
    given = parser.parse_args()
    engine, drawn = open_library(given.frames, home_of(given))
    about = f"{given.frames:,} vectors, {given.questions} questions"
    show(f"{header(SEARCH + OTHER_ENGINES, engine)}\n\n{about}\n")
    report(engine, drawn, given.questions, show, given.patience, given.only)


if __name__ == "__main__":
    main()
