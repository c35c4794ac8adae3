"""Only the files that the index knows are ever sent, whatever is asked for."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.web import create_app
from tests.filling import fill
from tests.web.serving import served

SECRET = "root:x:0:0"
TRAVERSALS = (
    "/media/../../etc/passwd",
    "/media/..%2f..%2fetc%2fpasswd",
    "/media/%2e%2e/%2e%2e/etc/passwd",
    "/media//etc/passwd",
    "/media/1/../../../etc/passwd",
    "/media/1%00",
    "/media/-1",
    "/media/1e1",
    "/media/0x1",
    "/thumbnails/../../etc/passwd",
    "/static/../../../../../../../etc/passwd",
    "/static/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%5c..%5c..%5cetc%5cpasswd",
    "/static//etc/passwd",
    "/static/%2fetc%2fpasswd",
    "/static/../security.py",
    "/static/..%2fsecurity.py",
    "/static/../templates/base.html",
    "/static/",
    "/static/js",
    "/static/js/",
    "/static/style.css%00.html",
    "/etc/passwd",
    "//etc/passwd",
    "/../../../etc/passwd",
    "file:///etc/passwd",
)


@pytest.fixture
def clip(engine: Engine, tmp_path: Path) -> Path:
    """The file of the only video in the test's library, indexed as it lies there."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a video")
    fill(engine, videos=1)
    index(engine, path)
    return path


def index(engine: Engine, path: Path) -> None:
    """Notes the path as that of the video, with its size and time as a scan does."""
    found = path.stat()
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE video_files SET path = :path, size_bytes = :size, mtime = :mtime"),
            {
                "path": str(path),
                "size": found.st_size,
                "mtime": datetime.fromtimestamp(found.st_mtime_ns // 1000 / 1e6, UTC),
            },
        )


@pytest.fixture
def media(engine: Engine, own_client: FlaskClient, clip: Path) -> Callable[[], int]:
    """Asks for the video's file, as it is, converted and cut; returns the status they agree on."""
    assert clip.exists()
    with engine.connect() as connection:
        video_id = connection.execute(text("SELECT id FROM videos")).scalar_one()

    def ask() -> int:
        # The headers suffice: what lies here is no video that could be converted.
        ways = ("", "/converted", "/clip")
        given = {way: own_client.head(f"/media/{video_id}{way}").status_code for way in ways}
        assert len(set(given.values())) == 1, given
        return given[""]

    return ask


def test_no_path_leads_out_of_what_is_served(drawn_library: Engine) -> None:
    with served(create_app(drawn_library)) as server:
        for path in TRAVERSALS:
            answer = server.request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")

            assert answer.status in (308, 400, 404), path
            assert SECRET not in answer.data.decode("utf-8", "replace"), path


def test_a_video_that_is_hidden_or_failed_is_not_sent(
    engine: Engine, media: Callable[[], int]
) -> None:
    assert media() == 200
    for change in (
        "UPDATE video_files SET state = 'missing'",
        "UPDATE video_files SET state = 'present'; UPDATE videos SET status = 'failed'",
        "UPDATE videos SET status = 'pending'",
    ):
        with engine.begin() as connection:
            connection.execute(text(change))
        assert media() == 404, change


def test_a_video_that_was_removed_is_not_sent(engine: Engine, media: Callable[[], int]) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE video_files SET state = 'removed', video_id = NULL"))

    assert media() == 404


def test_a_file_that_became_a_link_to_another_is_not_sent(
    media: Callable[[], int], clip: Path
) -> None:
    clip.unlink()
    clip.symlink_to("/etc/passwd")

    assert media() == 404


def test_a_link_is_sent_as_long_as_it_leads_to_what_was_indexed(
    engine: Engine, media: Callable[[], int], clip: Path
) -> None:
    real, other = clip.with_name("real.mp4"), clip.with_name("other.mp4")
    clip.rename(real)
    other.write_bytes(b"another video")
    clip.symlink_to(real)
    index(engine, clip)
    assert media() == 200

    clip.unlink()
    clip.symlink_to(other)
    assert media() == 404

    other.write_bytes(real.read_bytes())
    assert media() == 404, "the same size is not the same file"


def test_a_file_that_became_a_pipe_a_folder_or_a_device_is_not_opened(
    media: Callable[[], int], clip: Path
) -> None:
    clip.unlink()
    os.mkfifo(clip)
    assert media() == 404

    clip.unlink()
    clip.mkdir()
    assert media() == 404

    clip.rmdir()
    clip.symlink_to("/dev/zero")
    assert media() == 404


def test_a_file_that_was_changed_in_its_place_is_still_sent(
    media: Callable[[], int], clip: Path
) -> None:
    clip.write_bytes(b"the video with other tags")

    assert media() == 200
