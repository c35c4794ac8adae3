"""Videos that browsers cannot play, converted while they are watched."""

import io
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from app.config import Settings
from app.web import conversion, create_app
from tests.media import Pixels, place, write_clip
from tests.web.conftest import SetFile
from tests.web.serving import SERVER_THREADS, Server, served

# What the server keeps for a viewer who does not read it: as little as can be.
WATERMARK = {"outbuf_high_watermark": 1}
# A child that never says anything.
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)", "transcode"]


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video whose conversion is larger than all buffers on its way to a viewer."""
    random = np.random.default_rng(1)
    pictures: list[Pixels] = [
        random.integers(0, 256, (360, 640, 3), dtype=np.uint8) for _ in range(8)
    ]
    path = tmp_path_factory.mktemp("noise") / "noise.avi"
    options = {"qmin": "20", "qmax": "31"}
    return write_clip(path, pictures * 40, codec="mjpeg", pix_fmt="yuvj420p", options=options)


@pytest.fixture
def old_clip(tmp_path: Path) -> Path:
    """Two seconds in a format that no browser plays."""
    return write_clip(tmp_path / "old.avi", [place(1)] * 25 + [place(2)] * 25, codec="mpeg4")


def children() -> list[psutil.Process]:
    """The conversions of this process."""
    found = []
    for child in psutil.Process().children():
        try:
            if "transcode" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def wait_until(condition: Callable[[], bool], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.02)


@contextmanager
def watching(server: Server, address: str) -> Iterator[socket.socket]:
    """A viewer who has read the beginning of an answer, and no more of it yet."""
    with socket.socket() as viewer:
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.settimeout(30)
        viewer.connect(("127.0.0.1", server.port))
        viewer.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert viewer.recv(12).startswith(b"HTTP/1.1 200")
        yield viewer


@pytest.fixture
def page(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The page, which converts one video at a time and refuses others soon."""
    monkeypatch.setattr(conversion, "WAIT_FOR_ROOM_S", 0.5)
    return create_app(engine, Settings(conversions=1))


def test_a_video_is_converted_from_the_second_that_is_asked_for(
    own_client: FlaskClient, set_file: SetFile, old_clip: Path
) -> None:
    reply = own_client.get(f"{set_file(old_clip)}/converted?from=1")

    assert reply.status_code == 200
    assert reply.mimetype == "video/mp4"
    assert reply.headers["Accept-Ranges"] == "none"
    with av.open(io.BytesIO(reply.data), "r") as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 25
    assert np.abs(frames[0].astype(int) - place(2)).mean() < 12
    assert children() == []


def test_the_headers_alone_start_no_conversion(
    own_client: FlaskClient, set_file: SetFile, tmp_path: Path
) -> None:
    reply = own_client.head(f"{set_file(tmp_path / 'not there.avi')}/converted")

    assert reply.status_code == 200
    assert reply.mimetype == "video/mp4"


@pytest.mark.parametrize(
    ("asked", "status"),
    [("bytes=0-", 200), ("bytes=0-0", 200), ("bytes=9-", 416), ("bytes=-9", 416)],
)
def test_a_conversion_cannot_be_taken_up_at_a_byte(
    own_client: FlaskClient, set_file: SetFile, old_clip: Path, asked: str, status: int
) -> None:
    reply = own_client.get(f"{set_file(old_clip)}/converted", headers={"Range": asked})

    assert reply.status_code == status


@pytest.mark.parametrize("second", ["-1", "nan", "1e3", "later"])
def test_what_is_no_second_is_explained(
    own_client: FlaskClient, set_file: SetFile, old_clip: Path, second: str
) -> None:
    reply = own_client.get(f"{set_file(old_clip)}/converted", query_string={"from": second})

    assert reply.status_code == 400
    assert "from must be a time in seconds" in reply.text


def test_a_broken_file_is_explained(
    own_client: FlaskClient, set_file: SetFile, tmp_path: Path
) -> None:
    path = tmp_path / "broken.avi"
    path.write_bytes(b"RIFF nothing of the kind")

    reply = own_client.get(f"{set_file(path)}/converted", headers={"Accept": "application/json"})

    assert reply.status_code == 422
    assert reply.json is not None
    assert reply.json["error"] == (
        "This video cannot be converted: is not a video in any format that can be indexed."
    )


