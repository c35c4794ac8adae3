"""Indexes one file: decode, scenes, frames and vectors at the same time, then one transaction."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
from psycopg import DataError
from psycopg.errors import ProgramLimitExceeded
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from app.errors import MediaError
from app.sampling import Sampling
from workers.analysis import Progress, Sample, Scene, Subtitle
from workers.decoder import Decoder, DecoderLostError
from workers.details import describe
from workers.library import FileState, content_hash, file_state, is_indexed
from workers.model import Model
from workers.spool import IndexedFrame, Spool
from workers.store import IndexedVideo, link_copy, write_failure, write_video

logger = logging.getLogger(__name__)

BATCH_SIZE = 16
# One batch is being embedded while the next one fills; more would only take memory.
BATCHES_AHEAD = 2


@dataclass(frozen=True)
class Outcome:
    """What became of a file; the reason says why it was skipped or failed."""

    path: Path
    state: Literal["indexed", "skipped", "failed"]
    reason: str | None = None
    scenes: int = 0
    frames: int = 0


class Ingester:
    """Indexes files into one database with one model."""

    def __init__(
        self,
        engine: Engine,
        model: Model,
        model_id: int,
        spool_folder: Path,
        decoder: Decoder,
        sampling: Sampling,
        collection: str | None = None,
    ) -> None:
        self.engine = engine
        self.model = model
        self.model_id = model_id
        self.spool_folder = spool_folder
        self.decoder = decoder
        self.sampling = sampling
        self.collection = collection

    def ingest(self, path: Path, on_progress: Callable[[Progress], None] | None = None) -> Outcome:
        """Indexes a file unless the index knows it; records the reason if it fails."""
        state: FileState | None = None
        digest: str | None = None
        try:
            state = file_state(path)
            with self.engine.connect() as connection:
                if is_indexed(connection, path, state):
                    return Outcome(path, "skipped", "already indexed")
            digest = content_hash(path)
            if (known := link_copy(self.engine, path, state, digest)) is not None:
                return Outcome(path, "skipped", known)
            return self._index(path, state, digest, on_progress or (lambda _: None))
        except MediaError as error:
            return self._failed(path, str(error), state, digest)
        except DBAPIError as error:
            # Not every title, size or date that a file may claim can be kept; others can go on.
            if not isinstance(error.orig, (DataError, ProgramLimitExceeded)):
                raise
            reason = f"cannot be kept in the database: {error.orig.diag.message_primary}"
            return self._failed(path, reason, state, digest)

    def _failed(
        self, path: Path, reason: str, state: FileState | None, digest: str | None
    ) -> Outcome:
        write_failure(self.engine, path, reason, state, digest)
        return Outcome(path, "failed", reason)

    def _index(
        self,
        path: Path,
        state: FileState,
        digest: str,
        on_progress: Callable[[Progress], None],
    ) -> Outcome:
        try:
            return self._index_once(path, state, digest, on_progress)
        except DecoderLostError as error:
            if not error.used:
                raise
            # The harm may be an earlier file's. What this one gave so far is thrown away.
            logger.warning("%s %s: it is tried again in a new decoder", path, error)
        return self._index_once(path, state, digest, on_progress)

    def _index_once(
        self,
        path: Path,
        state: FileState,
        digest: str,
        on_progress: Callable[[Progress], None],
    ) -> Outcome:
        with Spool(self.spool_folder) as spool:
            with Embedding(self.model, spool) as embedding:
                decoded = self.decoder.decode(path, self.sampling, embedding.add, on_progress)
            if file_state(path) != state:
                raise MediaError("was changed while it was read; index it again when it rests")
            info, analysis = decoded.info, decoded.analysis
            details = describe(path, info, self.collection)
            said = said_in_scenes(analysis.scenes, decoded.subtitles)
            video = IndexedVideo(
                path, state, digest, info, details, analysis, said, spool, str(self.sampling)
            )
            write_video(self.engine, self.model_id, video)
            return Outcome(
                path,
                "indexed",
                reason=video.warning,
                scenes=len(analysis.scenes),
                frames=len(spool),
            )


class Embedding:
    """Turns samples into spooled frames, in batches, on a thread beside the decoding.

    The model computes outside of Python's lock, so the decoding goes on meanwhile.
    """

    def __init__(self, model: Model, spool: Spool) -> None:
        self.model = model
        self.spool = spool
        self.batch: list[Sample] = []
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedding")
        self.ahead: deque[Future[None]] = deque()

    def add(self, sample: Sample) -> None:
        self.batch.append(sample)
        if len(self.batch) == BATCH_SIZE:
            self._send()

    def _send(self) -> None:
        while len(self.ahead) >= BATCHES_AHEAD:
            self.ahead.popleft().result()
        self.ahead.append(self.thread.submit(self._embed, self.batch))
        self.batch = []

    def _embed(self, samples: Sequence[Sample]) -> None:
        vectors = self.model.encode_images([sample.image for sample in samples])
        for sample, vector in zip(samples, vectors.astype(np.float16), strict=True):
            self.spool.append(
                IndexedFrame(sample.frame_no, sample.scene_no, sample.t_s, sample.thumbnail, vector)
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                if self.batch:
                    self._send()
                for batch in self.ahead:
                    batch.result()
        finally:
            self.thread.shutdown(cancel_futures=True)


def said_in_scenes(scenes: Sequence[Scene], subtitles: Sequence[Subtitle]) -> list[str | None]:
    """For each scene the subtitles that are shown during it, in order, or None."""
    return [
        "\n".join(s.text for s in subtitles if s.start_s < scene.end_s and s.end_s > scene.start_s)
        or None
        for scene in scenes
    ]
