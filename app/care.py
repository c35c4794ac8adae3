"""How the system stands: sources, queue, what is being done, what failed, rate and time left."""

import logging
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from app import catalog
from app.catalog import LibraryStatus
from app.errors import SceneqlError
from app.failures import for_strangers, in_one_line
from app.migrate import is_current, known_head
from app.queue import INGEST_TASK, queues_served

logger = logging.getLogger(__name__)

# A worker reports every ten seconds; one that has not for this long is taken for dead.
HEARTBEAT_LATE_S = 60
RATE_WINDOW_S = 600
FAILURES_SHOWN = 10
# Prometheus gives up after ten seconds; a scrape nobody waits for must not go on.
SNAPSHOT_TIMEOUT_S = 5


@dataclass(frozen=True)
class SourceState:
    """A folder that is scanned on schedule; times in seconds from now, report as counts by kind."""

    path: str
    collection: str | None
    every_s: int
    state: str  # "ok", "new" (not scanned yet), "paused" or "failed"
    scanned_at: datetime | None
    scanned_ago_s: float | None
    due_in_s: float | None
    report: dict[str, Any]
    error: str | None


@dataclass(frozen=True)
class RunningJob:
    """A job that a worker has taken; `is_stalled`: that worker is gone."""

    id: int
    task: str
    path: str | None
    running_s: float | None
    is_stalled: bool


@dataclass(frozen=True)
class Failure:
    """A video, file or job that failed, and why."""

    kind: str  # "video", "file" or "job"
    path: str | None
    reason: str
    at: datetime | None


@dataclass(frozen=True)
class Rate:
    """How fast videos were indexed of late, and how long the queue will last; None: unknown."""

    videos_per_minute: float | None
    video_s_per_s: float | None
    left_s: float | None


@dataclass(frozen=True)
class SystemStatus(LibraryStatus):
    """The library's status and that of all that keeps it; `tasks` counts jobs by task and status.

    `failures` holds the newest of `failure_count`.
    """

    sources: tuple[SourceState, ...]
    tasks: dict[str, dict[str, int]]
    running: tuple[RunningJob, ...]
    failures: tuple[Failure, ...]
    failure_count: int
    rate: Rate
    workers_alive: int
    queues_served: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """What metrics are made of; ages in seconds. `oldest_scan_s` is None without any scan."""

    videos: dict[str, int]
    scenes: int
    frames: int
    database_bytes: int
    failures: int
    tasks: dict[str, dict[str, int]]
    sources: dict[str, int]
    oldest_scan_s: float | None
    embedder_running: bool
    workers_alive: int
    unanswered: int
    oldest_question_s: float


@dataclass(frozen=True)
class Health:
    """Whether the database can be used; `reason` says why not, in one line that all may read."""

    schema: str | None = None
    embedder_running: bool = False
    reason: str | None = None


SOURCES = """
    SELECT path, collection, every_s,
        CASE WHEN paused THEN 'paused' WHEN error IS NOT NULL THEN 'failed'
            WHEN scanned_at IS NULL THEN 'new' ELSE 'ok' END AS state,
        scanned_at,
        extract(epoch FROM now() - scanned_at)::float8 AS scanned_ago_s,
        CASE WHEN NOT paused THEN extract(epoch FROM due_at - now())::float8 END AS due_in_s,
        coalesce(report, '{}') AS report, error
    FROM sources ORDER BY path
"""

TASKS = """
    SELECT task_name, status::text, count(*) FROM procrastinate.procrastinate_jobs
    WHERE status IN ('todo', 'doing', 'failed') GROUP BY task_name, status ORDER BY task_name
"""

RUNNING = """
    SELECT j.id, j.task_name AS task, j.args ->> 'path' AS path,
        extract(epoch FROM now() - (
            SELECT max(e.at) FROM procrastinate.procrastinate_events e
            WHERE e.job_id = j.id AND e.type = 'started'
        ))::float8 AS running_s,
        w.last_heartbeat IS NULL OR w.last_heartbeat < now() - make_interval(secs => :late_s)
            AS is_stalled
    FROM procrastinate.procrastinate_jobs j
    LEFT JOIN procrastinate.procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status = 'doing' ORDER BY j.id
"""

# A file that could not even be read has no time of failure; those come after all that have one.
FAILURES = """
    WITH failures (kind, path, reason, at) AS (
        SELECT 'video',
            coalesce(v.path, (SELECT min(f.path) FROM video_files f WHERE f.video_id = v.id),
                v.title),
            coalesce(v.error, 'no reason was given'), v.indexed_at
        FROM videos v WHERE v.status = 'failed'
        UNION ALL
        SELECT 'file', path, error, NULL FROM video_files WHERE error IS NOT NULL
        UNION ALL
        SELECT 'job', j.args ->> 'path',
            format('job %s (%s) was given up after %s tries; the worker''s log says why',
                j.id, j.task_name, j.attempts),
            (SELECT max(e.at) FROM procrastinate.procrastinate_events e WHERE e.job_id = j.id)
        FROM procrastinate.procrastinate_jobs j WHERE j.status = 'failed'
    )
    SELECT kind, path, reason, at, count(*) OVER () AS total FROM failures
    ORDER BY at DESC NULLS LAST, path LIMIT :most
"""

