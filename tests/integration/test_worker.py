"""`sceneql worker`: takes files from the queue and answers questions, both at the same time."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Engine

from app.asking import Question
from app.catalog import status
from app.config import Settings
from app.search import search
from tests.command import sceneql
from tests.conftest import wait_for_embedder
from tests.media import shot, write_clip

TIMEOUT_S = 180


@pytest.fixture
def environment(settings_of_test: Settings) -> dict[str, str]:
    """What the processes of these tests are started with."""
    assert os.environ["DATABASE_URL"] == settings_of_test.database_url
    return os.environ | {"SCENEQL_MODEL": "tiny"}


@pytest.fixture
def _worker(engine: Engine, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "app.cli", "worker"], env=environment)
    try:
        wait_for_embedder(engine)
        yield
    finally:
        process.terminate()
        status = process.wait(120)
    assert status == 0


def enqueue(folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "ingest", "--background", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


@pytest.mark.usefixtures("_worker")
def test_a_queued_file_is_indexed_and_can_be_asked_for(
    engine: Engine, environment: dict[str, str], tmp_path: Path
) -> None:
    write_clip(tmp_path / "clip.mp4", shot(1, 25))
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")

    assert "2 files queued" in enqueue(tmp_path, environment)

    deadline = time.monotonic() + TIMEOUT_S
    while (state := status(engine)).videos != {"indexed": 1, "failed": 1} or state.queue:
        assert time.monotonic() < deadline, f"after {TIMEOUT_S} s: {state}"
        time.sleep(0.2)
    assert [hit.title for hit in search(engine, Question(text="a red circle")).hits] == ["clip"]


def test_a_file_that_waits_in_the_queue_is_not_queued_again(
    engine: Engine, environment: dict[str, str], tmp_path: Path
) -> None:
    write_clip(tmp_path / "clip.mp4", shot(1, 5))
    enqueue(tmp_path, environment)

    again = enqueue(tmp_path, environment)

    assert "0 files queued, 1 were in the queue already" in again
    assert status(engine).queue == {"todo": 1}


@pytest.mark.usefixtures("_worker")
def test_what_comes_into_a_source_is_indexed_by_itself(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    assert sceneql("sources", "add", str(folder), "--every", "10s").returncode == 0
    clip = write_clip(folder / "clip.mp4", shot(1, 25))
    os.utime(clip, (time.time() - 60,) * 2)

    deadline = time.monotonic() + TIMEOUT_S
    while (state := status(engine)).videos != {"indexed": 1}:
        assert time.monotonic() < deadline, f"after {TIMEOUT_S} s: {state}"
        time.sleep(0.2)


@pytest.mark.usefixtures("_worker")
def test_the_embedder_comes_back_when_its_connections_are_cut(
    engine: Engine, environment: dict[str, str], tmp_path: Path
) -> None:
    write_clip(tmp_path / "clip.mp4", shot(1, 5))
    subprocess.run(
        [sys.executable, "-m", "app.cli", "ingest", str(tmp_path)], env=environment, check=True
    )
    search(engine, Question(text="a red circle"))

    with engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'sceneql embedder' AND datname = current_database()"
        )
    time.sleep(0.5)
    wait_for_embedder(engine)

    assert search(engine, Question(text="a blue square")).hits


def test_a_worker_steps_back_as_far_as_it_is_told(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "workers", "scanner"]
    with subprocess.Popen(command, env=environment | {"SCENEQL_NICENESS": "7"}) as process:
        try:
            deadline = time.monotonic() + TIMEOUT_S
            while (niceness := psutil.Process(process.pid).nice()) == os.nice(0):
                assert time.monotonic() < deadline, f"as before after {TIMEOUT_S} s"
                time.sleep(0.1)
        finally:
            process.terminate()

    assert niceness == os.nice(0) + 7
