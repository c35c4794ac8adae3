"""Decoding: what a player would show and when, of whatever file there is."""

import errno
import os
import wave
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.packet import Packet
from PIL import Image

from app.errors import MediaError, UnreadableError
from tests.media import place, plain, quadrants, shot, write_clip
from workers.container import packets
from workers.frames import MAX_SIDE, SMALL_SIDE, DecodedFrame, View
from workers.video import Video, probe

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
EXAMPLES = os.environ.get("SCENEQL_TEST_MEDIA")

# Every format keeps its pictures in another way: planes, more bits, no colour, alpha, packed.
PIXEL_FORMATS = [
    ("libx264", "yuv420p", ".mp4"),
    ("libx264", "yuv444p", ".mkv"),
    ("ffv1", "yuv420p10le", ".mkv"),
    ("ffv1", "yuva420p", ".mkv"),
    ("ffv1", "rgb48le", ".mkv"),
    ("ffv1", "bgr0", ".mkv"),
    ("png", "rgb24", ".mov"),
    ("mjpeg", "yuvj420p", ".avi"),
    ("libvpx", "yuv420p", ".webm"),
    ("gif", "rgb8", ".gif"),
    ("apng", "rgba", ".apng"),
]


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters, in reading order, roughly: each 0 or 255."""
    small = np.asarray(image.resize((4, 4), Image.Resampling.NEAREST))
    return [tuple((small[y, x] > 127) * 255) for y in (0, 3) for x in (0, 3)]


def decode(path: Path, *, key_frames_only: bool = False) -> Iterator[DecodedFrame]:
    with Video(path, key_frames_only=key_frames_only) as video:
        yield from video


def times(path: Path) -> list[float]:
    return [frame.t_s for frame in decode(path)]


def test_a_file_tells_what_it_is(tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "clip.mp4",
        shot(1, 50),
        metadata={
            "title": "A walk",
            "creation_time": "2024-05-06T07:08:09Z",
            "comment": "with a dog",
        },
    )

    info = probe(clip)

    assert (info.width, info.height, info.fps, info.codec) == (160, 90, 25.0, "h264")
    assert info.duration_s == pytest.approx(2.0)
    assert info.frame_count == 50
    assert info.title == "A walk"
    assert info.recorded_at == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert info.tags == {"comment": "with a dog"}
    assert not info.subtitles


@pytest.mark.parametrize("never", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "yesterday"])
def test_a_camera_without_a_clock_recorded_at_no_known_time(tmp_path: Path, never: str) -> None:
    clip = write_clip(tmp_path / "clip.mkv", shot(1, 3), metadata={"creation_time": never})

    assert probe(clip).recorded_at is None


def test_the_clock_starts_at_zero_wherever_the_time_stamps_start(tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "late.ts", shot(1, 25), muxer_options={"output_ts_offset": "10000"}
    )

    assert times(clip) == pytest.approx([index / 25 for index in range(25)], abs=0.001)


def test_times_are_those_of_the_frames_where_the_frame_rate_varies(tmp_path: Path) -> None:
    shown_s = [0.0, 0.1, 2.5, 2.6, 7.0]
    clip = write_clip(tmp_path / "vfr.mkv", [place(i) for i in range(5)], times_s=shown_s)

    assert times(clip) == pytest.approx(shown_s)


def test_the_clock_goes_on_where_recordings_were_joined(tmp_path: Path) -> None:
    part = write_clip(tmp_path / "part.ts", shot(1, 15), fps=1, options={"bf": "0"})
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)

    assert times(joined) == pytest.approx(range(30))


def test_a_stream_that_appeared_in_the_middle_ends_nothing_early() -> None:
    first, last = Packet(), Packet()

    class Broadcast:
        """Does at its end what PyAV does when it has read of a stream that it does not know."""

        def demux(self) -> Iterator["Packet[Any]"]:
            yield from (first, last)
            raise IndexError("list index out of range")

    assert list(packets(cast(InputContainer, Broadcast()))) == [first, last]


def test_the_length_is_known_after_the_last_frame_if_the_file_does_not_tell_it(
    tmp_path: Path,
) -> None:
    clip = write_clip(tmp_path / "clip.h264", shot(1, 50))

    with Video(clip) as video:
        frames = list(video)

        assert (frames[0].t_s, frames[-1].t_s) == pytest.approx((0.0, 1.96), abs=0.1)
        assert video.info.duration_s is None
        assert video.duration_s == pytest.approx(2.0, abs=0.1)
        assert video.warning is None


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ({"degrees": 90}, [GREEN, WHITE, RED, BLUE]),
        ({"degrees": 180}, [WHITE, BLUE, GREEN, RED]),
        ({"degrees": -90}, [BLUE, RED, WHITE, GREEN]),
        ({"degrees": 0, "hflip": True}, [GREEN, RED, WHITE, BLUE]),
        ({"degrees": 0, "vflip": True}, [BLUE, WHITE, RED, GREEN]),
    ],
    ids=str,
)
def test_a_camera_held_askew_gives_upright_pictures(
    tmp_path: Path, turn: dict[str, Any], expected: list[tuple[int, ...]]
) -> None:
    clip = write_clip(tmp_path / "turned.mp4", [quadrants()] * 3, turn=turn)

    info, image = probe(clip), next(decode(clip)).image()

    assert corners(image) == expected
    assert image.size == (info.width, info.height)
    assert image.size == ((90, 160) if abs(turn["degrees"]) == 90 else (160, 90))


def test_brightness_is_taken_from_the_upright_picture(tmp_path: Path) -> None:
    upright = write_clip(tmp_path / "upright.mp4", [np.rot90(quadrants()).copy()] * 3)
    turned = write_clip(tmp_path / "turned.mp4", [quadrants()] * 3, turn={"degrees": 90})

    assert np.allclose(next(decode(upright)).luma(8), next(decode(turned)).luma(8), atol=6)


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "wide.mp4", [quadrants()] * 3, sample_aspect=Fraction(2, 1))

    assert next(decode(clip)).image().size == (320, 90)
    assert probe(clip).width == 320


@pytest.mark.parametrize(("codec", "pix_fmt", "suffix"), PIXEL_FORMATS)
def test_colours_are_right_in_any_pixel_format(
    tmp_path: Path, codec: str, pix_fmt: str, suffix: str
) -> None:
    pictures = [quadrants(), quadrants() // 2, quadrants()]
    clip = write_clip(tmp_path / f"clip{suffix}", pictures, codec=codec, pix_fmt=pix_fmt)

    frames = list(decode(clip))

    assert len(frames) == 3
    assert corners(frames[0].image()) == [RED, GREEN, BLUE, WHITE]
    blue_green_red = Image.fromarray(frames[0].small())
    assert corners(blue_green_red) == [BLUE, GREEN, RED, WHITE]


def test_what_is_transparent_shows_white(tmp_path: Path) -> None:
    clear = np.zeros((90, 160, 4), dtype=np.uint8)
    clip = write_clip(tmp_path / "clear.mov", [clear] * 2, codec="png", pix_fmt="rgba")

    assert next(decode(clip)).image().getpixel((80, 45)) == WHITE


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (1, 400), (16384, 2)], ids=str)
def test_odd_sizes_are_no_problem(tmp_path: Path, size: tuple[int, int]) -> None:
    clip = write_clip(tmp_path / "odd.mov", [plain(RED, *size)] * 2, codec="png", pix_fmt="rgb24")

    frame = next(decode(clip))

    assert max(frame.small().shape) <= SMALL_SIDE
    assert frame.luma(32).shape == (32, 32)
    assert max(frame.image().size) <= MAX_SIDE
    assert frame.image().getpixel((0, 0)) == RED


def test_large_frames_are_shrunk_before_they_are_kept(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "4k.mp4", [quadrants(3840, 2160)] * 2)

    kept = next(decode(clip)).compact()

    assert (kept.stored.width, kept.stored.height) == (1280, 720)
    assert kept.compact() is kept
    assert corners(kept.image()) == [RED, GREEN, BLUE, WHITE]


def test_colour_tags_that_mean_nothing_are_passed_over() -> None:
    stored = av.VideoFrame.from_ndarray(quadrants(), format="rgb24").reformat(format="yuv420p")
    reserved = 3
    stored.colorspace = reserved

    frame = DecodedFrame(0, 0.0, True, View.of(stored, None), stored)

    assert corners(frame.image()) == [RED, GREEN, BLUE, WHITE]


def test_only_key_frames_are_decoded_where_these_are_asked_for(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", shot(1, 50), options={"g": "10", "sc_threshold": "0"})

    frames = list(decode(clip, key_frames_only=True))

    assert [frame.t_s for frame in frames] == pytest.approx([0.0, 0.4, 0.8, 1.2, 1.6])
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]


def test_a_file_name_is_never_taken_for_a_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mp4", shot(1, 3)).rename(tmp_path / "concat:clip.mp4")

    assert probe(Path("concat:clip.mp4")).width == 160


def test_an_upload_that_broke_off_is_decoded_as_far_as_it_goes(tmp_path: Path) -> None:
    # The index comes first, as it does in files made for the web.
    pictures = [place(seed) for seed in range(100)]
    whole = write_clip(tmp_path / "whole.mp4", pictures, muxer_options={"movflags": "+faststart"})
    part = tmp_path / "part.mp4"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    with Video(part) as video:
        last = list(video)[-1]

        assert 0.5 < last.t_s < 3.5
        assert video.duration_s == pytest.approx(last.t_s + 0.04, abs=0.01)
        assert video.warning == f"cut short: {video.duration_s:.1f} s of 4.0 s could be read"


def test_damaged_frames_in_the_middle_are_left_out_and_counted(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", [place(seed) for seed in range(100)])
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    hurt = tmp_path / "hurt.mp4"
    hurt.write_bytes(data)

    with Video(hurt) as video:
        last = list(video)[-1]

        assert last.t_s == pytest.approx(3.96)
        assert str(video.warning).startswith("damaged: ")


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts"])
def test_a_disk_that_fails_for_a_moment_is_no_damage_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pictures = [place(seed) for seed in range(100)]
    clip = write_clip(tmp_path / name, pictures, muxer_options={"movflags": "+faststart"})
    half = clip.stat().st_size // 2
    failures: list[int] = []
    read = os.read

    def fail_once_in_the_middle(number: int, size: int) -> bytes:
        of_clip = os.path.samestat(os.fstat(number), clip.stat())
        if of_clip and not failures and os.lseek(number, 0, os.SEEK_CUR) + size > half:
            failures.append(number)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(number, size)

    monkeypatch.setattr(os, "read", fail_once_in_the_middle)

    with pytest.raises(UnreadableError, match=r"^cannot be read: Input/output error$"):
        list(decode(clip))

    assert len(failures) == 1
    assert len(times(clip)) == 100


def write_sound(path: Path) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 8000, "NONE", ""))
        sound.writeframes(bytes(16000))
    return path


def unusable_files(folder: Path) -> dict[str, Path]:
    """Files that are no videos, by the reason that is to be given for each."""
    made = {name: folder / name for name in ("empty.mp4", "text.mp4", "still.mp4", "whole.mp4")}
    made["empty.mp4"].touch()
    made["text.mp4"].write_text("Dear diary, today I renamed a text file.\n" * 50)
    Image.fromarray(quadrants()).save(made["still.mp4"], "PNG")
    Image.fromarray(quadrants()).save(folder / "still.webp")
    write_clip(made["whole.mp4"], shot(1, 50))
    (folder / "half.mp4").write_bytes(made["whole.mp4"].read_bytes()[:2000])
    return {
        "cannot be read: No such file or directory": folder / "gone.mp4",
        "is not a file": folder,
        "is empty (0 bytes)": made["empty.mp4"],
        "is not a video in any format that can be indexed": made["text.mp4"],
        "is a still picture": made["still.mp4"],
        "has no video stream (only audio)": write_sound(folder / "sound.wav"),
        "is damaged or incomplete: the index of an MP4 (moov) cannot be read": folder / "half.mp4",
    }


def test_a_person_is_told_why_a_file_cannot_be_used(tmp_path: Path) -> None:
    unusable = unusable_files(tmp_path)
    for reason, path in unusable.items():
        with pytest.raises(MediaError) as refused:
            probe(path)

        assert str(refused.value) == reason, path.name


def test_a_gif_with_one_frame_is_a_still_picture(tmp_path: Path) -> None:
    still = tmp_path / "still.gif"
    Image.fromarray(quadrants()).save(still)

    with pytest.raises(MediaError, match="is a still picture"):
        probe(still)


@pytest.mark.parametrize(
    ("name", "playlist"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile '{}'\n"),
    ],
)
def test_a_playlist_opens_no_other_files(tmp_path: Path, name: str, playlist: str) -> None:
    write_clip(tmp_path / "other.ts", shot(1, 25))
    (tmp_path / name).write_text(playlist.format("other.ts"))

    with pytest.raises(MediaError, match="is not a video"):
        probe(tmp_path / name)


@pytest.mark.skipif(EXAMPLES is None, reason="SCENEQL_TEST_MEDIA names no folder of clips")
def test_real_clips_are_decoded_to_their_end() -> None:
    clips = [p for p in Path(str(EXAMPLES)).rglob("*") if p.suffix in {".mp4", ".webm", ".gif"}]
    assert clips
    for clip in clips:
        if clip.stat().st_size > 1_000_000:
            continue
        with Video(clip) as video:
            shown = [frame.t_s for frame in video]

            assert shown == sorted(shown), clip
            assert shown[0] < 0.1, clip
            assert video.warning is None, clip
            assert video.duration_s == pytest.approx(video.info.duration_s, abs=0.2), clip
