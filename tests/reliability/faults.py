"""What the tests of reliability share: a small library, faults, and counts of what they did."""

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path
from threading import Event, Thread

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.db import address_of
from tests.media import shot, write_clip
from workers.scanner import Scanner

REPORT = "SCENEQL_TEST_RELIABILITY_REPORT"

HALVES = """
    SELECT count(*) FROM videos v WHERE v.status = 'indexed' AND (
        v.frame_count = 0
        OR v.frame_count <> (SELECT count(*) FROM frames f WHERE f.video_id = v.id)
        OR v.frame_count <> (
            SELECT count(*) FROM frame_embeddings e JOIN embedding_models m ON m.id = e.model_id
            WHERE m.active AND e.video_id = v.id)
        OR NOT EXISTS (SELECT FROM scenes s WHERE s.video_id = v.id))
    OR v.status <> 'indexed' AND EXISTS (SELECT FROM frames f WHERE f.video_id = v.id)
"""


@dataclass(frozen=True)
class Tally:
    """A row of docs/reliability.md: what was done, and what came of it."""

    fault: str
    injected: int
    files: int
    lost: int
    duplicated: int
    visible_halves: int


def add_clips(folder: Path, seeds: range) -> list[Path]:
    """Videos of one to three seconds, each unlike the others."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_clip(folder / f"clip{seed:03d}.mp4", shot(seed, 25 * (1 + seed % 3)))
        for seed in seeds
    ]


def count(engine: Engine, query: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def lost(engine: Engine, files: list[Path]) -> list[Path]:
    """The files that searches do not find with the content they have now."""
    query = text(
        "SELECT f.path, v.content_hash FROM video_files f JOIN videos v ON v.id = f.video_id "
        "WHERE v.status = 'indexed' AND f.state = 'present' "
        "AND EXISTS (SELECT FROM moments m WHERE m.video_id = v.id)"
    )
    with engine.connect() as connection:
        found = {row.path: row.content_hash for row in connection.execute(query)}
    return [
        file
        for file in files
        if found.get(str(file)) != hashlib.sha256(file.read_bytes()).hexdigest()
    ]


def duplicated(engine: Engine, files: list[Path]) -> int:
    """How many videos there are beyond one for each content."""
    contents = {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return count(engine, "SELECT count(*) FROM videos") - len(contents)


def attempts(engine: Engine) -> set[str]:
    """The attempts at files that are under way, or whose workers have died."""
    with engine.connect() as connection:
        found = text("SELECT attempt::text FROM videos WHERE attempt IS NOT NULL")
        return set(connection.execute(found).scalars())


def wait_for_attempt(
    engine: Engine, former: Set[str] = frozenset(), timeout_s: float = 120
) -> None:
    """Returns when a worker has begun a file, by an attempt that is not one of the former ones."""
    deadline = time.monotonic() + timeout_s
    while attempts(engine) <= former:
        assert time.monotonic() < deadline, f"no worker has begun within {timeout_s} s"
        time.sleep(0.01)


class Watch:
    """Looks for videos that are there by half, again and again while faults are injected."""

    def __init__(self, engine: Engine) -> None:
        self.halves = 0
        self.looks = 0
        self._address = address_of(engine)
        self._done = Event()
        self._thread = Thread(target=self._look)

    def _look(self) -> None:
        while not self._done.is_set():
            try:
                with psycopg.connect(self._address, autocommit=True) as connection:
                    while not self._done.wait(0.02):
                        row = connection.execute(HALVES).fetchone()
                        self.halves = max(self.halves, row[0] if row else 0)
                        self.looks += 1
            except psycopg.OperationalError:
                # The database may be what was killed.
                self._done.wait(0.1)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        assert self.looks, "nobody could look for halves"


def tally_up(engine: Engine, watch: Watch, fault: str, injected: int, files: list[Path]) -> Tally:
    """Counts, prints the row, and adds it to the file that the environment names, if it does."""
    tally = Tally(
        fault,
        injected,
        len(files),
        len(lost(engine, files)),
        duplicated(engine, files),
        watch.halves,
    )
    row = dumps(asdict(tally))
    print(row)
    if name := os.environ.get(REPORT):
        with Path(name).open("a") as report:
            report.write(f"{row}\n")
    return tally


@contextmanager
def worker(environment: Mapping[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """An ingest worker, killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "workers", "--quiet", "queue"], env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def revive(settings: Settings) -> None:
    """What the scanner does on schedule: queues again what dead workers had begun."""
    time.sleep(settings.stalled_after_s + 0.1)
    scanner = Scanner(settings)

    async def once() -> None:
        app = scanner.app()
        async with app.open_async():
            await app.job_manager.prune_stalled_workers(settings.stalled_after_s)
            await scanner.revive_stalled(app)

    asyncio.run(once())
    scanner.engine.dispose()


def wait_until_idle(engine: Engine, timeout_s: float = 120) -> None:
    """Returns when no file waits or is being indexed."""
    waiting = (
        "SELECT count(*) FROM procrastinate.procrastinate_jobs "
        "WHERE status IN ('todo', 'doing') AND task_name = 'ingest_file'"
    )
    deadline = time.monotonic() + timeout_s
    left: int | None = None
    while left != 0:
        # The database may be what was killed.
        with suppress(OperationalError):
            left = count(engine, waiting)
        assert time.monotonic() < deadline, f"{left} files still wait after {timeout_s} s"
        time.sleep(0.2)
