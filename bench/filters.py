"""Filters and recall: `python -m bench.filters --frames 1000000`.

For each share of the library that a filter holds it asks the same questions of plain pgvector, with
ef_search 400 and its iterative scan off, strict and relaxed, of search_vector() with the database's
own settings, ordered by distance as usual and by distance + 0, which no index serves, and of the
ranking functions. The ten best are compared with those of all vectors, computed beside the
database. A hit is right if its similarity is not below the exact tenth. A filter holds the videos
that are near to the question, far from it, or on one side of a plane across the library. The
library is kept under --home and used again; with --ef-construction it is one of its own.
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from app.db import address_of
from bench.building import rebuild
from bench.drawn import FRAMES_PER_VIDEO, Drawn, open_library
from bench.exact import K, nearest, right_hits, similarities, unit
from bench.homes import LIBRARY, home_of
from bench.machine import SEARCH, header
from bench.ratios import Ratio, write_ratios
from bench.tables import Figures, Times, show

RANKING = "SceneQL"
SHARES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_RECALL_LIMIT, _P50_LIMIT_MS, _P99_LIMIT_MS = 0.99, 60.0, 120.0


@dataclass(frozen=True)
class Method:
    """One way to ask for the nearest frames among some videos."""

    name: str
    settings: dict[str, str]
    query: str


_PLAIN = (
    "SELECT 1 - ((embedding::halfvec(512)) <=> %(vector)s), NULL FROM frame_embeddings "
    "WHERE model_id = 1 {} ORDER BY (embedding::halfvec(512)) <=> %(vector)s LIMIT %(k)s"
)
_WITHIN = "video_id = ANY (%(within)s)"
_STREAM = "SELECT 1 - distance, NULL FROM search_vector(%(vector)s) {} ORDER BY {} LIMIT %(k)s"
_OURS = "SELECT 1 - distance, is_exact FROM nearest_frames(%(vector)s, %(k)s, {}, {})"


def methods(filtered: bool) -> list[Method]:
    """Plain pgvector as it comes and iterating, our stream, and our ranking, free and forced."""
    plain = _PLAIN.format(f"AND {_WITHIN}" if filtered else "")
    where = f"WHERE {_WITHIN}" if filtered else ""
    within = "%(within)s" if filtered else "NULL"
    return [
        Method(
            f"pgvector, {scan}",
            {
                "hnsw.ef_search": "400",
                "hnsw.iterative_scan": scan,
                "hnsw.max_scan_tuples": "20000",
            },
            plain,
        )
        for scan in ("off", "strict_order", "relaxed_order")
    ] + [
        Method("search_vector()", {}, _STREAM.format(where, "distance")),
        Method("search_vector(), distance + 0", {}, _STREAM.format(where, "distance + 0")),
        Method(RANKING, {}, _OURS.format(within, "false")),
        Method("SceneQL, exact", {}, _OURS.format(within, "true")),
    ]


@dataclass(frozen=True)
class Filtered(Figures):
    """What one method did on one kind of filter."""

    fewest_rows: int
    exact: float
    """The share of the questions for which all vectors of the filter's were measured."""


CELLS: dict[str, Callable[[Filtered], str]] = {
    "Recall@10, and the fewest rows where some question got less than ten": lambda one: (
        f"{one.recall:.3f}" + (f", {one.fewest_rows} rows" if one.fewest_rows < K else "")
    ),
    "Share of the questions for which all vectors of the filter's were measured": lambda one: (
        f"{one.exact:.0%}"
    ),
    "p50, ms": lambda one: f"{one.times.p50_ms:.1f}",
    "p99, ms": lambda one: f"{one.times.p99_ms:.1f}",
}
"""What is told of a method and a filter."""


def filters(
    drawn: Drawn, questions: NDArray[np.float32]
) -> dict[tuple[float, str], list[list[int]]]:
    """For each share and kind of filter, the ids of the videos it holds for each question."""
    centres = unit(drawn.centres @ drawn.plane)
    nearest = np.argsort(-(questions @ centres.T), axis=1) + 1
    direction = np.random.default_rng(3).standard_normal(drawn.centres.shape[1])
    side = np.broadcast_to(np.argsort(drawn.centres @ direction) + 1, nearest.shape)
    within = {}
    for share in SHARES:
        count = max(1, round(share * drawn.videos))
        within[share, "near"] = nearest[:, :count].tolist()
        if share < 1:
            within[share, "across"] = side[:, :count].tolist()
            within[share, "far"] = nearest[:, -count:].tolist()
    return within


def measure(
    connection: psycopg.Connection,
    method: Method,
    questions: Sequence[NDArray[np.float32]],
    within: Sequence[list[int]],
    tenth: Sequence[float],
) -> Filtered:
    """Ask each question within its filter; the first ones warm up and are not counted."""
    for name, value in method.settings.items():
        connection.execute(f"SET {name} = {value}")
    right, measured_all, rows, seconds = 0, 0, [], []
    warm_up = min(3, len(questions))
    for number in [*range(warm_up), *range(len(questions))]:
        parameters = {
            "vector": HalfVector(questions[number]),
            "k": K,
            "within": within[number],
        }
        started = time.perf_counter()
        found = connection.execute(method.query, parameters).fetchall()
        seconds.append(time.perf_counter() - started)
        rows.append(len(found))
        if len(seconds) > warm_up:
            right += right_hits([similarity for similarity, _ in found], tenth[number])
            measured_all += is_exact(connection, method, parameters, found)
    connection.execute("RESET ALL")
    wanted = sum(min(K, FRAMES_PER_VIDEO * len(ids)) for ids in within)
    times = Times.of(seconds[warm_up:])
    return Filtered(right / wanted, times, min(rows[warm_up:]), measured_all / len(questions))


