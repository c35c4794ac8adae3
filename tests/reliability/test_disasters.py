"""The whole of `sceneql up` while Postgres is killed or its disk is full: it mends itself."""

import json
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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine

from app.db import engine_for
from app.embedded import EmbeddedPostgres
from tests.command import sceneql
from tests.reliability.faults import Watch, add_clips, tally_up, wait_until_idle

SEED = 20261121
START_TIMEOUT_S = 120


@dataclass(frozen=True)
class System:
    """A running `sceneql up`, with its home and its page."""

    home: Path
    port: int

    @property
    def postmaster(self) -> int:
        return int((self.home / "postgres/data/postmaster.pid").read_text().splitlines()[0])

    def engine(self) -> Engine:
        return engine_for(EmbeddedPostgres(self.home, 18).url())

    def is_well(self) -> bool:
        try:
            address = f"http://127.0.0.1:{self.port}/healthz"
            with urllib.request.urlopen(address, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def wait_until_well(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_well():
            assert time.monotonic() < deadline, f"not well within {START_TIMEOUT_S} s"
            time.sleep(0.2)


@contextmanager
def running(home: Path) -> Iterator[System]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "app.cli", "up", "--port", str(port)], env=os.environ
    )
    system = System(home, port)
    try:
        system.wait_until_well()
        yield system
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home for an embedded Postgres, outside of folders that its account cannot enter."""
    with tempfile.TemporaryDirectory(prefix="sceneql-disaster-") as folder:
        Path(folder).chmod(0o755)
        use(Path(folder) / "home", monkeypatch)
        yield Path(folder) / "home"


def use(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SCENEQL_HOME", str(home))
    monkeypatch.setenv("SCENEQL_MODEL", "tiny")
    monkeypatch.setenv("SCENEQL_STALLED_AFTER_S", "2")


@pytest.mark.parametrize(("kills", "clips"), [(1, 6), pytest.param(10, 60, marks=pytest.mark.soak)])
def test_postgres_that_is_killed_loses_nothing(
    home: Path, tmp_path: Path, kills: int, clips: int
) -> None:
    moments = Random(SEED)
    folder = tmp_path / "videos"
    files = add_clips(folder, range(clips))
    with running(home) as system:
        engine = system.engine()
        assert sceneql("ingest", "--background", str(folder)).returncode == 0
        with Watch(engine) as watch:
            for _ in range(kills):
                time.sleep(moments.uniform(0, 8))
                os.kill(system.postmaster, signal.SIGKILL)
                # The page is asked all the time; it answers again as soon as Postgres does.
                system.wait_until_well()
            wait_until_idle(engine, 300)
        tally = tally_up(engine, watch, "kill -9 of Postgres", kills, files)
        found = sceneql("search", "a red circle", "--json")
    assert (tally.lost, tally.duplicated, tally.visible_halves) == (0, 0, 0)
    assert json.loads(found.stdout)["hits"]


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of its own with room for a database and little more."""
    with tempfile.TemporaryDirectory(prefix="sceneql-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400m,mode=755", "none", folder], check=False
        )
        if mounted.returncode:
            pytest.skip("file systems cannot be mounted here")
        use(Path(folder) / "home", monkeypatch)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        except OSError:
            return filler


@pytest.mark.soak
def test_a_full_disk_stops_the_work_until_there_is_room_again(
    small_disk: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "videos"
    files = add_clips(folder, range(30))
    fills = 3
    with running(small_disk / "home") as system:
        engine = system.engine()
        assert sceneql("ingest", "--background", str(folder)).returncode == 0
        with Watch(engine) as watch:
            for _ in range(fills):
                filler = fill(small_disk)
                time.sleep(8)
                filler.unlink()
                system.wait_until_well()
                time.sleep(3)
            wait_until_idle(engine, 600)
        tally = tally_up(engine, watch, "disk full, database and spool", fills, files)
    assert (tally.lost, tally.duplicated, tally.visible_halves) == (0, 0, 0)
