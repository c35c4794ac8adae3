"""`sceneql up`: database, worker and page together, each started again, all stopped together."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from app.embedded import EmbeddedPostgres

START_TIMEOUT_S = 180


@dataclass(frozen=True)
class Running:
    """A running `sceneql up` and its home."""

    process: "subprocess.Popen[bytes]"
    home: Path
    port: int

    def postmaster_pid(self) -> int:
        return int((self.home / "postgres/data/postmaster.pid").read_text().splitlines()[0])

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def wait_until(self, healthy: bool) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.healthy() is not healthy:
            assert self.process.poll() is None, "sceneql up has ended"
            assert time.monotonic() < deadline, f"not {healthy=} within {START_TIMEOUT_S} s"
            time.sleep(0.2)


@pytest.fixture
def running() -> Iterator[Running]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Not below pytest's own folder, which the account of the embedded Postgres cannot enter.
    with tempfile.TemporaryDirectory(prefix="sceneql-up-") as home:
        environment = {name: v for name, v in os.environ.items() if name != "DATABASE_URL"}
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "up", "--port", str(port)],
            env=environment | {"SCENEQL_HOME": home},
        )
        yield Running(process, Path(home), port)
        if process.poll() is None:
            process.terminate()
            process.wait(120)
        EmbeddedPostgres(Path(home)).stop()


def test_a_killed_postgres_comes_back_and_ctrl_c_stops_everything(running: Running) -> None:
    running.wait_until(healthy=True)
    children = psutil.Process(running.process.pid).children(recursive=True)
    postmaster = psutil.Process(running.postmaster_pid())

    postmaster.send_signal(signal.SIGKILL)
    postmaster.wait(120)
    running.wait_until(healthy=True)
    assert running.postmaster_pid() != postmaster.pid

    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(120) == 0
    assert not running.healthy()
    assert not EmbeddedPostgres(running.home).is_alive()
    assert [child for child in children if child.is_running()] == []


def test_a_postgres_that_cannot_be_started_is_tried_again_until_it_can(running: Running) -> None:
    running.wait_until(healthy=True)
    # A folder in the place of a file that is written at each start is as bad as a full disk.
    config = running.home / "postgres.conf"
    config.unlink()
    config.mkdir()
    postmaster = psutil.Process(running.postmaster_pid())

    postmaster.send_signal(signal.SIGKILL)
    postmaster.wait(120)
    running.wait_until(healthy=False)
    # Long enough for each process to have met it.
    time.sleep(5)
    assert running.process.poll() is None
    config.rmdir()

    running.wait_until(healthy=True)