# The clock starts with the first attempt that is known to have ended in the window. Where only ends
# are known, the first end starts it and is not counted.
RATE = """
    WITH finished AS (
        SELECT indexed_at, coalesce(attempted_at, indexed_at) AS began, duration_s
        FROM videos
        WHERE status <> 'pending' AND indexed_at > now() - make_interval(secs => :window_s)
    ), span AS (
        SELECT greatest(min(began), now() - make_interval(secs => :window_s)) AS began FROM finished
    )
    SELECT count(*) AS videos, coalesce(sum(f.duration_s), 0) AS video_s,
        extract(epoch FROM now() - min(s.began))::float8 AS span_s
    FROM finished f, span s WHERE f.indexed_at > s.began
"""

WORKERS_ALIVE = """
    SELECT count(*) FROM procrastinate.procrastinate_workers
    WHERE last_heartbeat >= now() - make_interval(secs => :late_s)
"""


FAILURE_COUNT = """
    SELECT (SELECT count(*) FROM videos WHERE status = 'failed')
        + (SELECT count(*) FROM video_files WHERE error IS NOT NULL)
        + (SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE status = 'failed')
"""

QUESTIONS = """
    SELECT count(*), coalesce(extract(epoch FROM now() - min(requested_at)), 0)::float8
    FROM query_embeddings WHERE answered_at IS NULL
"""


def status(engine: Engine, *, failures: int = FAILURES_SHOWN) -> SystemStatus:
    """How everything stands at this moment, with at most so many of the newest failures."""
    library = asdict(catalog.status(engine))
    with engine.connect() as connection:
        tasks = jobs_by_task(connection)
        failed = connection.execute(text(FAILURES), {"most": max(failures, 1)}).all()
        late = {"late_s": HEARTBEAT_LATE_S}
        return SystemStatus(
            **library,
            sources=tuple(SourceState(**row._mapping) for row in connection.execute(text(SOURCES))),
            tasks=tasks,
            running=tuple(
                RunningJob(**row._mapping) for row in connection.execute(text(RUNNING), late)
            ),
            failures=tuple(
                Failure(row.kind, row.path, row.reason, row.at) for row in failed[:failures]
            ),
            failure_count=failed[0].total if failed else 0,
            rate=ingest_rate(connection, tasks.get(INGEST_TASK, {})),
            workers_alive=connection.execute(text(WORKERS_ALIVE), late).scalar_one(),
            queues_served=tuple(sorted(queues_served(connection))),
        )


def snapshot(engine: Engine) -> Snapshot:
    """The numbers of `status` without its lists, in one short read.

    Raises SQLAlchemyError when the database does not answer, or takes more than SNAPSHOT_TIMEOUT_S.
    """
    with engine.connect() as connection:
        connection.execute(text(f"SET LOCAL statement_timeout = '{SNAPSHOT_TIMEOUT_S}s'"))
        unanswered, oldest_question_s = connection.execute(text(QUESTIONS)).one()
        sources = connection.execute(text(SOURCES)).all()
        ages = [row.scanned_ago_s for row in sources if row.state != "paused" and row.scanned_at]
        return Snapshot(
            videos=catalog.videos_by_state(connection),
            scenes=connection.execute(text("SELECT count(*) FROM scenes")).scalar_one(),
            frames=connection.execute(
                text("SELECT coalesce(sum(frame_count), 0) FROM videos")
            ).scalar_one(),
            database_bytes=connection.execute(
                text("SELECT pg_database_size(current_database())")
            ).scalar_one(),
            failures=connection.execute(text(FAILURE_COUNT)).scalar_one(),
            tasks=jobs_by_task(connection),
            sources=dict(Counter(row.state for row in sources)),
            oldest_scan_s=max(ages, default=None),
            embedder_running=connection.execute(text("SELECT embedder_running()")).scalar_one(),
            workers_alive=connection.execute(
                text(WORKERS_ALIVE), {"late_s": HEARTBEAT_LATE_S}
            ).scalar_one(),
            unanswered=unanswered,
            oldest_question_s=oldest_question_s,
        )


def health(engine: Engine) -> Health:
    """Whether the database answers and has the schema that this program knows.

    What is not for everybody's eyes is logged.
    """
    try:
        if not is_current(engine):
            return Health(reason="the database has no schema, or an old one: sceneql db upgrade")
        with engine.connect() as connection:
            running = connection.execute(text("SELECT embedder_running()")).scalar_one()
    except (SceneqlError, SQLAlchemyError) as error:
        logger.error("%s", in_one_line(error) or error)
        return Health(reason=for_strangers(error))
    return Health(schema=known_head(), embedder_running=running)


def jobs_by_task(connection: Connection) -> dict[str, dict[str, int]]:
    """How many jobs of each task are in which state; those that are done are not counted."""
    tasks: dict[str, dict[str, int]] = {}
    for task, state, count in connection.execute(text(TASKS)):
        tasks.setdefault(task, {})[state] = count
    return tasks


def ingest_rate(connection: Connection, ingest: dict[str, int]) -> Rate:
    """How fast it has gone of late; `ingest` are the counts of its jobs, by state."""
    row = connection.execute(text(RATE), {"window_s": RATE_WINDOW_S}).one()
    if not row.videos or not row.span_s:
        return Rate(None, None, None)
    videos_per_s = row.videos / row.span_s
    waiting = ingest.get("todo", 0) + ingest.get("doing", 0)
    return Rate(
        videos_per_minute=60 * videos_per_s,
        video_s_per_s=float(row.video_s) / row.span_s,
        left_s=waiting / videos_per_s,
    )
