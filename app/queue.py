"""The job queue: Procrastinate's tables in a schema of their own, jobs deferred by task name."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job
from sqlalchemy import Connection, text

from app.db import database_url

INGEST_TASK = "ingest_file"
INGEST_QUEUE = "ingest"
SCAN_TASK = "scan_source"
SCAN_QUEUE = "scan"
FILL_TASK = "fill_model"

ASKED_FOR = 10
"""The priority of files that a person has named: they come before those of the schedule."""

FILL_PRIORITY = -10
"""A new model takes the time that new files leave."""

SCANS_AT_ONCE = 2

_BATCH = 1000
"""Jobs that one statement defers: one by one, a hundred thousand take minutes."""


@dataclass(frozen=True)
class IngestJob:
    """A file to index: its path, sampling as app.sampling reads it, and its collection, if any.

    Jobs of a higher priority are taken first.
    """

    path: str
    sampling: str
    collection: str | None = None
    priority: int = 0


def connection_settings(application_name: str = "sceneql queue") -> dict[str, Any]:
    """What Procrastinate's connections need; its tables are found by the search path."""
    return {
        "conninfo": database_url(),
        "kwargs": {
            # A worker that is frozen amid a heartbeat holds the row of it, and whoever looks for
            # dead workers would wait for that row as long as it sleeps.
            "options": "-c search_path=procrastinate -c idle_in_transaction_session_timeout=60s",
            "application_name": application_name,
        },
    }


def worker_app(queue: str) -> App:
    """The app of a worker that takes the jobs of a queue; its connections bear the queue's name."""
    return App(connector=PsycopgConnector(**connection_settings(f"sceneql {queue}")))


def forget_files(connection: Connection, paths: Sequence[str]) -> None:
    """Takes files out of the queue that wait to be indexed."""
    # Procrastinate's triggers find its tables by the search path.
    connection.execute(text("SET LOCAL search_path = public, procrastinate"))
    connection.execute(
        text(
            "DELETE FROM procrastinate.procrastinate_jobs "
            "WHERE status = 'todo' AND task_name = :task AND queueing_lock = ANY (:paths)"
        ),
        {"task": INGEST_TASK, "paths": list(paths)},
    )


def queues_served(connection: Connection) -> set[str]:
    """The queues of which a worker is connected."""
    names = {f"sceneql {queue}": queue for queue in (INGEST_QUEUE, SCAN_QUEUE)}
    connected = connection.execute(
        text(
            "SELECT DISTINCT application_name FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = ANY (:names)"
        ),
        {"names": list(names)},
    )
    return {names[name] for name in connected.scalars()}


def enqueue_ingest(
    files: Sequence[IngestJob], on_progress: Callable[[int], None] = lambda _: None
) -> int:
    """Defers one job per file and returns how many were new.

    A file that already waits in the queue is not queued again. `on_progress` is told how many
    files were dealt with.
    """
    jobs = [
        _job(INGEST_QUEUE, INGEST_TASK, file.path, file.priority, sampling=file.sampling,
             path=file.path, collection=file.collection)
        for file in files
    ]  # fmt: skip
    return _enqueue(jobs, on_progress)


def enqueue_scans(source_ids: Iterable[int]) -> int:
    """Defers a scan of each source and returns how many were new: they do not pile up."""
    jobs = [
        # Of the jobs of one lock one is done at a time: some places are left for shorter work.
        _job(
            SCAN_QUEUE,
            SCAN_TASK,
            f"scan {source_id}",
            lock=f"scanning {source_id % SCANS_AT_ONCE}",
            source_id=source_id,
        )
        for source_id in source_ids
    ]
    return _enqueue(jobs)


def enqueue_fill(model: str) -> bool:
    """Defers a job that fills a model for a while; whether there was none waiting yet."""
    job = _job(INGEST_QUEUE, FILL_TASK, f"fill {model}", FILL_PRIORITY, "filling", model=model)
    return _enqueue([job]) > 0


def files_in_queue(connection: Connection) -> set[str]:
    """The paths that wait to be indexed, or are being indexed now."""
    return set(
        connection.execute(
            text(
                "SELECT args ->> 'path' FROM procrastinate.procrastinate_jobs "
                "WHERE status IN ('todo', 'doing') AND task_name = :task"
            ),
            {"task": INGEST_TASK},
        ).scalars()
    )


def _job(
    queue: str,
    task: str,
    queueing_lock: str,
    priority: int = 0,
    lock: str | None = None,
    **arguments: Any,
) -> Job:
    return Job(
        id=None,
        queue=queue,
        lock=lock,
        queueing_lock=queueing_lock,
        task_name=task,
        task_kwargs=arguments,
        priority=priority,
    )


def _enqueue(jobs: list[Job], on_progress: Callable[[int], None] = lambda _: None) -> int:
    """Defers jobs and returns how many were new; without any, the database is not asked."""
    if not jobs:
        return 0
    new = 0
    with App(connector=SyncPsycopgConnector(**connection_settings())).open() as queue:
        for start in range(0, len(jobs), _BATCH):
            new += _defer(queue, jobs[start : start + _BATCH])
            on_progress(min(start + _BATCH, len(jobs)))
    return new


def _defer(queue: App, jobs: list[Job]) -> int:
    """Defers jobs in one statement, or one by one if some of them are in the queue already."""
    try:
        queue.job_manager.batch_defer_jobs(jobs=jobs)
    except AlreadyEnqueued:
        if len(jobs) == 1:
            return 0
        return sum(_defer(queue, [job]) for job in jobs)
    return len(jobs)
