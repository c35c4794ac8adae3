"""The benchmark of the cost, at a size of seconds: each sampling mode is run and weighed."""

from pathlib import Path
from typing import Any

import pytest

from bench import cost
from bench.measuring import Clock, Run
from bench.random_weights import Weighted
from tests.benching import make_libraries_in, two_clips
from tests.conftest import Databases
from workers.model import TINY


def test_each_sampling_is_measured(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_libraries_in(databases, tmp_path / "home", monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    rows: list[str] = []

    def run_here(pipeline: Any, *arguments: Any) -> Run:
        return Run(2.0, 1.0, 1.0, pipeline(Clock(), *arguments))

    found = two_clips(tmp_path / "clips")
    cost.report(found, Weighted(TINY, tmp_path), [cost.PROCESSOR], rows.append, run_here)

    table = [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows[1:]]
    assert [cells[0] for cells in table] == list(cost.SAMPLINGS)
    for sampling, _, hours, pictures, thumbnails_mb, other_mb in table:
        assert float(hours) == round(sum(clip.duration_s for clip in found) / 2, 1), sampling
        assert float(pictures.replace(",", "")) > 0, sampling
        assert float(thumbnails_mb) > 0, sampling
        assert float(other_mb) > 0, sampling
