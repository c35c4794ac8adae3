"""The benchmark of the ingest, at a size of seconds: all is measured, and held to its limit."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench import ingest
from bench.clips import clips
from bench.measuring import Clock, Counts, Run, run
from bench.random_weights import Weighted
from workers.model import TINY


def run_here(pipeline: Any, *arguments: Any) -> Run:
    """Runs a pipeline without a process of its own, which would load all libraries anew."""
    return Run(1.0, 1.0, 1.0, pipeline(Clock(), *arguments))


def test_all_is_measured(tmp_path: Path) -> None:
    rows: list[str] = []
    told: list[str] = []

    found = clips(None, tmp_path, most=2)
    ratios = ingest.report(
        found, Weighted(TINY, tmp_path), rows.append, run=run_here, tell=told.append
    )

    assert len(found) == 2
    assert [row.split(" | ")[0] for row in rows if row.startswith("| SceneQL")] == [
        "| SceneQL, scenes:3",
        "| SceneQL, every:1s",
        "| SceneQL, keyframes",
    ]
    assert len(ratios) == 6
    assert all(ratio.value > 0 for ratio in ratios)
    assert told[0] == "round 1 of 1: decode alone"
    assert len(told) == 13


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


def take_memory(clock: Clock, megabytes: int) -> Counts:
    with clock:
        held = os.urandom(megabytes * 2**20)
        end = os.times().elapsed + 3
        while os.times().elapsed < end:
            sum(range(1000))
    return Counts(images=len(held) // 2**20)


def test_a_pipeline_is_measured_in_a_process_of_its_own() -> None:
    small = run(take_memory, 1)
    large = run(take_memory, 200)

    assert large.counts.images == 200
    assert 1 <= large.seconds < 60
    assert 0 < large.cpu_s <= 2 * large.seconds
    assert large.peak_mb - small.peak_mb > 150


def have_a_child_work(clock: Clock) -> Counts:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        time.sleep(2)
        with clock:
            time.sleep(2)
            first_s = clock.so_far_s()
        time.sleep(2)
        child.kill()
    return Counts(first_s=first_s)


def test_only_the_work_is_measured_and_that_of_children_that_go_on() -> None:
    measured = run(have_a_child_work)

    assert 2 <= measured.seconds < 4
    assert measured.counts.first_s == pytest.approx(measured.seconds, abs=0.5)
    assert 0.2 < measured.cpu_s < 4
