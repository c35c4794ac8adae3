"""What is said in a video, from inside of it or from a file beside it."""

import os
from dataclasses import replace
from pathlib import Path

import av
import pytest

from tests.media import shot, write_clip
from workers.analysis import Subtitle
from workers.demo import add_subtitles, encode_subtitle, render_library
from workers.demo_library import LIBRARY
from workers.subtitles import read_subtitles
from workers.video import probe

HARD_FILES = os.environ.get("SCENEQL_TEST_MEDIA_EDGE")

SRT = """1
00:00:00,500 --> 00:00:02,000
<i>Grüße</i> from {\\an8}the <b>sea</b>
and the hills

2
00:00:03,000 --> 00:00:04,250
Goodbye
"""
EXPECTED = [
    Subtitle(0.5, 2.0, "Grüße from the sea\nand the hills"),
    Subtitle(3.0, 4.25, "Goodbye"),
]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", shot(1, 10))


def read(path: Path) -> list[Subtitle]:
    return read_subtitles(path, probe(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_subtitle_file_beside_the_video_is_read_in_any_encoding(
    clip: Path, encoding: str
) -> None:
    clip.with_suffix(".srt").write_bytes(SRT.encode(encoding))

    assert read(clip) == EXPECTED


def test_webvtt_is_read_without_its_voices_and_classes(clip: Path) -> None:
    clip.with_suffix(".vtt").write_text(
        "WEBVTT\n\nNOTE by hand\n\n00:01.000 --> 00:02.000 align:start\n"
        "<v Ann>Salt &amp; <c.loud>pepper</c>\n"
    )

    assert read(clip) == [Subtitle(1.0, 2.0, "Salt & pepper")]


def test_subtitles_come_in_the_order_in_which_they_are_shown(clip: Path) -> None:
    clip.with_suffix(".srt").write_text(
        "1\n00:00:03,000 --> 00:00:04,000\nlater\n\n2\n00:00:01,000 --> 00:00:02,000\nsooner\n"
    )

    assert [subtitle.text for subtitle in read(clip)] == ["sooner", "later"]


def test_subtitles_inside_the_video_are_read(tmp_path: Path) -> None:
    script = next(video for video in LIBRARY if video.subtitles)
    shorter = replace(script, scenes=script.scenes[:1], subtitles=script.subtitles[:1])

    (video,) = render_library(tmp_path, library=[shorter])

    assert probe(video).subtitles
    assert read(video) == list(shorter.subtitles)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "ass"), ("a.mkv", "subrip"), ("a.mp4", "mov_text")]
)
def test_subtitles_are_read_from_each_kind_of_track(tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", 25)
        pictures.width, pictures.height, pictures.pix_fmt = 160, 90, "yuv420p"
        track = add_subtitles(container, codec)
        for picture in shot(1, 100):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(pictures.encode(None))
        for number, line in enumerate(EXPECTED):
            container.mux(encode_subtitle(track, number, line))

    assert [(line.start_s, line.text) for line in read(path)] == [
        (line.start_s, line.text) for line in EXPECTED
    ]


def test_the_file_beside_the_video_counts_more_than_what_is_inside(tmp_path: Path) -> None:
    script = next(video for video in LIBRARY if video.subtitles)
    (video,) = render_library(tmp_path, library=[replace(script, scenes=script.scenes[:1])])
    video.with_suffix(".srt").write_text(SRT)

    assert read(video) == EXPECTED


def test_a_video_without_subtitles_has_none(clip: Path) -> None:
    assert read(clip) == []


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe garbage", b"no times at all"])
def test_a_broken_subtitle_file_does_the_video_no_harm(clip: Path, content: bytes) -> None:
    clip.with_suffix(".vtt").write_bytes(content)

    assert read(clip) == []


@pytest.mark.skipif(HARD_FILES is None, reason="SCENEQL_TEST_MEDIA_EDGE names no folder of files")
@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("torchcodec/test_resources_nasa_13013.mp4", "NAR: This is the optical and science"),
        ("media/mkv_sample_with_ass_subtitles.mkv", "This is the first subtitle."),
        ("media/mkv_sample_with_null_terminated_srt.mkv", "This is the first"),
    ],
)
def test_subtitles_of_real_files_are_read(name: str, first: str) -> None:
    assert read(Path(str(HARD_FILES)) / name)[0].text.startswith(first)


@pytest.mark.skipif(HARD_FILES is None, reason="SCENEQL_TEST_MEDIA_EDGE names no folder of files")
def test_subtitles_that_are_pictures_are_left_out() -> None:
    assert read(Path(str(HARD_FILES)) / "media/mkv_sample_with_vobsub.mkv") == []
