"""The benchmark of the search, at a size of seconds: all ways to ask find the same."""

import pytest
from sqlalchemy import Engine

from bench import search
from bench.building import rebuild
from bench.drawn import FRAMES_PER_VIDEO, draw, store
from bench.engines import Numpy, installed
from bench.machine import SEARCH, header
from bench.search import QUERIES, report


def test_every_engine_finds_the_nearest(engine: Engine) -> None:
    drawn = draw(30 * FRAMES_PER_VIDEO)
    store(engine, drawn)
    rows: list[str] = []

    found = report(engine, drawn, 10, rows.append)

    assert list(found)[: len(QUERIES) + 1] == [*QUERIES, Numpy.name]
    assert len(found) == len(QUERIES) + len(installed())
    assert [row.split(" | ")[0] for row in rows[2:-2]] == [f"| {name}" for name in found]
    assert found[Numpy.name].recall == 1
    recalls = {name: figures.recall for name, figures in found.items()}
    assert recalls == pytest.approx(dict.fromkeys(recalls, 1), abs=0.05)


def test_an_engine_that_takes_too_long_is_given_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = draw(4 * FRAMES_PER_VIDEO)
    store(engine, drawn)
    monkeypatch.setattr(search, "_ROWS_AT_ONCE", FRAMES_PER_VIDEO)
    rows: list[str] = []

    found = report(engine, drawn, 3, rows.append, patience_s=0)

    assert list(found) == list(QUERIES)
    assert f"| {Numpy.name} | 25% taken in | | | over 0 | |" in rows


def test_one_engine_is_measured_by_itself(engine: Engine) -> None:
    drawn = draw(4 * FRAMES_PER_VIDEO)
    store(engine, drawn)
    rows: list[str] = []

    found = report(engine, drawn, 3, rows.append, only=Numpy.name)

    assert list(found) == [Numpy.name]
    assert len(rows) == 3, "a ratio of what was not measured"


def test_the_header_tells_how_thoroughly_the_index_was_built(engine: Engine) -> None:
    store(engine, draw(2 * FRAMES_PER_VIDEO))
    usual = header(SEARCH, engine)

    rebuild(engine, 64)

    assert "(ef_construction=200)" in usual
    assert "(ef_construction=64)" in header(SEARCH, engine)
