"""Rows of sources, queue and failures, as workers leave them, for tests of what watches them."""

from typing import Any

from sqlalchemy import Engine, text

from app.queue import INGEST_TASK


def add_source(engine: Engine, path: str, **columns: Any) -> None:
    """A source that is scanned every ten minutes; a column's value is SQL."""
    values = {"every_s": "600", "sampling": "'scenes:3'"} | columns
    with engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO sources (path, {', '.join(values)}) "
                f"VALUES (:path, {', '.join(values.values())})"
            ),
            {"path": path},
        )


def add_video(engine: Engine, title: str, **columns: Any) -> None:
    """A video of 30 s that has just been indexed; a column's value is SQL."""
    values = {"status": "'indexed'", "duration_s": "30"} | columns
    with engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO videos (content_hash, title, {', '.join(values)}) "
                f"VALUES (:title, :title, {', '.join(values.values())})"
            ),
            {"title": title},
        )


def add_worker(engine: Engine, heartbeat_s_ago: float = 0) -> int:
    """A worker whose last heartbeat was so long ago; returns its id."""
    with engine.begin() as connection:
        worker_id: int = connection.execute(
            text(
                "INSERT INTO procrastinate.procrastinate_workers (last_heartbeat) "
                "VALUES (now() - make_interval(secs => :ago)) RETURNING id"
            ),
            {"ago": heartbeat_s_ago},
        ).scalar_one()
    return worker_id


def add_job(
    engine: Engine,
    status: str = "todo",
    path: str | None = None,
    task: str = INGEST_TASK,
    worker_id: int | None = None,
    began_s_ago: float = 0,
) -> int:
    """A job in the queue; returns its id."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL search_path = procrastinate"))
        job_id: int = connection.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, worker_id) "
                "VALUES ('ingest', :task, jsonb_strip_nulls(jsonb_build_object('path', "
                "CAST(:path AS text))), CAST(:status AS procrastinate_job_status), :worker_id) "
                "RETURNING id"
            ),
            {"task": task, "path": path, "status": status, "worker_id": worker_id},
        ).scalar_one()
        if status == "doing":
            connection.execute(
                text(
                    "INSERT INTO procrastinate_events (job_id, type, at) "
                    "VALUES (:id, 'started', now() - make_interval(secs => :ago))"
                ),
                {"id": job_id, "ago": began_s_ago},
            )
    return job_id
