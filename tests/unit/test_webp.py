"""Animated WebP, which is decoded like any other video."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from app.errors import MediaError, UnreadableError
from app.sampling import Sampling
from tests.media import plain
from workers.frames import DecodedFrame
from workers.scenes import analyse
from workers.video import open_video, probe

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def write_webp(path: Path, pictures: list[Image.Image], lengths_ms: list[int]) -> Path:
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=lengths_ms, lossless=True
    )
    return path


@pytest.fixture
def webp(tmp_path: Path) -> Path:
    """Red for half a second, green for one, blue for two."""
    pictures = [Image.fromarray(plain(colour)) for colour in (RED, GREEN, BLUE)]
    return write_webp(tmp_path / "moving.webp", pictures, [500, 1000, 2000])


def decode(path: Path) -> list[DecodedFrame]:
    with open_video(path) as video:
        return list(video)


def test_frames_are_shown_for_as_long_as_they_say(webp: Path) -> None:
    with open_video(webp) as video:
        assert [frame.t_s for frame in video] == [0.0, 0.5, 1.5]
        assert video.duration_s == 3.5
        assert video.warning is None


def test_frames_have_their_colours(webp: Path) -> None:
    assert [frame.image().getpixel((80, 45)) for frame in decode(webp)] == [RED, GREEN, BLUE]


def test_it_says_about_itself_what_other_videos_do(webp: Path) -> None:
    info = probe(webp)

    assert (info.width, info.height, info.codec, info.frame_count) == (160, 90, "webp", 3)


def test_it_has_scenes_and_samples(webp: Path) -> None:
    samples: list[float] = []

    analysis = analyse(
        webp, Sampling.parse("every:1s"), on_sample=lambda sample: samples.append(sample.t_s)
    )

    assert analysis.scenes[-1].end_s == 3.5
    assert samples


def test_it_has_key_frames_only(webp: Path) -> None:
    with open_video(webp, key_frames_only=True) as video:
        assert len(list(video)) == 3


def test_frames_that_claim_to_last_no_time_last_as_long_as_in_a_browser(tmp_path: Path) -> None:
    pictures = [Image.fromarray(plain(colour)) for colour in (RED, GREEN, BLUE)]
    hasty = write_webp(tmp_path / "hasty.webp", pictures, [10, 10, 10])

    assert [frame.t_s for frame in decode(hasty)] == [0.0, 0.1, 0.2]


def test_what_is_transparent_shows_white(tmp_path: Path) -> None:
    clear = [Image.new("RGBA", (16, 16), (1, 2, number, 0)) for number in (0, 255)]
    # Two frames alike would be written as one.
    clear[1].putpixel((0, 0), (0, 0, 0, 255))
    path = write_webp(tmp_path / "clear.webp", clear, [100, 100])

    assert decode(path)[0].image().getpixel((8, 8)) == WHITE


def test_what_was_cut_short_is_refused(webp: Path) -> None:
    webp.write_bytes(webp.read_bytes()[:-50])

    with pytest.raises(MediaError, match="is damaged or incomplete"):
        probe(webp)


def test_a_disk_that_fails_is_no_damage_of_the_file(
    webp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Image, "open", fail)

    with pytest.raises(UnreadableError, match=r"^cannot be read: Input/output error$"):
        probe(webp)


def test_a_canvas_that_fills_the_memory_is_refused(webp: Path) -> None:
    data = bytearray(webp.read_bytes())
    data[24:30] = b"\xff" * 6
    webp.write_bytes(data)

    with pytest.raises(MediaError, match="is too large: 16777216 x 16777216 pixels"):
        probe(webp)