def is_exact(
    connection: psycopg.Connection,
    method: Method,
    parameters: dict[str, Any],
    found: Sequence[tuple[Any, ...]],
) -> bool:
    """Whether all vectors were measured: our rankings say so, of pgvector the plan does."""
    if found and found[0][1] is not None:
        return bool(found[0][1])
    plan = connection.execute("EXPLAIN " + method.query, parameters).fetchall()
    return not any("hnsw" in line for (line,) in plan)


def exact_tenths(
    drawn: Drawn, questions: NDArray[np.float32], within: dict[tuple[float, str], list[list[int]]]
) -> dict[tuple[float, str], list[float]]:
    """The similarity of the tenth nearest frame of each filter's, for each question."""
    everything = np.hstack(list(similarities(questions, drawn.vectors())))
    by_video = everything.reshape(len(questions), drawn.videos, FRAMES_PER_VIDEO)
    return {
        key: [
            float(nearest(by_video[number, np.array(ids) - 1].ravel())[0])
            for number, ids in enumerate(of_questions)
        ]
        for key, of_questions in within.items()
    }


def measure_all(
    connection: psycopg.Connection, drawn: Drawn, count: int, only: str
) -> dict[str, dict[str, Filtered]]:
    """What every method did on every filter, both by their names; tells each as it is done."""
    questions = drawn.questions(count)
    within = filters(drawn, questions)
    tenths = exact_tenths(drawn, questions, within)
    # Whoever asks first reads the index from the disk, which is no part of any method.
    whole = next(iter(within))
    [ranking] = [method for method in methods(filtered=False) if method.name == RANKING]
    measure(connection, ranking, list(questions), within[whole], tenths[whole])
    found: dict[str, dict[str, Filtered]] = {}
    for (share, kind), ids in within.items():
        held = f"{share:.1%}, {kind}" if share < 1 else "all"
        found[held] = {}
        for method in methods(filtered=share < 1):
            if only not in method.name:
                continue
            did = measure(connection, method, list(questions), ids, tenths[share, kind])
            found[held][method.name] = did
            print(
                f"{held}: {method.name} finds {did.recall:.3f} in {did.times.p50_ms:.1f} ms",
                file=sys.stderr,
                flush=True,
            )
    return found


def write_tables(found: dict[str, dict[str, Filtered]], write: Callable[[str], None]) -> None:
    """For each thing that was measured a table: a row for each filter, a column for each method."""
    names = list(next(iter(found.values())))
    for what, cell in CELLS.items():
        write(
            f"\n{what}:\n\n| filter holds | {' | '.join(names)} |\n| --- |{' ---: |' * len(names)}"
        )
        for held, by_method in found.items():
            write(f"| {held} | {' | '.join(cell(by_method[name]) for name in names)} |")


def ratios(ours: Sequence[Filtered]) -> list[Ratio]:
    """How our ranking did on the filters that were worst for it, against the limits."""
    worst = f"{RANKING}, worst filter"
    return [
        Ratio(f"{worst}: recall@10", min(one.recall for one in ours), _RECALL_LIMIT),
        Ratio(f"{worst}: p50, ms", max(one.times.p50_ms for one in ours), _P50_LIMIT_MS, "at most"),
        Ratio(f"{worst}: p99, ms", max(one.times.p99_ms for one in ours), _P99_LIMIT_MS, "at most"),
    ]


def main() -> None:
    """Print the tables for a library of some size."""
    parser = ArgumentParser(description="Filters against recall and time.", parents=[LIBRARY])
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--only", default="", help="measure methods whose names contain this")
    parser.add_argument("--ef-construction", type=int, help="build the index anew with this")
    given = parser.parse_args()
    names = [method.name for method in methods(filtered=False)]
    if not any(given.only in name for name in names):
        parser.error(f"no method contains {given.only!r}; there are {', '.join(names)}")
    home = home_of(given)
    if given.ef_construction and given.home is None:
        # Other benchmarks expect the usual index in the usual home.
        home = home.with_name(f"{home.name}-{given.ef_construction}")
    engine, drawn = open_library(given.frames, home)
    if given.ef_construction:
        rebuild(engine, given.ef_construction)
    show(f"{header(SEARCH, engine)}\n\n{given.frames:,} vectors, {given.questions} questions")
    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        register_vector(connection)
        found = measure_all(connection, drawn, given.questions, given.only)
    write_tables(found, show)
    ours = [by_method[RANKING] for by_method in found.values() if RANKING in by_method]
    if ours:
        write_ratios(ratios(ours), show)


if __name__ == "__main__":
    main()
