"""The benchmark of growth, at a size of seconds: the library grows, and all indexes find alike."""

import pytest
from sqlalchemy import Engine

from app.vector_index import Kind
from bench.growth import KINDS, report


def test_each_kind_of_index_is_built_and_asked_at_each_size(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All of a library as small as this would be measured otherwise.
    monkeypatch.setenv("PGOPTIONS", "-c sceneql.exact_up_to=0")
    lines: list[str] = []

    rows = report(engine, (1000, 3000), 10, lines.append)

    assert [(row.frames, row.index.kind) for row in rows] == [
        (size, kind) for size in (1000, 3000) for kind in KINDS
    ]
    recalls = [figures.recall for row in rows for figures in row.figures.values()]
    assert recalls == pytest.approx([1] * 12, abs=0.02)
    assert lines[-2].startswith("| recall@10 at 3,000 frames, halfvec | 1.00 | at least 0.95 | met")


def test_an_index_that_is_there_can_be_kept(engine: Engine) -> None:
    [built] = report(engine, (1000,), 5, lambda _: None, kinds=[Kind.HALFVEC])

    [kept] = report(engine, (1000,), 5, lambda _: None, keep=True)

    assert built.build_s is not None
    assert kept.build_s is None
    assert kept.index == built.index


def test_a_size_that_is_not_there_is_refused_and_the_index_left_alone(engine: Engine) -> None:
    with pytest.raises(SystemExit, match="no index to keep; leave --keep out"):
        report(engine, (1000,), 5, print, keep=True)
    [built] = report(engine, (1000,), 5, lambda _: None, kinds=[Kind.HALFVEC])

    for sizes in [(2000,), (1000, 2000)]:
        with pytest.raises(SystemExit, match="are 1000 frames: give --sizes 1000, or"):
            report(engine, sizes, 5, print, keep=True)

    [kept] = report(engine, (1000,), 5, lambda _: None, kinds=[Kind.BINARY], keep=True)
    assert kept.index == built.index
