"""Videos by ranges of bytes, and the pictures of their frames."""

import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.catalog import list_videos
from app.web import create_app
from app.web.media import thumbnail_url
from tests.filling import fill
from tests.web.conftest import SetFile
from tests.web.serving import SERVER_THREADS, served


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.MP4"
    path.write_bytes(bytes(range(256)) * 4)
    return path


def test_a_video_is_sent_whole(own_client: FlaskClient, set_file: SetFile, clip: Path) -> None:
    reply = own_client.get(set_file(clip))

    assert reply.status_code == 200
    assert reply.data == clip.read_bytes()
    assert reply.mimetype == "video/mp4"
    assert reply.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=250-299", 250, 300),
        ("bytes=1000-", 1000, 1024),
        ("bytes=-24", 1000, 1024),
    ],
)
def test_a_range_of_a_video_is_exactly_that(
    engine: Engine, set_file: SetFile, clip: Path, asked: str, start: int, stop: int
) -> None:
    address = set_file(clip)

    with served(create_app(engine)) as server:
        reply = urlopen(Request(server.url + address, headers={"Range": asked}), timeout=60)
        data = reply.read()

    assert reply.status == 206
    assert data == clip.read_bytes()[start:stop]
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/1024"


def test_ranges_do_not_need_the_servers_help(
    own_client: FlaskClient, set_file: SetFile, clip: Path
) -> None:
    reply = own_client.get(set_file(clip), headers={"Range": "bytes=250-299"})

    assert reply.status_code == 206
    assert reply.data == clip.read_bytes()[250:300]


def test_a_range_past_the_end_is_416(
    own_client: FlaskClient, set_file: SetFile, clip: Path
) -> None:
    reply = own_client.get(set_file(clip), headers={"Range": "bytes=2000-"})

    assert reply.status_code == 416
    assert reply.headers["Content-Range"] == "bytes */1024"


def test_a_range_of_another_version_is_the_whole_new_one(
    own_client: FlaskClient, set_file: SetFile, clip: Path
) -> None:
    headers = {"Range": "bytes=0-9", "If-Range": '"another version"'}

    assert own_client.get(set_file(clip), headers=headers).status_code == 200


def test_a_file_name_cannot_break_the_headers(
    own_client: FlaskClient, set_file: SetFile, tmp_path: Path
) -> None:
    path = tmp_path / 'line\nbreak "quoted" é.mp4'
    path.write_bytes(b"video")

    assert own_client.get(set_file(path)).status_code == 200


def test_a_transport_stream_is_not_typescript(
    own_client: FlaskClient, set_file: SetFile, tmp_path: Path
) -> None:
    path = tmp_path / "recording.ts"
    path.write_bytes(b"video")

    assert own_client.get(set_file(path)).mimetype == "video/mp2t"


def test_a_video_whose_file_is_gone_is_410_with_the_reason(
    own_client: FlaskClient, set_file: SetFile, tmp_path: Path
) -> None:
    address = set_file(tmp_path / "gone.mp4")

    page = own_client.get(address)
    reply = own_client.get(address, headers={"Accept": "application/json"})

    assert page.status_code == reply.status_code == 410
    assert "cannot be read: No such file" in page.text
    assert reply.json is not None
    assert "cannot be read: No such file" in reply.json["error"]


def test_only_videos_of_the_index_are_served(client: FlaskClient) -> None:
    for address in ("/media/999999", "/media/9999999999999999999999", "/media/../etc/passwd"):
        assert client.get(address).status_code == 404, address


def test_paused_players_leave_the_server_free(
    engine: Engine, set_file: SetFile, tmp_path: Path
) -> None:
    path = tmp_path / "long.mp4"
    with path.open("wb") as file:
        file.truncate(256 * 1024 * 1024)
    address = set_file(path)
    request = f"GET {address} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=9-\r\n\r\n"

    with served(create_app(engine)) as server, ExitStack() as players:
        for number in range(SERVER_THREADS + 1):
            player = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            players.enter_context(player)
            player.sendall(request.encode())

            # The answer has begun; the rest of it is left where it is.
            assert player.recv(12) == b"HTTP/1.1 206", f"player {number} got no answer"


@pytest.fixture
def picture(engine: Engine) -> tuple[str, bytes]:
    """The address and the bytes of the only picture in the test's library."""
    fill(engine, videos=1)
    with engine.begin() as connection:
        connection.execute(text("UPDATE frames SET thumbnail = 'JPEG' WHERE frame_no = 3"))
        video_id = connection.execute(text("SELECT id FROM videos")).scalar_one()
    return f"/thumbnails/{video_id}/3", b"JPEG"


def test_a_picture_is_a_jpeg_that_browsers_ask_after(
    own_client: FlaskClient, picture: tuple[str, bytes]
) -> None:
    address, data = picture

    reply = own_client.get(address)

    assert reply.data == data
    assert reply.mimetype == "image/jpeg"
    assert reply.headers["Cache-Control"] == "private, no-cache"


def test_a_picture_that_browsers_have_is_not_sent_again(
    own_client: FlaskClient, picture: tuple[str, bytes]
) -> None:
    address, _ = picture
    etag = own_client.get(address).headers["ETag"]

    reply = own_client.get(address, headers={"If-None-Match": etag})

    assert reply.status_code == 304
    assert reply.data == b""


def test_the_pages_link_to_pictures_that_never_change(
    engine: Engine, own_client: FlaskClient, picture: tuple[str, bytes]
) -> None:
    _, data = picture
    (card,) = list_videos(engine)
    with own_client.application.test_request_context():
        address = thumbnail_url(card.id, 3, card.indexed_at)

    reply = own_client.get(address)

    assert reply.data == data
    assert reply.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_a_video_that_is_indexed_anew_has_another_address_for_its_pictures(
    engine: Engine, own_client: FlaskClient, picture: tuple[str, bytes]
) -> None:
    assert picture
    (card,) = list_videos(engine)
    with own_client.application.test_request_context():
        former = thumbnail_url(card.id, 3, card.indexed_at)
    with engine.begin() as connection:
        connection.execute(text("UPDATE videos SET indexed_at = now()"))

    assert own_client.get(former).headers["Cache-Control"] == "private, no-cache"


def test_a_frame_that_was_not_indexed_has_no_picture(
    own_client: FlaskClient, picture: tuple[str, bytes]
) -> None:
    address, _ = picture

    assert own_client.get(f"{address}99999999999").status_code == 404
