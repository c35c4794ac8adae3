"""Uploads: what arrives is whole, safely named, queued, and nothing else."""

import os
import socket
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from app.config import Settings
from app.db import engine_for
from app.errors import BadRequestError
from app.uploads import SPARE_BYTES, TooLargeError, receive, safe_name
from app.web import create_app
from tests.keeping import add_source
from tests.web.serving import Server, served

BODY = b"not really a video"
MEGABYTE = 10**6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


@pytest.fixture
def uploader(engine: Engine, folder: Path, settings_of_test: Settings) -> FlaskClient:
    """A page that takes uploads of at most 1 MB."""
    settings = settings_of_test.model_copy(update={"uploads": folder, "upload_max_mb": 1})
    return create_app(engine, settings).test_client()


def put(client: FlaskClient, name: str, body: bytes = BODY) -> TestResponse:
    return client.put(f"/library/uploads/{name}", data=body, headers={"Accept": "application/json"})


def files(folder: Path) -> dict[str, bytes]:
    """All that is in the folder, hidden files included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def queued(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(
            connection.execute(
                text("SELECT args ->> 'path' FROM procrastinate.procrastinate_jobs ORDER BY id")
            ).scalars()
        )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("clip.mp4", "clip.mp4"),
        ("Clip.MP4", "Clip.MP4"),
        ("../../etc/clip.mp4", "clip.mp4"),
        ("C:\\films\\clip.mp4", "clip.mp4"),
        ("...clip.mp4", "clip.mp4"),
        (" . clip .mp4", "clip.mp4"),
        ("a\nb\0c\x7f.mp4", "a_b_c_.mp4"),
        ("evil\u202e4pm.mp4", "evil_4pm.mp4"),
        ("two  spaces.webm", "two spaces.webm"),
        ("Pra\u030aha.mkv", "Pr\u00e5ha.mkv"),
        ("видео 影片.mov", "видео 影片.mov"),
        ("a.tar.mp4", "a.tar.mp4"),
        ("-rf.mp4", "-rf.mp4"),
    ],
)
def test_a_name_is_made_safe(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def test_a_long_name_is_cut_between_letters() -> None:
    name = safe_name("п" * 300 + ".mp4")

    assert name.endswith(".mp4")
    assert set(name.removesuffix(".mp4")) == {"п"}
    assert len(name.encode()) <= 200


@pytest.mark.parametrize(
    "given", ["", ".mp4", "..", "clip", "clip.txt", "clip.mp4.exe", "a/", "\ud800"]
)
def test_what_is_no_name_of_a_video_is_refused(given: str) -> None:
    with pytest.raises(BadRequestError, match="not the name of a video"):
        safe_name(given)


def test_an_upload_is_kept_and_queued(uploader: FlaskClient, engine: Engine, folder: Path) -> None:
    reply = put(uploader, "clip.mp4")

    assert reply.status_code == 201
    assert reply.json == {"name": "clip.mp4"}
    assert files(folder) == {"clip.mp4": BODY}
    assert queued(engine) == [str(folder / "clip.mp4")]


def test_an_upload_follows_the_rules_of_the_source_around_it(
    uploader: FlaskClient, engine: Engine, folder: Path
) -> None:
    add_source(engine, str(folder), sampling="'keyframes'", collection="'uploaded'")

    put(uploader, "clip.mp4")

    with engine.connect() as connection:
        args = connection.execute(
            text("SELECT args FROM procrastinate.procrastinate_jobs")
        ).scalar_one()
    assert (args["sampling"], args["collection"]) == ("keyframes", "uploaded")


def test_a_name_that_is_taken_gets_a_number(uploader: FlaskClient, folder: Path) -> None:
    (folder / "clip.mp4").write_bytes(b"was here before")

    names = [put(uploader, "clip.mp4").json for _ in range(2)]

    assert names == [{"name": "clip (2).mp4"}, {"name": "clip (3).mp4"}]
    assert files(folder)["clip.mp4"] == b"was here before"


def test_a_link_of_that_name_is_not_followed(
    uploader: FlaskClient, folder: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    (folder / "clip.mp4").symlink_to(victim)

    reply = put(uploader, "clip.mp4")

    assert reply.json == {"name": "clip (2).mp4"}
    assert not victim.exists()


@pytest.mark.parametrize("name", ["clip.txt", "..%2F..%2Fetc%2Fpasswd", "%2Emp4", ""])
def test_what_is_no_video_leaves_nothing(
    uploader: FlaskClient, engine: Engine, folder: Path, name: str
) -> None:
    reply = put(uploader, name)

    assert reply.status_code in (400, 404)
    assert files(folder) == {}
    assert queued(engine) == []


def test_a_file_that_is_too_large_is_refused(uploader: FlaskClient, folder: Path) -> None:
    reply = put(uploader, "clip.mp4", bytes(MEGABYTE + 1))

    assert reply.status_code == 413
    assert reply.json == {"error": "a file may have 1 MB; SCENEQL_UPLOAD_MAX_MB allows more"}
    assert files(folder) == {}


def test_a_file_just_as_large_as_it_may_be_is_kept(uploader: FlaskClient, folder: Path) -> None:
    assert put(uploader, "clip.mp4", bytes(MEGABYTE)).status_code == 201
    assert len(files(folder)["clip.mp4"]) == MEGABYTE


def test_an_empty_file_is_refused(uploader: FlaskClient, folder: Path) -> None:
    assert put(uploader, "clip.mp4", b"").status_code == 400
    assert files(folder) == {}


def test_what_announces_no_size_is_cut_off_at_the_limit(folder: Path) -> None:
    with pytest.raises(TooLargeError):
        receive(folder, "a.mp4", BytesIO(bytes(11)), size_bytes=None, most_bytes=10)

    assert files(folder) == {}


def test_what_a_killed_process_left_is_swept_away(folder: Path) -> None:
    left, arriving = folder / ".1.upload", folder / ".2.upload"
    for path in (left, arriving):
        path.write_bytes(b"half")
    os.utime(left, (0, 0))

    receive(folder, "a.mp4", BytesIO(b"1"), size_bytes=1, most_bytes=10)

    assert sorted(files(folder)) == [".2.upload", "a.mp4"]


def test_what_ends_too_early_leaves_nothing(folder: Path) -> None:
    with pytest.raises(BadRequestError, match="did not arrive as a whole"):
        receive(folder, "a.mp4", BytesIO(b"half"), size_bytes=8, most_bytes=10)

    assert files(folder) == {}


@pytest.mark.parametrize("size_bytes", [5, None])
def test_a_disk_that_is_nearly_full_takes_nothing(folder: Path, size_bytes: int | None) -> None:
    with pytest.raises(BadRequestError, match=r"enough room|No space left"):
        receive(
            folder,
            "a.mp4",
            BytesIO(b"12345"),
            size_bytes=size_bytes,
            most_bytes=10,
            free_bytes=lambda _: SPARE_BYTES + 4,
        )

    assert files(folder) == {}


def test_two_uploads_at_once_do_not_count_on_the_same_room(folder: Path) -> None:
    def free_bytes(_: Path) -> int:
        return SPARE_BYTES + 15 - sum(path.stat().st_size for path in folder.iterdir())

    def keep(name: str, body: BytesIO) -> None:
        receive(folder, name, body, size_bytes=10, most_bytes=10, free_bytes=free_bytes)

    class Slow(BytesIO):
        """In the middle of which another upload begins."""

        def read(self, size: int | None = -1) -> bytes:
            if not self.tell():
                with pytest.raises(BadRequestError, match="enough room"):
                    keep("b.mp4", BytesIO(bytes(10)))
            return super().read(size)

    keep("a.mp4", Slow(bytes(10)))

    assert sorted(files(folder)) == ["a.mp4"]
    with pytest.raises(BadRequestError, match="enough room"):
        keep("c.mp4", BytesIO(bytes(10)))
    (folder / "a.mp4").unlink()
    keep("d.mp4", BytesIO(bytes(10)))


def test_a_file_is_on_the_disk_before_it_has_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[dict[str, int]] = []

    def fsync(number: int) -> None:
        kept.append({path.suffix: path.stat().st_size for path in folder.iterdir()})
        os.close(os.dup(number))

    monkeypatch.setattr("app.uploads.os.fsync", fsync)

    receive(folder, "a.mp4", BytesIO(b"123"), size_bytes=3, most_bytes=10)

    assert kept == [{".upload": 3}]


def test_a_folder_that_is_not_there_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="SCENEQL_UPLOADS"):
        receive(tmp_path / "none", "a.mp4", BytesIO(b"1"), size_bytes=1, most_bytes=10)


def test_a_plain_form_uploads_several(uploader: FlaskClient, engine: Engine, folder: Path) -> None:
    form = {"file": [(BytesIO(BODY), "a.mp4"), (BytesIO(BODY), "b.webm")], "back": "by=date"}

    reply = uploader.post("/library/uploads/", data=form)

    assert reply.location == "/library?by=date&said=uploaded&n=2"
    assert "2 files uploaded" in uploader.get(reply.location).text
    assert sorted(files(folder)) == ["a.mp4", "b.webm"]
    assert len(queued(engine)) == 2


def test_what_cannot_be_queued_does_not_stay(folder: Path, settings_of_test: Settings) -> None:
    nowhere = engine_for("postgresql://nobody@127.0.0.1:1/nothing")
    settings = settings_of_test.model_copy(update={"uploads": folder})
    client = create_app(nowhere, settings).test_client()
    form = {"file": [(BytesIO(BODY), "a.mp4"), (BytesIO(BODY), "b.webm")]}

    replies = [put(client, "clip.mp4"), client.post("/library/uploads/", data=form)]

    assert [reply.status_code for reply in replies] == [503, 503]
    assert files(folder) == {}


def test_a_plain_form_says_what_arrived_and_what_did_not(
    uploader: FlaskClient, engine: Engine, folder: Path
) -> None:
    form = {"file": [(BytesIO(BODY), "a.mp4"), (BytesIO(BODY), "b.txt")]}

    reply = uploader.post("/library/uploads/", data=form)

    assert reply.status_code == 400
    assert "a.mp4 arrived" in reply.text
    assert sorted(files(folder)) == ["a.mp4"]
    assert len(queued(engine)) == 1


def test_a_plain_form_that_is_too_large_is_refused(uploader: FlaskClient, folder: Path) -> None:
    form = {"file": [(BytesIO(bytes(MEGABYTE)), "a.mp4"), (BytesIO(bytes(MEGABYTE)), "b.mp4")]}

    reply = uploader.post("/library/uploads/", data=form)

    assert reply.status_code == 413
    assert "upload them one by one" in reply.text
    assert files(folder) == {}


def test_uploads_of_one_client_are_limited_by_the_minute(
    engine: Engine, folder: Path, settings_of_test: Settings
) -> None:
    changed = {"uploads": folder, "uploads_per_minute": 1}
    client = create_app(engine, settings_of_test.model_copy(update=changed)).test_client()

    replies = [put(client, "clip.mp4") for _ in range(2)]

    assert [reply.status_code for reply in replies] == [201, 429]
    assert int(replies[1].headers["Retry-After"]) >= 1
    assert sorted(files(folder)) == ["clip.mp4"]


def test_another_site_can_upload_nothing(uploader: FlaskClient, folder: Path) -> None:
    headers = {"Origin": "https://attacker.example"}

    reply = uploader.put("/library/uploads/clip.mp4", data=BODY, headers=headers)

    assert reply.status_code == 403
    assert files(folder) == {}


def test_without_the_setting_nothing_is_taken_or_offered(client: FlaskClient) -> None:
    assert put(client, "clip.mp4").status_code == 404
    assert client.post("/library/uploads/").status_code == 404
    assert 'id="upload"' not in client.get("/library").text


def test_the_page_offers_uploads_with_their_limit(uploader: FlaskClient) -> None:
    page = uploader.get("/library").text

    assert 'id="upload"' in page
    assert "at most 1 MB" in page
    assert 'enctype="multipart/form-data"' in page


@pytest.fixture
def upload_server(uploader: FlaskClient) -> Iterator[Server]:
    with served(uploader.application) as server:
        yield server


HEAD = "PUT /library/uploads/a.mp4 HTTP/1.1\r\nHost: localhost\r\n"


def test_an_upload_that_is_broken_off_leaves_nothing(
    upload_server: Server, folder: Path, engine: Engine
) -> None:
    with socket.create_connection(("127.0.0.1", upload_server.port), timeout=60) as connection:
        connection.sendall(f"{HEAD}Content-Length: 1000\r\n\r\nonly this".encode())
        connection.shutdown(socket.SHUT_WR)
        # The server hangs up, too.
        assert connection.recv(1) == b""

    assert files(folder) == {}
    assert queued(engine) == []


def test_an_upload_in_chunks_arrives_as_a_whole(upload_server: Server, folder: Path) -> None:
    chunks = b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"

    answer = upload_server.request(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", chunks)

    assert answer.status == 201
    assert files(folder) == {"a.mp4": b"abcdef"}


def test_an_upload_in_chunks_is_limited_as_well(upload_server: Server, folder: Path) -> None:
    size = MEGABYTE + 1
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (size, bytes(size))

    answer = upload_server.request(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", chunks)

    assert answer.status == 413
    assert files(folder) == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_said_to_be(folder: Path) -> None:
    folder.chmod(0o500)

    with pytest.raises(BadRequestError, match="cannot be kept"):
        receive(folder, "a.mp4", BytesIO(b"1"), size_bytes=1, most_bytes=10)
