"""The ingest jobs that a worker takes from the queue; each only calls what does the work."""

import logging
import time
from functools import partial
from pathlib import Path
from threading import Lock

from procrastinate import App, JobContext

from app.config import Settings
from app.db import get_engine
from app.errors import ModelUnavailableError
from app.queue import FILL_TASK, INGEST_QUEUE, INGEST_TASK, worker_app
from app.sampling import Sampling
from workers.background_fill import BackgroundFill
from workers.decoders import Decoders
from workers.embedding import Embedding
from workers.index_model import claim, load_for_ingest
from workers.ingest import Ingester
from workers.jobs import Patience, stop_if_told, work_off
from workers.turns import Turns

logger = logging.getLogger(__name__)


class IngestWorker:
    """Takes ingest jobs; the model is loaded with the first."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine = get_engine(settings)
        self.embedding: Embedding | None = None
        self.loading = Lock()
        self.decoders = Decoders.of(settings)
        self.turns = Turns()

    def ingest_file(
        self, context: JobContext, path: str, sampling: str, collection: str | None
    ) -> None:
        """Indexes one file; a file that fails is recorded as failed, and the job is done."""
        stop_if_told(context)
        embedding, model_id = self._embedding()
        began_s = time.monotonic()
        ingester = Ingester(
            self.engine,
            embedding,
            model_id,
            self.settings.spool_dir,
            self.decoders,
            Sampling.parse(sampling),
            collection,
            self.turns,
        )
        outcome = ingester.ingest(Path(path), lambda _: stop_if_told(context))
        facts = {
            "path": str(outcome.path),
            "state": outcome.state,
            "scenes": outcome.scenes,
            "frames": outcome.frames,
            "seconds": round(time.monotonic() - began_s, 3),
        }
        logger.info("%s: %s %s", outcome.state, outcome.path, outcome.reason or "", extra=facts)

    def close(self) -> None:
        """Ends the decoders."""
        self.decoders.close()

    def _embedding(self) -> tuple[Embedding, int]:
        """The model at work, which all jobs share, and its id in the index.

        It is loaded anew if the index has changed to another; jobs that are under way keep theirs.
        """
        with self.loading:
            if self.embedding is not None:
                try:
                    return self.embedding, claim(self.engine, self.embedding.model)
                except ModelUnavailableError:
                    self.embedding = None
            model = load_for_ingest(self.engine, self.settings)
            self.embedding = Embedding(model)
            return self.embedding, claim(self.engine, model)

    def app(self) -> App:
        """The queue's app with this worker's tasks."""
        app = worker_app(INGEST_QUEUE)
        app.task(name=INGEST_TASK, queue=INGEST_QUEUE, retry=Patience(), pass_context=True)(
            self.ingest_file
        )
        filler = BackgroundFill(self.settings, self.engine)

        def fill_model(context: JobContext, model: str) -> None:
            filler.fill_model(model, partial(stop_if_told, context))

        app.task(name=FILL_TASK, queue=INGEST_QUEUE, retry=Patience(), pass_context=True)(
            fill_model
        )
        return app


def run(settings: Settings) -> None:
    """Takes ingest jobs until the process is told to stop."""
    worker = IngestWorker(settings)
    try:
        work_off(worker.app, settings, INGEST_QUEUE, worker.decoders.files_at_a_time)
    finally:
        worker.close()
