"""What all workers that take jobs from the queue have in common."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from signal import SIGINT, SIGTERM
from threading import Event

import psycopg
from procrastinate import App, BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.jobs import Job
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.errors import (
    BusyDatabaseError,
    DatabaseUnavailableError,
    DecoderUnavailableError,
    ModelUnavailableError,
)
from app.failures import in_one_line

logger = logging.getLogger(__name__)

RECONNECT_AFTER_S = 1.0
# The supervisor kills after twice this time.
SHUTDOWN_TIMEOUT_S = 5.0
STOP_SIGNALS = (SIGINT, SIGTERM)
SPARE_THREADS = 2
"""For what the queue itself does in threads."""


class Patience(BaseRetryStrategy):
    """Tries again what may be otherwise in a while, later and later, for a day.

    Such are a database that restarts, a disk that is full, and weights that cannot be downloaded
    now. A job that was interrupted because its worker stops is taken up by the next one at once.
    """

    LONGEST_S = 3600
    ATTEMPTS = 28
    PASSING = (
        OperationalError,
        psycopg.OperationalError,
        ConnectorException,
        DatabaseUnavailableError,
        BusyDatabaseError,
        ModelUnavailableError,
        DecoderUnavailableError,
        OSError,
    )

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, JobAborted):
            return RetryDecision(retry_in={"seconds": 0})
        if isinstance(exception, self.PASSING) and job.attempts < self.ATTEMPTS:
            pause_s = min(4 ** (job.attempts + 1), self.LONGEST_S)
            # Nobody else says so: the queue keeps no reason, and is quiet about what goes on.
            logger.warning(
                "%s is tried again in %d s: %s",
                job.call_string,
                pause_s,
                in_one_line(exception) or repr(exception),
                extra={"path": job.task_kwargs.get("path"), "pause_s": pause_s},
            )
            return RetryDecision(retry_in={"seconds": pause_s})
        return None


def stop_if_told(context: JobContext) -> None:
    """Ends a job by JobAborted once its worker is told to stop; another worker takes it up."""
    if context.should_abort():
        raise JobAborted


def work_off(
    make_app: Callable[[], App], settings: Settings, queue: str, jobs_at_once: int
) -> None:
    """Takes the jobs of a queue, so many at a time, until the process is told to stop.

    A worker whose connections break, or that was taken for dead while it was only silent, signs on
    anew under another number.
    """
    told_to_stop = Event()
    while not told_to_stop.is_set():
        reason = "the worker ended by itself; its reason stands above"
        try:
            asyncio.run(_work_off(make_app(), settings, queue, jobs_at_once, told_to_stop))
        except (ConnectorException, psycopg.OperationalError) as error:
            reason = str(error.__cause__ or error).strip().partition("\n")[0]
        if not told_to_stop.is_set():
            logger.warning("lost the queue, signing on again: %s", reason)
            time.sleep(RECONNECT_AFTER_S)


async def _work_off(
    app: App, settings: Settings, queue: str, jobs_at_once: int, told_to_stop: Event
) -> None:
    loop = asyncio.get_running_loop()
    # Jobs wait in threads, and by itself asyncio has but a few more of those than there are cores.
    threads = ThreadPoolExecutor(jobs_at_once + SPARE_THREADS, thread_name_prefix=queue)
    loop.set_default_executor(threads)
    async with app.open_async():
        worker = asyncio.ensure_future(
            app.run_worker_async(
                queues=[queue],
                concurrency=jobs_at_once,
                name=queue,
                # By its own it would end alike where it is told to and where it has lost something.
                install_signal_handlers=False,
                shutdown_graceful_timeout=SHUTDOWN_TIMEOUT_S,
                delete_jobs="successful",
                update_heartbeat_interval=settings.stalled_after_s / 3,
                stalled_worker_timeout=settings.stalled_after_s,
            )
        )

        def stop() -> None:
            told_to_stop.set()
            # Whoever says so again does not want to wait for the end of what is under way.
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)
            worker.cancel()

        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, stop)
        try:
            await worker
        except asyncio.CancelledError:
            if not told_to_stop.is_set():
                raise
