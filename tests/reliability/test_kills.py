"""Workers that are killed, stopped or give up: nothing is lost, twice there, or there by half."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, text

from app.config import Settings
from app.queue import IngestJob, enqueue_ingest
from tests.reliability.faults import (
    Watch,
    add_clips,
    attempts,
    count,
    lost,
    revive,
    tally_up,
    wait_for_attempt,
    wait_until_idle,
    worker,
)
from workers.attempts import begin_attempt
from workers.giving_up import GIVEN_UP, MAX_DEATHS, bury
from workers.library import file_state
from workers.links import Hashes
from workers.scanner import Scanner

SEED = 20261121
LONGEST_LIFE_S = 8.0
LONGEST_WORK_S = 1.0


@pytest.fixture
def settings(settings_of_test: Settings) -> Settings:
    """Settings with which a dead worker is noticed within a second."""
    return settings_of_test.model_copy(update={"stalled_after_s": 1.0, "model": "tiny"})


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    assert settings.database_url == os.environ["DATABASE_URL"]
    return os.environ | {"SCENEQL_MODEL": "tiny", "SCENEQL_STALLED_AFTER_S": "1"}


def enqueue(files: list[Path]) -> None:
    enqueue_ingest([IngestJob(str(file), "scenes:3") for file in files])


@pytest.mark.parametrize(
    ("kills", "clips", "at_work"),
    [(3, 8, True), pytest.param(100, 40, False, marks=pytest.mark.soak)],
)
def test_a_worker_that_is_killed_at_random_moments_loses_nothing(
    engine: Engine,
    settings: Settings,
    environment: Mapping[str, str],
    tmp_path: Path,
    kills: int,
    clips: int,
    at_work: bool,
) -> None:
    """Few kills are left for when a worker is at work, as it loads torch for most of such a life.

    Many come at any moment.
    """
    moments = Random(SEED)
    files = add_clips(tmp_path / "videos", range(clips))
    enqueue(files)
    changes = 0
    hits = 0

    with Watch(engine) as watch:
        for _ in range(kills):
            former = attempts(engine)
            with worker(environment) as process:
                if at_work:
                    wait_for_attempt(engine, former)
                time.sleep(moments.uniform(0, LONGEST_WORK_S if at_work else LONGEST_LIFE_S))
                process.send_signal(signal.SIGKILL)
            hits += bool(attempts(engine) - former)
            revive(settings)
            if not lost(engine, files):
                # All is done: a quarter of the videos is recorded over, so that work goes on.
                changes += 1
                again = range(1000 * changes, 1000 * changes + clips // 4)
                for file, new in zip(files, add_clips(tmp_path / "new", again), strict=False):
                    new.replace(file)
                enqueue(files)
        with worker(environment), worker(environment):
            wait_until_idle(engine)

    assert hits, "no worker was killed over a file"
    tally = tally_up(engine, watch, "kill -9 of the ingest worker", kills, files)
    assert (tally.lost, tally.duplicated, tally.visible_halves) == (0, 0, 0)


def test_a_worker_that_was_taken_for_dead_writes_nothing_when_it_wakes_up(
    engine: Engine, settings: Settings, environment: Mapping[str, str], tmp_path: Path
) -> None:
    files = add_clips(tmp_path, range(2))
    enqueue(files[:1])
    with worker(environment) as first:
        wait_for_attempt(engine)
        first.send_signal(signal.SIGSTOP)
        revive(settings)
        with worker(environment):
            wait_until_idle(engine)
        indexed = "SELECT id, indexed_at FROM videos"
        with engine.connect() as connection:
            by_second = connection.execute(text(indexed)).all()

        first.send_signal(signal.SIGCONT)
        enqueue(files[1:])
        wait_until_idle(engine)
        with engine.connect() as connection:
            by_both = connection.execute(text(indexed)).all()

    assert by_second[0] in by_both
    assert len(by_both) == 2
    assert lost(engine, files) == []


def test_a_file_over_which_workers_die_is_given_up_with_the_reason(
    engine: Engine, tmp_path: Path
) -> None:
    (file,) = add_clips(tmp_path, range(1))
    hashes = Hashes.of(file)

    deaths = []
    for _ in range(MAX_DEATHS):
        begin_attempt(engine, file, file_state(file), hashes)
        deaths.append(bury(engine, file))

    assert deaths == list(range(1, MAX_DEATHS + 1))
    with engine.connect() as connection:
        video = connection.execute(text("SELECT status, error, attempt FROM videos")).one()
    assert tuple(video) == ("failed", GIVEN_UP, None)


def test_a_worker_that_dies_between_two_files_is_blamed_on_neither(
    engine: Engine, tmp_path: Path
) -> None:
    (file,) = add_clips(tmp_path, range(1))

    assert bury(engine, file) == 0
    assert count(engine, "SELECT count(*) FROM videos") == 0


def test_what_a_dead_worker_had_begun_is_queued_again_by_one_scanner_at_a_time(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    (file,) = add_clips(tmp_path, range(1))
    enqueue([file])
    begin_attempt(engine, file, file_state(file), Hashes.of(file))
    with engine.begin() as connection:
        # Procrastinate's triggers find its tables by the search path.
        connection.execute(text("SET LOCAL search_path = public, procrastinate"))
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    scanners = [Scanner(settings), Scanner(settings)]

    async def revive_at_once() -> None:
        app = scanners[0].app()
        async with app.open_async():
            await asyncio.gather(*(scanner.revive_stalled(app) for scanner in scanners))

    asyncio.run(revive_at_once())
    for scanner in scanners:
        scanner.engine.dispose()

    with engine.connect() as connection:
        job = connection.execute(
            text("SELECT status::text, attempts FROM procrastinate.procrastinate_jobs")
        ).one()
    assert tuple(job) == ("todo", 1)
    assert count(engine, "SELECT deaths FROM videos") == 1
