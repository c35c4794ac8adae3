"""Videos as browsers get them: from a second on, upright, in sync, whatever they were before."""

import io
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from app.errors import MediaError
from app.supervisor import worker_command
from tests.media import Pixels, place, plain, quadrants, write_clip
from workers.transcode import FRAGMENTED, transcode

FPS = 25
FRAMES = 125
FROM_S = 2.52

FORMATS = {
    "mpeg4.avi": ("mpeg4", "yuv420p"),
    "mjpeg.avi": ("mjpeg", "yuvj420p"),
    "wmv2.wmv": ("wmv2", "yuv420p"),
    "mpeg2.mpg": ("mpeg2video", "yuv420p"),
    "mpeg2.ts": ("mpeg2video", "yuv420p"),
    "flash.flv": ("flv", "yuv420p"),
    "hevc.mkv": ("libx265", "yuv420p"),
    "palette.gif": ("gif", "rgb8"),
    "palette.apng": ("apng", "rgb24"),
}


def numbered(count: int) -> list[Pixels]:
    """Pictures that show their own number in eight bars, black for 0 and white for 1."""
    bits = [[number >> bit & 1 for bit in range(8)] for number in range(count)]
    return [
        np.tile(np.repeat(np.array(row, np.uint8) * 255, 20)[None, :, None], (90, 1, 3))
        for row in bits
    ]


def number_of(picture: Pixels) -> int:
    """The number that a picture shows."""
    bars = picture.reshape(90, 8, 20, 3).mean(axis=(0, 2, 3)) > 128
    return sum(1 << bit for bit in range(8) if bars[bit])


