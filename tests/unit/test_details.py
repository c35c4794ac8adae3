"""What is said about a video: the sidecar goes before the container, that before the file name."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workers.details import describe
from workers.video import VideoInfo

RECORDED_AT = datetime(2026, 2, 3, tzinfo=UTC)
CONTAINER = VideoInfo(
    duration_s=1.0,
    width=64,
    height=48,
    fps=25.0,
    codec="h264",
    container="mp4",
    frame_count=25,
    title="From the container",
    recorded_at=RECORDED_AT,
    tags={"encoder": "some\0thing"},
    subtitles=False,
)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return tmp_path / "my clip.mp4"


def test_the_container_speaks_where_there_is_no_sidecar(video: Path) -> None:
    details = describe(video, CONTAINER, collection="given")

    assert (details.title, details.collection) == ("From the container", "given")
    assert details.recorded_at == RECORDED_AT
    assert details.warning is None


def test_the_file_name_is_the_title_where_nobody_speaks(video: Path) -> None:
    nameless = VideoInfo(**{**vars(CONTAINER), "title": None})

    assert describe(video, nameless).title == "my clip"


def test_the_sidecar_goes_before_the_container(video: Path) -> None:
    video.with_suffix(".json").write_text(
        json.dumps(
            {
                "title": "From the sidecar",
                "collection": "news",
                "tags": ["a", "b", "a"],
                "recorded_at": "2026-05-06T07:08:09",
                "metadata": {"camera": "GoPro", "n": 3},
                "something else": "is ignored",
            }
        )
    )

    details = describe(video, CONTAINER, collection="given")

    assert (details.title, details.collection) == ("From the sidecar", "news")
    assert details.tags == ("a", "b")
    assert details.recorded_at == datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert details.metadata["camera"] == "GoPro"


def test_what_postgres_cannot_keep_is_left_out(video: Path) -> None:
    video.with_suffix(".json").write_text(r'{"metadata": {"a\u0000": ["b\u0000", "\ud800"]}}')

    metadata = describe(video, CONTAINER).metadata

    assert metadata == {"encoder": "something", "a": ["b", "?"]}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"tags": "news"}',
        '{"recorded_at": "soon"}',
        '{"metadata": {"n": NaN}}',
        "\xff",
        '{"metadata": {"n": 1e999}}',
        "[" * 100_000,
    ],
)
def test_a_broken_sidecar_is_left_aside_with_a_warning(video: Path, content: str) -> None:
    video.with_suffix(".json").write_bytes(content.encode("latin-1"))

    details = describe(video, CONTAINER)

    assert details.title == "From the container"
    assert details.warning is not None
    assert details.warning.startswith("my clip.json was left aside: ")
    assert "\n" not in details.warning