def test_a_video_that_is_not_in_the_index_is_not_converted(client: FlaskClient) -> None:
    assert client.get("/media/999999/converted").status_code == 404


def test_the_child_is_gone_when_its_viewer_is(page: Flask, set_file: SetFile, noise: Path) -> None:
    address = set_file(noise)
    with served(page, **WATERMARK) as server:
        with watching(server, f"{address}/converted"):
            assert len(children()) == 1
        wait_until(lambda: not children())


def test_a_child_that_is_still_silent_is_gone_when_its_viewer_is(
    page: Flask, set_file: SetFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "worker_command", lambda *_: SLEEPER)
    address = set_file(tmp_path / "any.avi")
    with served(page) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=120) as viewer:
            viewer.sendall(f"GET {address}/converted HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            wait_until(lambda: len(children()) == 1)
        wait_until(lambda: not children())


def test_a_child_that_hangs_is_given_up(
    page: Flask, set_file: SetFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "SILENT_S", 0.1)
    monkeypatch.setattr(conversion, "worker_command", lambda *_: SLEEPER)

    reply = page.test_client().get(f"{set_file(tmp_path / 'any.avi')}/converted")

    assert reply.status_code == 422
    assert "nothing came of it" in reply.text
    assert children() == []


def test_a_child_does_not_outlive_the_page(noise: Path) -> None:
    script = (
        "import sys, time\n"
        "from app.web.conversion import Conversions, Viewer\n"
        "stream = Conversions(1).stream(Viewer({}), 'transcode', sys.argv[1])\n"
        "print(stream._child.process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    page = subprocess.Popen([sys.executable, "-c", script, str(noise)], stdout=subprocess.PIPE)
    assert page.stdout is not None
    child = psutil.Process(int(page.stdout.readline()))

    page.kill()
    page.wait()

    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    page.stdout.close()


def test_conversions_without_room_are_refused_and_the_pages_stay(
    page: Flask, set_file: SetFile, noise: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than any request here waits: who has to wait for room has not been answered.
    monkeypatch.setattr(conversion, "WAIT_FOR_ROOM_S", 60)
    address = set_file(noise)
    converted = f"GET {address}/converted HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with served(page, **WATERMARK) as server, ThreadPoolExecutor(SERVER_THREADS) as viewers:
        with watching(server, f"{address}/converted"):
            asked = [viewers.submit(server.request, converted) for _ in range(SERVER_THREADS)]
            refused = [each.result() for each in islice(as_completed(asked), SERVER_THREADS - 1)]
            others = server.request("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # Who waited has the place of the viewer who has left.
        statuses = sorted(each.result().status for each in asked)

    assert others.status == 200
    assert statuses == [200, *[503] * (SERVER_THREADS - 1)]
    assert all(int(each.headers["Retry-After"]) > 0 for each in refused)
    assert all(b"raise SCENEQL_CONVERSIONS" in each.data for each in refused)


def test_conversions_and_clips_have_a_rate(
    engine: Engine, set_file: SetFile, tmp_path: Path
) -> None:
    address = set_file(tmp_path / "not there.avi")
    for again in ("converted", "clip?start=0&end=1"):
        client = create_app(engine, Settings(conversions_per_minute=1)).test_client()
        assert client.head(f"{address}/converted").status_code == 200
        assert client.get(f"{address}/converted").status_code == 422

        refused = client.get(f"{address}/{again}")

        assert refused.status_code == 429
        assert "SCENEQL_CONVERSIONS_PER_MINUTE" in refused.text


def test_a_viewer_who_neither_reads_nor_leaves_is_hung_up_on(
    page: Flask, set_file: SetFile, noise: Path
) -> None:
    address = set_file(noise)
    page.extensions[conversion.EXTENSION] = conversion.Conversions(1, stalled_s=0.5)
    with served(page, **WATERMARK) as server, watching(server, f"{address}/converted"):
        wait_until(lambda: not children())

        # Its place is free, and so is the thread that wrote to it.
        with watching(server, f"{address}/converted"):
            pass
        wait_until(lambda: not children())
