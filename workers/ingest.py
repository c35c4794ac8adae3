"""Indexes one file: decode, scenes, frames and vectors at the same time, then one transaction."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from psycopg import DataError
from psycopg.errors import ProgramLimitExceeded
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from app.errors import AttemptLostError, MediaError, UnreadableError
from app.sampling import Sampling
from workers.analysis import Progress, Sample
from workers.attempts import Attempt, begin_attempt, leave_unread, release_attempt
from workers.decoder import DecoderLostError
from workers.decoders import Decoders, Loan
from workers.details import describe
from workers.embedding import Batches, Embedding
from workers.library import (
    FileState,
    file_state,
    has_changed,
    is_gone,
    is_indexed,
)
from workers.links import Hashes, link_copy, write_unread
from workers.refresh import refresh_details
from workers.sidecars import sidecar_state
from workers.spool import IndexedFrame, Spool
from workers.store import IndexedVideo, write_failure, write_video
from workers.turns import Turns

logger = logging.getLogger(__name__)

CHANGED = "was changed or went away while it was read; index it again when it rests"


@dataclass(frozen=True)
class Outcome:
    """What became of a file; the reason says why it was skipped or failed.

    Of an updated one only what is said beside its pictures was read again.
    """

    path: Path
    state: Literal["indexed", "updated", "skipped", "failed"]
    reason: str | None = None
    scenes: int = 0
    frames: int = 0


@dataclass(frozen=True)
class _File:
    """A file that is being tried, as it was found, and the decoder that it has for now."""

    path: Path
    state: FileState
    hashes: Hashes
    attempt: Attempt
    loan: Loan
    on_progress: Callable[[Progress], None]


class Ingester:
    """Indexes files into one database with one model; several threads may share it."""

    def __init__(
        self,
        engine: Engine,
        embedding: Embedding,
        model_id: int,
        spool_folder: Path,
        decoders: Decoders,
        sampling: Sampling,
        collection: str | None = None,
        turns: Turns | None = None,
    ) -> None:
        """`turns` are those of copies, for ingesters that share them; else it has its own."""
        self.engine = engine
        self.embedding = embedding
        self.model_id = model_id
        self.spool_folder = spool_folder
        self.decoders = decoders
        self.sampling = sampling
        self.collection = collection
        self.turns = turns or Turns()

    def ingest(self, path: Path, on_progress: Callable[[Progress], None] | None = None) -> Outcome:
        """Indexes a file unless the index knows it; records the reason if it fails.

        It waits for a decoder, and has it until the last frame is decoded: while the vectors of
        one file are awaited and written, the next one is decoded. Before that it waits for a copy
        of the file that is being indexed. `on_progress` is called while it waits for that, when it
        has a decoder, and while frames are decoded; what it raises ends the file and is raised
        here.
        """
        on_progress = on_progress or (lambda _: None)
        try:
            state = file_state(path)
            with self.engine.connect() as connection:
                indexed = is_indexed(connection, path, state)
            if indexed:
                return self._refresh(path)
            hashes = Hashes.of(path)
        except MediaError as error:
            # Of what is gone there is nothing to tell; the next scan sees to what was known of it.
            if not is_gone(path):
                write_unread(self.engine, path, str(error))
            return Outcome(path, "failed", str(error))
        begin = partial(on_progress, Progress(0, None))
        # Else both would be decoded, and the second to begin would take the attempt of the first.
        with self.turns.turn(hashes.content, begin), self.decoders.lent() as loan:
            begin()
            # A copy may have been indexed while this one waited.
            if (known := link_copy(self.engine, path, state, hashes.content)) is not None:
                return Outcome(path, "skipped", known.reason)
            # Not before it has a decoder: a worker's death is laid to all that it had begun.
            attempt = begin_attempt(self.engine, path, state, hashes)
            try:
                return self._try(_File(path, state, hashes, attempt, loan, on_progress))
            except AttemptLostError as error:
                return Outcome(path, "skipped", str(error))
            except BaseException:
                # What ends this process, or the database, is not the video's fault.
                with suppress(OperationalError):
                    release_attempt(self.engine, attempt)
                raise

    def _try(self, file: _File) -> Outcome:
        try:
            return self._index(file)
        except MediaError as error:
            if has_changed(file.path, file.state):
                # Its disk may be gone, or it is being written: what was read tells nothing of it.
                release_attempt(self.engine, file.attempt)
                return Outcome(file.path, "failed", CHANGED)
            reason = str(error)
            if isinstance(error, UnreadableError):
                # Its disk fails, of which it may recover: the file itself may be as good as ever.
                leave_unread(self.engine, file.path, reason, file.attempt)
                return Outcome(file.path, "failed", reason)
        except DBAPIError as error:
            # Not every title, size or date that a file may claim can be kept; others can go on.
            if not isinstance(error.orig, (DataError, ProgramLimitExceeded)):
                raise
            reason = f"cannot be kept in the database: {error.orig.diag.message_primary}"
        write_failure(self.engine, file.path, reason, file.state, file.hashes, file.attempt)
        return Outcome(file.path, "failed", reason)

    def _refresh(self, path: Path) -> Outcome:
        """Reads the sidecars of an indexed file again if they have changed."""
        try:
            refreshed = refresh_details(self.engine, self.decoders, path, self.collection)
        except MediaError as error:
            # The file has not changed, so what is indexed of it is as good as before.
            return Outcome(path, "skipped", f"already indexed; its sidecars were not read: {error}")
        if refreshed is None:
            return Outcome(path, "skipped", "already indexed")
        return Outcome(path, "updated", refreshed.warning)

    def _index(self, file: _File) -> Outcome:
        try:
            return self._index_once(file)
        except DecoderLostError as error:
            if not error.used:
                raise
            # The harm may be an earlier file's. What this one gave so far is thrown away.
            logger.warning("%s %s: it is tried again in a new decoder", file.path, error)
        return self._index_once(file)

    def _index_once(self, file: _File) -> Outcome:
        # Looked at before they are read: what changes in between is read again the next time.
        sidecars = sidecar_state(file.path)
        with Spool(self.spool_folder) as spool:
            with Batches(self.embedding, partial(_keep, spool)) as batches:
                decoded = file.loan.decoder.decode(
                    file.path,
                    self.sampling,
                    lambda sample: batches.add(sample, sample.image),
                    file.on_progress,
                )
                file.loan.give_back()
            if has_changed(file.path, file.state):
                raise MediaError(CHANGED)
            info, analysis = decoded.info, decoded.analysis
            details = describe(file.path, info, self.collection)
            video = IndexedVideo(
                path=file.path,
                state=file.state,
                hashes=file.hashes,
                info=info,
                details=details,
                analysis=analysis,
                subtitles=decoded.subtitles,
                frames=spool,
                sampling=str(self.sampling),
                sidecars=sidecars,
            )
            write_video(self.engine, self.model_id, video, file.attempt)
            replaced = (
                "has new content, which replaced the former" if file.attempt.replaces else None
            )
            return Outcome(
                file.path,
                "indexed",
                reason="; ".join(filter(None, (replaced, video.warning))) or None,
                scenes=len(analysis.scenes),
                frames=len(spool),
            )


def _keep(spool: Spool, sample: Sample, vector: NDArray[np.float16]) -> None:
    spool.append(
        IndexedFrame(sample.frame_no, sample.scene_no, sample.t_s, sample.thumbnail, vector)
    )
