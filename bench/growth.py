"""Growth: `python -m bench.growth --home DIR` searches a library that grows to ten million frames.

At each size each kind of index is built in turn, by what `sceneql reindex` calls, and questions are
put to the functions that everything else searches by: to each its own, so that none finds warm what
another has read, after as many others that bring what is searched into memory. Whole vectors are
indexed as long as `sceneql reindex` would do so. A library that was left at some size is gone on
with; `--keep` measures it at that size, with the index that is there.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from sqlalchemy import Engine

from app.db import address_of
from app.model_catalog import searched_model
from app.vector_index import Kind, VectorIndex, fit, vector_indexes
from bench.asking import ask
from bench.building import built
from bench.drawn import FRAMES_PER_VIDEO, Drawn, draw, grow, stored_videos
from bench.exact import K, nearest, similarities
from bench.homes import open_database
from bench.machine import SEARCH, header
from bench.ratios import Ratio, write_ratios
from bench.tables import Figures, show

# The index that every other benchmark expects comes last.
KINDS = (Kind.BINARY, Kind.TERNARY, Kind.HALFVEC)
SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
_QUERIES = {
    "nearest_frames": "SELECT 1 - distance FROM nearest_frames(%(vector)s, %(k)s)",
    "rank_frames": "SELECT similarity FROM rank_frames(%(vector)s, %(k)s)",
}
_RECALL_LIMIT, _P50_LIMIT_MS = 0.95, 25.0


@dataclass(frozen=True)
class Row:
    """One size with one kind of index; `build_s` is None where it was there before."""

    frames: int
    index: VectorIndex
    build_s: float | None
    vectors_bytes: int
    figures: dict[str, Figures]


def report(
    engine: Engine,
    sizes: Sequence[int],
    questions: int,
    write: Callable[[str], None],
    *,
    kinds: Sequence[Kind] | None = None,
    keep: bool = False,
) -> list[Row]:
    """Grow the library from size to size, and write a row for each index as it is measured.

    With `keep` it is left as it is. Raises SystemExit if that is not of the one size asked for.
    Without `kinds` all that fit are built.
    """
    kept = _index_of(engine, sizes) if keep else None
    drawn = draw(sizes[-1])
    others, *own = np.split(drawn.questions((1 + len(_QUERIES)) * questions), 1 + len(_QUERIES))
    tenths = exact_tenths(drawn, np.concatenate(own), sizes)
    rows = []
    write(
        "| frames | index | build, s | index, MB | vectors, MB | "
        + " | ".join(f"{name}() p50, ms | p99, ms | recall@10" for name in _QUERIES)
        + " |"
    )
    write("| ---: | --- | " + "---: | " * (3 + 3 * len(_QUERIES)))
    for size in sizes:
        if kept is None:
            grow(engine, draw(size))
        for kind in [kept.kind] if kept else kinds or _fitting(engine):
            index, build_s = (kept, None) if kept else built(engine, kind)
            asked = zip(own, np.split(tenths[size], len(own)), strict=True)
            rows.append(_measure(engine, size, index, build_s, others, list(asked)))
            write(_line(rows[-1]))
    largest = rows[-1].figures["nearest_frames"]
    where = f"{rows[-1].frames:,} frames, {rows[-1].index.kind}"
    write_ratios(
        [
            Ratio(f"recall@10 at {where}", largest.recall, _RECALL_LIMIT),
            Ratio(f"p50 at {where}, ms", largest.times.p50_ms, _P50_LIMIT_MS, "at most"),
        ],
        write,
    )
    return rows


def exact_tenths(
    drawn: Drawn, asked: NDArray[np.float32], sizes: Sequence[int]
) -> dict[int, NDArray[np.float32]]:
    """For each size the similarity of each question's exact tenth, (questions,), in one pass."""
    best = np.full((len(asked), K), -1, np.float32)
    seen, tenths = 0, {}
    for part in similarities(asked, drawn.vectors()):
        # A size may end within a part.
        for size in [size for size in sizes if seen < size <= seen + part.shape[1]]:
            tenths[size] = nearest(np.hstack([best, part[:, : size - seen]]))[:, 0]
        best = nearest(np.hstack([best, part]))
        seen += part.shape[1]
    return tenths


def _fitting(engine: Engine) -> list[Kind]:
    """All kinds, without whole vectors where the server's memory does not hold their index."""
    with engine.connect() as connection:
        model = searched_model(connection)
        assert model is not None
        is_small = fit(connection, model).kind is Kind.HALFVEC
    return [kind for kind in KINDS if is_small or kind is not Kind.HALFVEC]


def _index_of(engine: Engine, sizes: Sequence[int]) -> VectorIndex:
    with engine.connect() as connection:
        model = searched_model(connection)
        indexes = vector_indexes(connection, model.id) if model else []
    whole = [index for index in indexes if index.is_valid]
    if not whole:
        raise SystemExit("the library has no index to keep; leave --keep out, and one is built")
    frames = FRAMES_PER_VIDEO * stored_videos(engine)
    if list(sizes) != [frames]:
        raise SystemExit(f"there are {frames} frames: give --sizes {frames}, or leave --keep out")
    return whole[0]


def _measure(
    engine: Engine,
    size: int,
    index: VectorIndex,
    build_s: float | None,
    others: NDArray[np.float32],
    asked: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> Row:
    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        register_vector(connection)
        found = connection.execute(
            "SELECT pg_table_size(indrelid) FROM pg_index WHERE indexrelid = %s::regclass",
            [index.name],
        ).fetchone()
        assert found is not None
        figures = {}
        for (name, query), (questions, tenths) in zip(_QUERIES.items(), asked, strict=True):
            for vector in others:
                connection.execute(query, {"vector": HalfVector(vector), "k": K}).fetchall()
            figures[name] = ask(connection, query, questions, tenths.tolist())
    return Row(size, index, build_s, int(found[0]), figures)


def _line(row: Row) -> str:
    build_s = "as it was" if row.build_s is None else f"{row.build_s:.0f}"
    figures = " | ".join(f"{one.times} | {one.recall:.3f}" for one in row.figures.values())
    return (
        f"| {row.frames:,} | {row.index.kind} | {build_s} | {row.index.size_bytes / 2**20:,.0f} "
        f"| {row.vectors_bytes / 2**20:,.0f} | {figures} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="A library that grows to ten million frames.")
    parser.add_argument("--home", type=Path, default=Path("var/bench-growth"))
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="FRAMES")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument(
        "--kinds", type=Kind, nargs="+", choices=KINDS, help="default: all that fit"
    )
    parser.add_argument("--keep", action="store_true", help="build no index")
    given = parser.parse_args()
    engine = open_database(given.home)
    show(f"{header(SEARCH, engine)}\n")
    report(
        engine,
        sorted(given.sizes),
        given.questions,
        show,
        kinds=given.kinds,
        keep=given.keep,
    )


if __name__ == "__main__":
    main()
