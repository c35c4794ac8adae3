"""The benchmark of the ingest, at a size of seconds: all is measured, and held to its limit."""

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from bench import ingest
from bench.clips import clips
from bench.measuring import Clock, Counts, Run
from bench.random_weights import Weighted
from tests.benching import make_libraries_in, two_clips
from tests.conftest import Databases
from workers.model import TINY


def run_here(pipeline: Any, *arguments: Any) -> Run:
    """Runs a pipeline without a process of its own, which would load all libraries anew."""
    return Run(1.0, 1.0, 1.0, pipeline(Clock(), *arguments))


def test_all_is_measured(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_libraries_in(databases, tmp_path / "home", monkeypatch)
    rows: list[str] = []
    told: list[str] = []

    found = two_clips(tmp_path / "clips")
    ratios = ingest.report(
        found, Weighted(TINY, tmp_path), rows.append, run=run_here, tell=told.append
    )

    assert [row.split(" | ")[0] for row in rows if row.startswith("| SceneQL")] == [
        "| SceneQL, scenes:3",
        "| SceneQL, every:1s",
        "| SceneQL, keyframes",
    ]
    assert len(ratios) == 6
    assert all(ratio.value > 0 for ratio in ratios)
    assert told[0] == "round 1 of 1: decode alone"
    assert len(told) == 13


def test_where_no_folder_is_named_clips_are_drawn_and_some_of_them_taken(tmp_path: Path) -> None:
    found = clips(None, tmp_path, most=2)

    drawn = sorted(path.name for path in (tmp_path / "clips").iterdir())
    assert len(found) == 2
    assert {clip.path.name for clip in found} < set(drawn)
    assert all(clip.duration_s > 5 for clip in found)


def test_of_several_rounds_what_is_usual_is_reported(tmp_path: Path) -> None:
    rows: list[str] = []
    # Seconds of the whole round: a slow one, a quick one, and one between them.
    pipelines_each = 13
    seconds = iter([s for s in (8.0, 2.0, 4.0) for _ in range(pipelines_each)])

    def pretend(*_: Any) -> Run:
        # Whatever is run takes as long, but for the time of its processor.
        return Run(next(seconds), 4.0, 1.0, Counts(images=1, first_s=1.0))

    ratios = ingest.report([], Weighted(TINY, tmp_path), rows.append, run=pretend, rounds=3)

    cores = os.cpu_count() or 1
    [decoding] = [row for row in rows if row.startswith("| decode alone |")]
    assert decoding.startswith("| decode alone | 4.0 |")
    ideal_s = (4.0 + 0.0 + 4.0) / cores
    assert ratios[0].value == pytest.approx(ideal_s / 4.0)
    assert ratios[0].what == (
        f"scenes:3: share of its ideal ({ideal_s / 8:.2f} to {ideal_s / 2:.2f})"
    )


def test_with_the_model_on_a_gpu_decoding_alone_is_the_ideal() -> None:
    others = [field.name for field in fields(ingest.Round)]
    all_alike = dict.fromkeys(others, Run(8.0, 4.0, 1.0, Counts(images=1, first_s=1.0)))
    done = ingest.Round(**all_alike | {"decoding": Run(6.0, 12.0, 1.0, Counts())})

    ratios = {ratio.what: ratio for ratio in done.ratios(on_gpu=True)}

    assert ratios["scenes:3: share of its ideal"].value == pytest.approx(6 / 8)
    assert ratios["scenes:3: share of its ideal"].limit == 0.85
