"""Fills a model as jobs of the queue, a slice at a time, so that new files never wait for long."""

import logging
from collections.abc import Callable

from sqlalchemy import Engine

from app.config import Settings
from app.errors import BadRequestError
from app.model_catalog import fill_lock, models
from app.queue import enqueue_fill
from workers.fill import Filler
from workers.model import ModelId, load
from workers.model_check import check

# A slice ends with the video that is being read then.
SLICE_S = 30.0

logger = logging.getLogger(__name__)


class BackgroundFill:
    """Fills models in slices, as jobs of the queue, one at a time; ingest jobs come in between."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.filler: Filler | None = None

    def fill_model(self, model: str, on_picture: Callable[[], None] = lambda: None) -> None:
        """Fills for a while and queues the rest; a model that was dropped meanwhile is let be.

        `on_picture` is called with each picture; what it raises ends the slice and is raised here.
        """
        with self.engine.connect() as connection:
            row = next((row for row in models(connection) if str(row) == model), None)
        if row is None:
            logger.info("%s is not in the index any more", model)
            self.filler = None
            return
        filler = self.filler
        if filler is None or filler.model_id != row.id:
            loaded = load(ModelId(row.name, row.pretrained), self.settings.weights_dir)
            self.filler = filler = Filler(self.engine, loaded, row.id)
        filler.on_progress = lambda _: on_picture()
        try:
            with fill_lock(self.engine, row):
                report = filler.run(SLICE_S)
                if not report.is_complete:
                    enqueue_fill(model)
                    return
                logger.info("%s: %s", model, report)
                logger.info("%s: %s", model, check(self.engine, filler.model, row.id))
        except BadRequestError as error:
            logger.info("%s", error)
        self.filler = None
