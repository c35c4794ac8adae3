"""Clips out of videos: as they are where that can be exact, encoded anew where not."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.packet import Packet

import workers.cut
import workers.excerpt
from app.supervisor import worker_command
from tests.integration.test_transcode import (
    beginnings,
    number_of,
    numbered,
    pictures,
    write_with_beep,
)
from tests.media import Pixels, quadrants, write_clip
from workers.container import packets
from workers.cut import cut
from workers.video import probe

FPS = 25
# A key frame every second, and pictures that are stored in another order than they are shown in.
KEY_EVERY_S = {"g": "25", "keyint_min": "25", "sc_threshold": "0", "bf": "2"}


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of numbered pictures with a key frame every second."""
    path = tmp_path_factory.mktemp("numbers") / "numbers.mp4"
    return write_clip(path, numbered(125), options=KEY_EVERY_S)


def shown(clip: Path) -> list[int]:
    return [number_of(picture) for _, picture in pictures(clip)]


def test_a_clip_that_starts_with_a_key_frame_is_copied(numbers: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"

    copied = cut(numbers, clip, start_s=2.0, end_s=4.0)

    assert copied
    # Encoded by the same encoder, bit for bit: what is shown tells which pictures they are.
    assert shown(clip)[:50] == list(range(50, 100))
    assert len(shown(clip)) <= 53


def test_a_clip_that_starts_elsewhere_is_exact_all_the_same(numbers: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"

    copied = cut(numbers, clip, start_s=2.48, end_s=4.0)

    assert not copied
    assert shown(clip) == list(range(62, 100))


def test_a_clip_of_the_whole_video_is_the_video(numbers: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"

    copied = cut(numbers, clip, start_s=0.0, end_s=5.0)

    assert copied
    assert shown(clip) == list(range(125))


@pytest.mark.parametrize(
    ("name", "codec", "is_copied"),
    [
        ("a.mkv", "libx264", True),
        ("a.ts", "libx264", True),
        ("a.mkv", "libx265", True),
        ("a.webm", "libvpx-vp9", True),
        ("a.avi", "mpeg4", False),
        ("a.mpg", "mpeg2video", False),
        ("a.wmv", "wmv2", False),
    ],
)
def test_what_fits_an_mp4_is_copied(name: str, codec: str, is_copied: bool, tmp_path: Path) -> None:
    options = {
        "libx264": KEY_EVERY_S,
        "libx265": {"x265-params": "keyint=25:min-keyint=25:scenecut=0:log-level=0"},
        "libvpx-vp9": {"g": "25", "keyint_min": "25", "cpu-used": "8", "deadline": "realtime"},
    }.get(codec)
    path = write_clip(tmp_path / name, numbered(75), codec=codec, options=options)
    clip = tmp_path / "clip.mp4"

    copied = cut(path, clip, start_s=1.0, end_s=2.0)

    assert copied == is_copied
    assert shown(clip)[:25] == list(range(25, 50))


def first_picture_s(path: Path) -> float:
    """When the pictures begin, by a clock that begins with the sound."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        begins_s = float((video.start_time or 0) * (video.time_base or 0))
        return begins_s - (container.start_time or 0) / av.time_base


@pytest.mark.parametrize(("after_s", "is_copied"), [(1.0, True), (1.3, False)])
@pytest.mark.parametrize("name", ["beep.mp4", "beep.mkv", "beep.ts"])
def test_sound_stays_with_its_pictures(
    name: str, after_s: float, is_copied: bool, tmp_path: Path
) -> None:
    path = write_with_beep(
        tmp_path / name, ("libx264", "aac"), beep_s=2.0, length_s=4, options=KEY_EVERY_S
    )
    clip = tmp_path / "clip.mp4"
    start_s = first_picture_s(path) + after_s

    copied = cut(path, clip, start_s=start_s, end_s=start_s + 2.5)

    assert copied == is_copied
    white_s, loud_s = beginnings(clip)
    assert white_s == pytest.approx(2.0 - after_s, abs=0.05)
    assert loud_s == pytest.approx(white_s, abs=0.06)
    with av.open(str(clip)) as container:
        starts_s = [float((s.start_time or 0) * (s.time_base or 0)) for s in container.streams]
    assert len(starts_s) == 2
    assert abs(starts_s[0] - starts_s[1]) < 0.05


def stored_late(path: Path, output: Path, late_s: float) -> Path:
    """Copies a video so that its sound is stored behind the pictures of so much later."""
    # The muxer keeps to the order of writing where it may not hold back even a microsecond.
    options = {"max_interleave_delta": "1"}
    with av.open(str(path)) as source, av.open(str(output), "w", options=options) as container:
        copies = [container.add_stream_from_template(cast(Any, s)) for s in source.streams]
        stored = [packet for packet in source.demux() if packet.dts is not None]
        lags_s = [late_s if stream.type == "audio" else 0.0 for stream in source.streams]
        stored.sort(key=lambda packet: stored_s(packet) + lags_s[packet.stream_index])
        for packet in stored:
            packet.stream = copies[packet.stream_index]
            container.mux(packet)
    return output


def stored_s(packet: "Packet[Any]") -> float:
    assert packet.dts is not None
    return float(packet.dts * packet.time_base)


def ends(clip: Path) -> tuple[float, float]:
    """When the last picture of a clip is over, and when it is heard no more."""
    with av.open(str(clip)) as container:
        heard_s = 0.0
        for frame in container.decode(audio=0):
            (loud,) = np.nonzero(np.abs(frame.to_ndarray()).max(axis=0) > 0.2)
            if len(loud):
                heard_s = float(frame.time or 0) + int(loud[-1]) / frame.sample_rate
    return pictures(clip)[-1][0] + 1 / FPS, heard_s


@pytest.mark.parametrize(
    ("name", "codecs", "late_s"),
    [
        ("late.mp4", ("libx264", "aac"), 1.0),
        ("late.mkv", ("libx264", "aac"), 1.0),
        ("late.ts", ("libx264", "aac"), 0.7),
        ("late.avi", ("mpeg4", "mp2"), 1.0),
    ],
)
def test_sound_that_is_stored_late_is_heard_to_the_end(
    name: str, codecs: tuple[str, str], late_s: float, tmp_path: Path
) -> None:
    usual, clip = tmp_path / f"usual-{name}", tmp_path / "clip.mp4"
    write_with_beep(usual, codecs, beep_s=0.0, length_s=6, options={"bf": "0"})
    path = stored_late(usual, tmp_path / name, late_s)
    start_s = first_picture_s(path) + 1.3

    copied = cut(path, clip, start_s=start_s, end_s=start_s + 2.0)

    assert not copied
    gone_s, silent_s = ends(clip)
    assert gone_s == pytest.approx(2.0, abs=1 / FPS)
    assert silent_s == pytest.approx(gone_s, abs=2 / FPS)


@pytest.mark.parametrize("start_s", [0.0, 0.5])
def test_a_turned_video_stays_upright(start_s: float, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "turned.mp4", [quadrants()] * 50, turn={"degrees": 90})
    clip = tmp_path / "clip.mp4"

    copied = cut(path, clip, start_s=start_s, end_s=1.5)

    info = probe(clip)
    assert copied == (start_s == 0)
    assert (info.width, info.height) == (90, 160)


@pytest.mark.parametrize(
    ("start_s", "keys_every", "is_copied"), [(0, "25", True), (4, "25", True), (4, "9999", False)]
)
def test_a_clip_is_read_only_so_far_though_the_sound_ends_early(
    start_s: float,
    keys_every: str,
    is_copied: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = {"g": keys_every, "keyint_min": keys_every, "sc_threshold": "0"}
    path = tmp_path / "short.mp4"
    write_with_beep(path, ("libx264", "aac"), 0.5, length_s=40, options=options, sound_s=1)
    start_s += first_picture_s(path)
    read: list[Packet[Any]] = []
    monkeypatch.setattr(workers.cut, "packets", lambda source: noted(packets(source), read))
    monkeypatch.setattr(workers.cut, "transcode", lambda *_, **__: None)

    copied = cut(path, tmp_path / "clip.mp4", start_s=start_s, end_s=start_s + 1)

    assert copied == is_copied
    last = max(packet.dts * packet.time_base for packet in read if packet.dts is not None)
    assert last < start_s + 10


@pytest.mark.parametrize(("sound_s", "read_on_s"), [(0.5, 7.0), (None, 1.0)])
def test_a_clip_is_encoded_without_reading_on_to_the_end_of_the_video(
    sound_s: float | None, read_on_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.avi"
    write_with_beep(path, ("mpeg4", "mp2"), 0.5, length_s=20, sound_s=sound_s)
    read: list[Packet[Any]] = []
    monkeypatch.setattr(workers.excerpt, "packets", lambda source: noted(packets(source), read))

    copied = cut(path, tmp_path / "clip.mp4", start_s=1.1, end_s=2.0)

    assert not copied
    last = max(stored_s(packet) for packet in read if packet.dts is not None)
    assert last < 2.0 + read_on_s


def test_a_clip_without_sound_is_read_only_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "silent.avi", numbered(125), codec="mpeg4")
    read: list[Packet[Any]] = []
    monkeypatch.setattr(workers.excerpt, "packets", lambda source: noted(packets(source), read))

    cut(path, tmp_path / "clip.mp4", start_s=1.1, end_s=2.0)

    last = max(stored_s(packet) for packet in read if packet.dts is not None)
    assert last < 3.0


def noted(source: "Iterator[Packet[Any]]", read: "list[Packet[Any]]") -> "Iterator[Packet[Any]]":
    for packet in source:
        read.append(packet)
        yield packet


def test_a_child_writes_the_clip(numbers: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    times = ["--start", "1", "--end", "2"]

    child = subprocess.run(
        worker_command("--quiet", "cut", *times, "--", str(numbers), str(clip)), check=False
    )

    assert child.returncode == 0
    assert shown(clip)[:25] == list(range(25, 50))


def test_a_copy_that_grows_too_large_is_explained(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    noise: list[Pixels] = [
        random.integers(0, 256, (360, 640, 3), dtype=np.uint8) for _ in range(25)
    ]
    path, clip = write_clip(tmp_path / "noise.mp4", noise), tmp_path / "clip.mp4"
    times = ["--start", "0", "--end", "1", "--max-mb", "1"]

    child = subprocess.run(
        worker_command("--quiet", "cut", *times, "--", str(path), str(clip)),
        check=False,
        stderr=subprocess.PIPE,
    )

    assert child.returncode == 2
    assert clip.stat().st_size <= 2**20 < path.stat().st_size
    assert b"cut a shorter part" in child.stderr
