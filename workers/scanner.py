"""The worker that scans sources on schedule and looks after jobs whose workers have died.

It knows no model, so that it is up at once and takes little memory.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from procrastinate import App, JobContext
from procrastinate.exceptions import JobAborted, UniqueViolation
from procrastinate.jobs import Job, Status
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.db import get_engine
from app.errors import BadRequestError
from app.failures import in_one_line
from app.queue import INGEST_TASK, SCAN_QUEUE, SCAN_TASK, SCANS_AT_ONCE, enqueue_scans, worker_app
from app.sources import due_sources, get_source, list_sources
from workers.giving_up import MAX_DEATHS, bury
from workers.jobs import stop_if_told, work_off
from workers.scan import ScanUnderWayError, scan

logger = logging.getLogger(__name__)

# The sixth field are seconds.
EVERY_TEN_S = "* * * * * */10"
KEEP_FAILED_JOBS_H = 30 * 24
# Whoever looks after the jobs of dead workers holds the advisory lock of this number.
REVIVAL_LOCK = 20269
JOBS_AT_ONCE = SCANS_AT_ONCE + 2
"""Scans may take an hour; the tick and the stalled jobs must not wait for them."""


class Scanner:
    """Scans the sources that are due, and looks after jobs whose workers have died."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine: Engine = get_engine(settings)

    def scan_source(self, source_id: int, on_file: Callable[[], None] = lambda: None) -> None:
        """Scans a source; why one cannot be scanned is said, and it is tried again when due.

        `on_file` is called now and then; what it raises ends the scan and is raised here.
        """
        source = get_source(self.engine, source_id)
        if source is None or source.paused:
            return
        try:
            report = scan(self.engine, source, lambda *_: on_file())
        except ScanUnderWayError:
            return
        except BadRequestError as error:
            logger.warning("%s", error)
            return
        except OperationalError as error:
            logger.warning("%s is scanned anew when it is due: %s", source.path, in_one_line(error))
            return
        for kind, path, note in report.notes:
            logger.info("%s: %s %s", kind, path, note)

    def tick(self, timestamp: int) -> None:  # noqa: ARG002 - named by Procrastinate.
        """Queues a scan of each source that is due; one that waits already is not queued again."""
        enqueue_scans(due_sources(self.engine))

    async def revive_stalled(self, app: App) -> None:
        """Queues again what workers had begun that then died, but not for ever.

        Does nothing while somebody else is at it.
        """
        # Two at once would count a death twice, or queue again what a worker has begun meanwhile. A
        # lock of the queue would outlive a scanner that is killed, and nobody would free it.
        with self.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            locked = select(func.pg_try_advisory_lock(REVIVAL_LOCK))
            if not connection.execute(locked).scalar_one():
                return
            try:
                for job in await app.job_manager.get_stalled_jobs(
                    seconds_since_heartbeat=self.settings.stalled_after_s
                ):
                    await self._revive(app, job)
            finally:
                connection.execute(select(func.pg_advisory_unlock(REVIVAL_LOCK)))

    async def _revive(self, app: App, job: Job) -> None:
        deaths = 0
        path = job.task_kwargs.get("path")
        if job.task_name == INGEST_TASK and isinstance(path, str):
            # In a thread, because a large file may have to be read.
            deaths = await asyncio.to_thread(bury, self.engine, Path(path))
        logger.warning(
            "a worker died at %s", job.call_string, extra={"path": path, "deaths": deaths}
        )
        if deaths >= MAX_DEATHS:
            # The reason stands with the video.
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
            return
        try:
            # Other files come first, so that one that kills its workers holds up none of them.
            await app.job_manager.retry_job(job, priority=job.priority - deaths)
        except UniqueViolation:
            # The same work has been queued meanwhile.
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)

    def app(self) -> App:
        """The queue's app with this worker's tasks."""
        app = worker_app(SCAN_QUEUE)

        def scan_source(context: JobContext, source_id: int) -> None:
            # Its source is due, which is enough. The job itself is not tried again: while it waited
            # no other source of its lock would be scanned, and where another scan of this one waits
            # already, it could not even be put back.
            with suppress(JobAborted):
                self.scan_source(source_id, partial(stop_if_told, context))

        app.task(name=SCAN_TASK, queue=SCAN_QUEUE, pass_context=True)(scan_source)

        async def retry_stalled(timestamp: int) -> None:  # noqa: ARG001 - named by Procrastinate.
            await self.revive_stalled(app)

        async def forget_failed(timestamp: int) -> None:  # noqa: ARG001 - named by Procrastinate.
            await app.job_manager.delete_old_jobs(KEEP_FAILED_JOBS_H, include_failed=True)

        for name, cron, task in (
            ("tick", EVERY_TEN_S, self.tick),
            ("retry_stalled", EVERY_TEN_S, retry_stalled),
            ("forget_failed", "0 4 * * *", forget_failed),
        ):
            registered = app.task(name=name, queue=SCAN_QUEUE, queueing_lock=name)(task)
            app.periodic(cron=cron)(registered)
        return app


def run(settings: Settings) -> None:
    """Scans all sources once, then each when it is due, until the process is told to stop."""
    scanner = Scanner(settings)
    enqueue_scans(source.id for source in list_sources(scanner.engine) if not source.paused)
    work_off(scanner.app, settings, SCAN_QUEUE, JOBS_AT_ONCE)
