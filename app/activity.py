"""What is going on in the library: sources, what is being indexed, what waits, and how long yet."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from app.care import (
    HEARTBEAT_LATE_S,
    RUNNING,
    SOURCES,
    Rate,
    RunningJob,
    SourceState,
    ingest_rate,
    jobs_by_task,
)
from app.queue import INGEST_QUEUE, INGEST_TASK, SCAN_QUEUE, SCAN_TASK, queues_served

NEXT_SHOWN = 5

NEXT = """
    SELECT args ->> 'path' FROM procrastinate.procrastinate_jobs
    WHERE status = 'todo' AND task_name = :task ORDER BY priority DESC, id LIMIT :most
"""

FAILED = """
    SELECT (SELECT count(*) FROM videos WHERE status = 'failed')
        + (SELECT count(*) FROM video_files WHERE error IS NOT NULL)
"""

DONE = """
    SELECT count(*) FROM videos
    WHERE status <> 'pending' AND indexed_at > CAST(:since AS timestamptz)
"""


@dataclass(frozen=True)
class Activity:
    """What is going on at `at`, by the database's clock; `done` counts videos since another time.

    `next_paths` are the first of the `waiting` files. `failed` counts videos and unreadable files.
    `unserved` are the queues that have work, but no worker.
    """

    at: datetime
    sources: tuple[SourceState, ...]
    running: tuple[RunningJob, ...]
    waiting: int
    next_paths: tuple[str, ...]
    scans: int
    rate: Rate
    failed: int
    done: int
    unserved: tuple[str, ...]

    @property
    def is_busy(self) -> bool:
        """Whether it will be another one in a moment."""
        return bool(self.running or self.waiting or self.scans)


def activity(engine: Engine, since: datetime | None = None) -> Activity:
    """What is going on now, and how many videos were indexed, or failed, since a time."""
    with engine.connect() as connection:
        jobs = jobs_by_task(connection)
        ingest = jobs.get(INGEST_TASK, {})
        waiting = ingest.get("todo", 0)
        scans = sum(jobs.get(SCAN_TASK, {}).get(state, 0) for state in ("todo", "doing"))
        running = connection.execute(text(RUNNING), {"late_s": HEARTBEAT_LATE_S})
        served = queues_served(connection)
        work = {INGEST_QUEUE: waiting, SCAN_QUEUE: scans}
        return Activity(
            at=connection.execute(text("SELECT now()")).scalar_one(),
            sources=tuple(SourceState(**row._mapping) for row in connection.execute(text(SOURCES))),
            running=tuple(RunningJob(**row._mapping) for row in running),
            waiting=waiting,
            next_paths=_next_paths(connection),
            scans=scans,
            rate=ingest_rate(connection, ingest),
            failed=connection.execute(text(FAILED)).scalar_one(),
            done=_done(connection, since) if since else 0,
            unserved=tuple(name for name in work if work[name] and name not in served),
        )


def _next_paths(connection: Connection) -> tuple[str, ...]:
    found = connection.execute(text(NEXT), {"task": INGEST_TASK, "most": NEXT_SHOWN})
    return tuple(str(path) for path in found.scalars())


def _done(connection: Connection, since: datetime) -> int:
    return int(connection.execute(text(DONE), {"since": since}).scalar_one())
