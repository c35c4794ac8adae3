"""The benchmark of the length, at a size of seconds: each video is indexed and measured."""

from pathlib import Path
from typing import Any

import pytest

from bench import length
from bench.measuring import Clock, Run
from bench.panning import SCENE_S
from bench.random_weights import Weighted
from workers.model import TINY
from workers.video import open_video


def test_each_length_is_measured(tmp_path: Path) -> None:
    rows: list[str] = []
    peaks_mb = iter([100.0, 200.0, 300.0])

    def run_here(pipeline: Any, *arguments: Any) -> Run:
        counts = pipeline(Clock(), *arguments)
        return Run(1.0, 1.0, next(peaks_mb), counts)

    found = length.videos([0.3, 0.1], tmp_path)
    ratios = length.report(found, Weighted(TINY, tmp_path), rows.append, run_here)

    assert [row.split(" | ")[0] for row in rows[2:5]] == [
        "| none, the model alone",
        "| 0.1",
        "| 0.3",
    ]
    assert [ratio.value for ratio in ratios] == [pytest.approx(1.5)]
    pictures = [int(row.split(" | ")[1]) for row in rows[3:5]]
    assert pictures == [2 * 3, 5 * 3]


def test_a_video_has_its_length_and_is_rendered_once(tmp_path: Path) -> None:
    [clip] = length.videos([2 * SCENE_S / 60], tmp_path)
    rendered_at = clip.path.stat().st_mtime_ns
    length.videos([2 * SCENE_S / 60], tmp_path)

    assert clip.path.stat().st_mtime_ns == rendered_at
    assert [path.name for path in tmp_path.iterdir()] == [clip.path.name]
    with open_video(clip.path) as video:
        assert video.info.duration_s == pytest.approx(clip.duration_s, abs=0.1)
