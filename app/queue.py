"""The job queue: Procrastinate's tables in a schema of their own, jobs deferred by task name."""

from typing import Any

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued

from app.db import database_url

INGEST_TASK = "ingest_file"
INGEST_QUEUE = "ingest"
FILL_TASK = "fill_model"
# A new model takes the time that new files leave.
FILL_PRIORITY = -1


def connection_settings() -> dict[str, Any]:
    """What Procrastinate's connections need; its tables are found by the search path."""
    return {
        "conninfo": database_url(),
        "kwargs": {"options": "-c search_path=procrastinate", "application_name": "sceneql queue"},
    }


def worker_app() -> App:
    """The app that a worker runs; tasks are registered on it by workers.tasks."""
    return App(connector=PsycopgConnector(**connection_settings()))


def enqueue_ingest(paths: list[str], sampling: str, collection: str | None) -> int:
    """Defers one job per file and returns how many were new.

    A file that already waits in the queue is not queued again.
    """
    queue = App(connector=SyncPsycopgConnector(**connection_settings()))
    with queue.open():
        return sum(_defer(queue, path, sampling, collection) for path in paths)


def _defer(queue: App, path: str, sampling: str, collection: str | None) -> bool:
    job = queue.configure_task(
        INGEST_TASK, queue=INGEST_QUEUE, queueing_lock=path, lock=path, allow_unknown=True
    )
    try:
        job.defer(path=path, sampling=sampling, collection=collection)
    except AlreadyEnqueued:
        return False
    return True


def enqueue_fill(model: str) -> bool:
    """Defers a job that fills a model for a while; whether there was none waiting yet."""
    queue = App(connector=SyncPsycopgConnector(**connection_settings()))
    lock = f"fill {model}"
    with queue.open():
        job = queue.configure_task(
            FILL_TASK,
            queue=INGEST_QUEUE,
            queueing_lock=lock,
            lock=lock,
            priority=FILL_PRIORITY,
            allow_unknown=True,
        )
        try:
            job.defer(model=model)
        except AlreadyEnqueued:
            return False
    return True
