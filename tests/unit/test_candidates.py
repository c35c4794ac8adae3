"""What is kept of a scene whose length nobody knows yet."""

import av
import numpy as np
import pytest

from tests.media import Pixels, place, plain
from workers.candidates import Candidate, Candidates, spread
from workers.frames import DecodedFrame, View

GREY, BLACK = plain((128, 128, 128)), plain((0, 0, 0))


def candidate(t_s: float, picture: Pixels | None = None) -> Candidate:
    stored = av.VideoFrame.from_ndarray(place(1) if picture is None else picture, format="bgr24")
    frame = DecodedFrame(round(t_s * 100), t_s, False, View.of(stored, None), stored)
    return Candidate(frame, frame.small())


def times(candidates: list[Candidate]) -> list[float]:
    return [candidate.t_s for candidate in candidates]


def test_however_long_a_scene_few_frames_are_kept_and_these_evenly() -> None:
    kept = Candidates(spacing_s=0.1, capacity=16)

    for index in range(3000):
        kept.offer(candidate(index / 25))

    gaps_s = np.diff(times(kept.kept))
    assert 8 <= len(kept.kept) <= 16
    assert gaps_s == pytest.approx(np.full(len(gaps_s), gaps_s[0]), abs=0.05)
    assert times(kept.kept)[-1] > 120 - 2 * gaps_s[0]


def test_a_blank_frame_gives_way_to_the_next_that_is_not() -> None:
    kept = Candidates(spacing_s=1.0)

    for t_s, picture in [(0.0, BLACK), (0.4, place(1)), (0.8, place(2)), (1.0, GREY), (1.4, GREY)]:
        kept.offer(candidate(t_s, picture))

    assert times(kept.kept) == [0.4, 1.0]


def test_a_stretch_that_is_cut_in_two_is_not_sampled_twice() -> None:
    kept = Candidates(spacing_s=1.0)
    kept.offer(candidate(0.0))

    assert times(kept.take_until(0.5)) == [0.0]
    kept.offer(candidate(0.6))
    kept.offer(candidate(1.0))

    assert times(kept.kept) == [1.0]


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [5.0]), (2, [2.0, 7.0]), (3, [2.0, 5.0, 8.0]), (50, range(11))]
)
def test_frames_are_chosen_from_the_middles_of_equal_parts(
    count: int, expected: list[float]
) -> None:
    chosen = spread([candidate(t_s) for t_s in range(11)], count, 0.0, 10.0)

    assert times(chosen) == list(expected)


def test_each_part_has_a_frame_of_its_own_where_they_stand_close_together() -> None:
    chosen = spread([candidate(t_s) for t_s in (9.0, 9.1, 9.2, 9.3)], 3, 0.0, 10.0)

    assert times(chosen) == [9.0, 9.1, 9.2]


def test_of_blank_frames_the_least_blank_is_chosen() -> None:
    hardly_blank = BLACK.copy()
    hardly_blank[:2] = 30

    chosen = spread([candidate(0, BLACK), candidate(1, hardly_blank), candidate(2, GREY)], 3, 0, 3)

    assert times(chosen) == [1]
