"""Clips to keep: a part of a video as a file of its own."""

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.web import conversion, create_app, media
from app.web.media import clip_name
from tests.filling import fill
from tests.integration.test_transcode import number_of, numbered, pictures
from tests.media import write_clip
from tests.web.conftest import SetFile
from tests.web.serving import Server, served
from tests.web.test_conversion import WATERMARK, noise, page, wait_until, watching

__all__ = ["noise", "page"]


@pytest.fixture
def video(engine: Engine, tmp_path: Path) -> str:
    """Five seconds of numbered pictures, in a format that has to be encoded anew."""
    path = write_clip(tmp_path / "numbers.avi", numbered(125), codec="mpeg4")
    fill(engine, videos=1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE video_files SET path = :path"), {"path": str(path)})
        connection.execute(text("UPDATE videos SET duration_s = 5, title = 'Numbers: 0/124'"))
    return "/media/1"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_clip_is_a_file_of_its_own(
    engine: Engine, video: str, scratch: Path, tmp_path: Path
) -> None:
    with served(create_app(engine)) as server:
        reply = server.request(
            f"GET {video}/clip?start=1&end=2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )

    path = tmp_path / "clip.mp4"
    path.write_bytes(reply.data)
    assert reply.status == 200
    assert int(reply.headers["Content-Length"]) == len(reply.data)
    assert "Numbers 0 124 0.01-0.02.mp4" in reply.headers["Content-Disposition"]
    assert [number_of(picture) for _, picture in pictures(path)] == list(range(25, 50))
    assert list(scratch.iterdir()) == []


def test_the_headers_of_a_clip_come_without_cutting(
    own_client: FlaskClient, video: str, tmp_path: Path
) -> None:
    (tmp_path / "numbers.avi").write_bytes(b"nothing that could be cut")

    reply = own_client.head(f"{video}/clip?start=1&end=2")

    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "video/mp4"
    assert "Numbers 0 124 0.01-0.02.mp4" in reply.headers["Content-Disposition"]


def test_a_clip_that_grows_too_large_is_explained(
    own_client: FlaskClient,
    set_file: SetFile,
    noise: Path,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(media, "MAX_CLIP_MB", 1)

    reply = own_client.get(f"{set_file(noise)}/clip?start=0&end=4")

    assert reply.status_code == 422
    assert "cut a shorter part, or make room for temporary files" in reply.text
    assert list(scratch.iterdir()) == []


def test_a_clip_is_not_begun_on_a_full_disk(
    own_client: FlaskClient, video: str, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scratch.is_dir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))

    reply = own_client.get(f"{video}/clip?start=1&end=2")

    assert reply.status_code == 422
    assert "set TMPDIR to another folder" in reply.text


def is_cut(server: Server, address: str) -> bool:
    """Whether a clip comes, which it does where there is room for it."""
    return server.request(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200


def test_a_clip_keeps_its_place_until_it_is_taken(
    page: Flask, set_file: SetFile, noise: Path
) -> None:
    address = f"{set_file(noise)}/clip?start=0&end=4"
    with served(page, **WATERMARK) as server:
        with watching(server, address):
            assert not is_cut(server, address)

        wait_until(lambda: is_cut(server, address))


def test_who_does_not_take_a_clip_is_hung_up_on(
    page: Flask, set_file: SetFile, noise: Path
) -> None:
    address = f"{set_file(noise)}/clip?start=0&end=4"
    page.extensions[conversion.EXTENSION] = conversion.Conversions(1, stalled_s=0.5)
    with served(page, **WATERMARK) as server, watching(server, address):
        wait_until(lambda: is_cut(server, address))


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("start=9&end=12", "the video ends at 5 s"),
        ("start=3&end=3", "it must come after start"),
        ("start=0&end=601", "a clip may last 600 s"),
        ("start=x&end=3", "start must be a time in seconds"),
    ],
)
def test_a_part_that_cannot_be_cut_is_explained(
    own_client: FlaskClient, video: str, asked: str, reason: str
) -> None:
    reply = own_client.get(f"{video}/clip?{asked}", headers={"Accept": "application/json"})

    assert reply.status_code == 400
    assert reply.json is not None
    assert reason in reply.json["error"]


def test_a_clip_of_a_broken_file_is_explained(
    own_client: FlaskClient, video: str, scratch: Path, tmp_path: Path
) -> None:
    (tmp_path / "numbers.avi").write_bytes(b"RIFF nothing of the kind")

    reply = own_client.get(f"{video}/clip?start=1&end=2")

    assert reply.status_code == 422
    assert "cannot be cut: is not a video" in reply.text
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("A day at sea", "A day at sea 1.02.03-1.02.09.mp4"),
        ("../../etc/passwd", "etc passwd 1.02.03-1.02.09.mp4"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gpj\n\r", "gpj 1.02.03-1.02.09.mp4"),
        ("!?", "clip 1.02.03-1.02.09.mp4"),
        ("日本", "日本 1.02.03-1.02.09.mp4"),
        ("x" * 500, f"{'x' * 80} 1.02.03-1.02.09.mp4"),
    ],
)
def test_a_title_makes_a_safe_file_name(title: str, expected: str) -> None:
    assert clip_name(title, 3723, 3729) == expected
