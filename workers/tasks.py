"""The jobs that workers take from the queue; each only calls what does the work."""

import logging
import time
from pathlib import Path

import psycopg
from procrastinate import App, RetryStrategy
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.db import get_engine
from app.errors import ModelUnavailableError
from app.queue import INGEST_QUEUE, INGEST_TASK, worker_app
from workers.index_model import claim, load_for_ingest
from workers.ingest import Ingester
from workers.model import Model
from workers.sampling import Sampling

logger = logging.getLogger(__name__)

# What may be otherwise in a while: a database that restarts, weights that cannot be downloaded now.
RETRY = RetryStrategy(
    max_attempts=8,
    exponential_wait=4,
    retry_exceptions=[OperationalError, psycopg.OperationalError, ModelUnavailableError],
)
# The supervisor kills after twice this time.
SHUTDOWN_TIMEOUT_S = 5.0


class IngestWorker:
    """Takes ingest jobs one after the other; the model is loaded with the first."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = get_engine(settings)
        self.model: Model | None = None

    def ingest_file(self, path: str, sampling: str, collection: str | None) -> None:
        """Indexes one file; a file that fails is recorded as failed, and the job is done."""
        model, model_id = self._model()
        ingester = Ingester(
            self.engine,
            model,
            model_id,
            self.settings.spool_dir,
            Sampling.parse(sampling),
            collection,
        )
        began_s = time.monotonic()
        outcome = ingester.ingest(Path(path))
        facts = {
            "path": str(outcome.path),
            "state": outcome.state,
            "scenes": outcome.scenes,
            "frames": outcome.frames,
            "seconds": round(time.monotonic() - began_s, 3),
        }
        logger.info("%s: %s %s", outcome.state, outcome.path, outcome.reason or "", extra=facts)

    def _model(self) -> tuple[Model, int]:
        """The model and its id in the index; loaded anew if the index has changed to another."""
        if self.model is not None:
            try:
                return self.model, claim(self.engine, self.model)
            except ModelUnavailableError:
                self.model = None
        self.model = load_for_ingest(self.engine, self.settings)
        return self.model, claim(self.engine, self.model)

    def app(self) -> App:
        """The queue's app with this worker's tasks."""
        app = worker_app()
        app.task(name=INGEST_TASK, queue=INGEST_QUEUE, retry=RETRY)(self.ingest_file)

        async def retry_stalled(timestamp: int) -> None:  # noqa: ARG001 - named by Procrastinate.
            """Queues again what a worker had begun that then died; its files are read anew."""
            for job in await app.job_manager.get_stalled_jobs(queue=INGEST_QUEUE):
                logger.warning("a worker died at %s; queued again", job.task_kwargs.get("path"))
                await app.job_manager.retry_job(job)

        minutely = app.periodic(cron="* * * * *")
        minutely(
            app.task(name="retry_stalled", queue=INGEST_QUEUE, queueing_lock="retry_stalled")(
                retry_stalled
            )
        )
        return app


def run(settings: Settings) -> None:
    """Takes jobs until the process is told to stop."""
    IngestWorker(settings).app().run_worker(
        queues=[INGEST_QUEUE],
        concurrency=1,
        name="ingest",
        shutdown_graceful_timeout=SHUTDOWN_TIMEOUT_S,
        delete_jobs="successful",
    )