def pictures(data: bytes | Path) -> list[tuple[float, Pixels]]:
    """Times and pictures of a video."""
    with av.open(io.BytesIO(data) if isinstance(data, bytes) else str(data), "r") as container:
        return [
            (frame.time or 0.0, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            for frame in container.decode(video=0)
        ]


def difference(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def converted(path: Path, tmp_path: Path, from_s: float = 0.0) -> list[tuple[float, Pixels]]:
    output = tmp_path / "converted.mp4"
    transcode(path, str(output), from_s=from_s, muxer_options=FRAGMENTED)
    return pictures(output)


@pytest.mark.parametrize("name", FORMATS)
def test_a_conversion_is_the_video_from_its_second_on(name: str, tmp_path: Path) -> None:
    codec, pix_fmt = FORMATS[name]
    path = write_clip(tmp_path / name, numbered(FRAMES), codec=codec, pix_fmt=pix_fmt)

    found = converted(path, tmp_path, FROM_S)

    first = round(FROM_S * FPS)
    assert [number_of(picture) for _, picture in found] == list(range(first, FRAMES))
    assert found[0][0] == 0
    assert found[-1][0] == pytest.approx((FRAMES - 1 - first) / FPS, abs=0.02)


def test_an_animated_webp_is_converted(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "moving.webp", numbered(50), codec="libwebp_anim", pix_fmt="yuv420p"
    )

    found = converted(path, tmp_path, 1.0)

    assert [number_of(picture) for _, picture in found] == list(range(25, 50))


def test_a_second_between_two_frames_shows_the_one_before_it(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "slides.mkv", [place(0), place(1), place(2)], times_s=[0, 4, 8], codec="mpeg4"
    )

    found = converted(path, tmp_path, 6.0)

    assert difference(found[0][1], place(1)) < 12
    assert [t_s for t_s, _ in found] == [0, 2]


def test_after_its_end_a_video_shows_its_last_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "short.avi", numbered(25), codec="mpeg4")

    assert len(converted(path, tmp_path, 99.0)) == 1


def test_a_turned_video_is_upright(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "turned.mp4", [quadrants()] * FPS, turn={"degrees": 90}, codec="libx265"
    )

    (_, picture), *_ = converted(path, tmp_path)

    assert picture.shape[:2] == (160, 90)
    assert difference(picture, np.rot90(quadrants())) < 12


def test_a_large_video_shrinks_to_720_lines_of_even_length(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "large.avi", [plain((9, 99, 9), 1922, 1080)] * 3, codec="mpeg4")

    (_, picture), *_ = converted(path, tmp_path)

    assert picture.shape == (720, 1282, 3)


def test_colours_and_brightness_stay(tmp_path: Path) -> None:
    for name, (codec, pix_fmt) in FORMATS.items():
        path = write_clip(tmp_path / name, [quadrants()] * 5, codec=codec, pix_fmt=pix_fmt)

        (_, picture), *_ = converted(path, tmp_path)

        assert difference(picture, quadrants()) < 10, name


def write_with_beep(
    path: Path,
    codecs: tuple[str, str],
    beep_s: float,
    length_s: int,
    options: dict[str, str] | None = None,
    sound_s: float | None = None,
) -> Path:
    """Black pictures and silence, until both white and a tone begin at a second.

    The sound lasts as long as the pictures, unless `sound_s` says how long.
    """
    rate = 44_100
    with av.open(str(path), "w") as container:
        video = container.add_stream(codecs[0], FPS, options=options or {})
        audio = container.add_stream(codecs[1], rate)
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        video.width, video.height, video.pix_fmt = 160, 90, "yuv420p"
        audio.codec_context.layout = "stereo"
        for index in range(length_s * FPS):
            shade = 255 if index / FPS >= beep_s else 0
            frame = av.VideoFrame.from_ndarray(plain((shade,) * 3), format="rgb24")
            container.mux(video.encode(frame.reformat(format="yuv420p")))
        times = np.arange(round((length_s if sound_s is None else sound_s) * rate)) / rate
        tone = np.where(times >= beep_s, np.sin(2 * np.pi * 880 * times), 0).astype(np.float32)
        for start in range(0, len(times), 1024):
            part = np.ascontiguousarray(np.stack([tone[start : start + 1024]] * 2))
            sound = AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            sound.sample_rate, sound.pts, sound.time_base = rate, start, Fraction(1, rate)
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


def beginnings(data: Path) -> tuple[float, float]:
    """When a video turns white, and when it begins to be heard."""
    white_s = next(t_s for t_s, picture in pictures(data) if picture.mean() > 128)
    with av.open(str(data)) as container:
        for frame in container.decode(audio=0):
            loud = np.abs(frame.to_ndarray()).max(axis=0) > 0.2
            if loud.any():
                return white_s, float(frame.time or 0) + int(np.argmax(loud)) / frame.sample_rate
    raise AssertionError("there is no sound")


@pytest.mark.parametrize("codecs", [("mpeg4", "mp2"), ("mpeg4", "ac3")])
@pytest.mark.parametrize("from_s", [0.0, 1.3])
def test_sound_stays_with_its_pictures(
    codecs: tuple[str, str], from_s: float, tmp_path: Path
) -> None:
    path = write_with_beep(tmp_path / "beep.avi", codecs, beep_s=2.0, length_s=4)
    output = tmp_path / "converted.mp4"

    transcode(path, str(output), from_s=from_s, muxer_options=FRAGMENTED)

    white_s, loud_s = beginnings(output)
    assert white_s == pytest.approx(2.0 - from_s, abs=0.05)
    assert loud_s == pytest.approx(white_s, abs=0.06)


def run_child(arguments: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
    command = worker_command("--quiet", "transcode", *arguments)
    return subprocess.run(command, capture_output=True, check=False)


def test_a_child_writes_the_video_to_its_output(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "old.avi", numbered(50), codec="mpeg4")

    child = run_child(["--from", "1", "--", str(path)])

    assert child.returncode == 0
    assert len(pictures(child.stdout)) == FPS


def test_a_broken_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.avi"
    path.write_bytes(b"RIFF nothing of the kind")

    child = run_child([str(path)])

    assert child.returncode == 2
    assert child.stdout == b""
    assert child.stderr.decode().count("\n") == 1


def test_what_has_no_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no video at all")

    with pytest.raises(MediaError, match="not a video"):
        transcode(path, str(tmp_path / "converted.mp4"))
