"""Fills a model: gives each frame of the library its vector, video by video, each wholly or not."""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from sqlalchemy import Connection, Engine, select

from app.errors import MediaError
from app.model_catalog import count_lacking, lacks
from app.models import Frame, Video
from workers.embedding import Batches, Embedding
from workers.pictures import StoredVideo, decoded, stored_video, thumbnails
from workers.vectors import vector_driver

if TYPE_CHECKING:
    from workers.model import Model


@dataclass
class FillReport:
    """What a fill came to; `failed` says by video id why there are frames without a vector."""

    videos: int = 0
    frames: int = 0
    by_thumbnails: int = 0
    """Videos whose file is missing, hidden or changed, so that their stored pictures were taken."""
    changed_meanwhile: int = 0
    """Videos that were indexed anew while they were read, which the next round took up."""
    failed: dict[int, str] = field(default_factory=dict)
    is_complete: bool = False

    def __str__(self) -> str:
        counts = f"{self.frames:,} frames of {self.videos:,} videos filled"
        if self.by_thumbnails:
            counts += f", {self.by_thumbnails:,} of them from thumbnails, as their files are gone"
        if self.changed_meanwhile:
            counts += f"; {self.changed_meanwhile:,} were indexed anew meanwhile and read again"
        return "\n".join([counts, *(f"  failed: {reason}" for reason in self.failed.values())])


@dataclass(frozen=True)
class FillProgress:
    """Of the frames that lacked a vector, how many have one now, and how many there are."""

    frames: int
    all_frames: int


class Filler:
    """Fills one model of one index. What is written stays: another fill goes on from there."""

    def __init__(
        self,
        engine: Engine,
        model: "Model",
        model_id: int,
        on_progress: Callable[[FillProgress], None] = lambda _: None,
    ) -> None:
        self.engine = engine
        self.model = model
        self.model_id = model_id
        self.on_progress = on_progress
        self.report = FillReport()
        self.embedded = 0
        self.lacking = 0

    def run(self, seconds: float | None = None) -> FillReport:
        """Fills until no frame lacks a vector, or until the time is over, at the end of a video.

        What was indexed or replaced meanwhile is taken up in a further round.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        self.report.is_complete = False
        with Embedding(self.model) as embedding:
            while video_ids := self._next_round():
                with Batches(embedding, self._collect) as batches:
                    for video_id in video_ids:
                        self._fill(batches, video_id)
                        if deadline is not None and time.monotonic() > deadline:
                            return self.report
        self.report.is_complete = True
        return self.report

    def _next_round(self) -> list[int]:
        """The videos with frames that lack a vector, without those that had to be given up."""
        with self.engine.connect() as connection:
            wanted = select(Frame.video_id).where(lacks(self.model_id)).distinct()
            found = connection.execute(wanted.order_by(Frame.video_id)).scalars()
            video_ids = [video_id for video_id in found if video_id not in self.report.failed]
            self.lacking = self.embedded + count_lacking(connection, self.model_id)
        self._show()
        return video_ids

    def _fill(self, batches: "Batches[_Item]", video_id: int) -> None:
        with self.engine.connect() as connection:
            video = stored_video(connection, video_id, lacks(self.model_id))
        if video is None:
            return
        if (path := video.unchanged_file) is not None:
            job = _Job(video)
            try:
                with closing(decoded(path, video)) as pictures:
                    for frame_no, image in pictures:
                        batches.add((job, frame_no), image)
                return
            except MediaError:
                # Size and time tell much, but not all.
                self._abandon(job)
        job = _Job(video, by_thumbnails=True)
        try:
            for frame_no, image in thumbnails(self.engine, video.id, video.frames):
                batches.add((job, frame_no), image)
        except MediaError as error:
            self._abandon(job)
            self.report.failed[video.id] = f"{video.title}: {error}"

    def _abandon(self, job: "_Job") -> None:
        job.is_abandoned = True
        self.embedded -= len(job.vectors)

    def _collect(self, item: "_Item", vector: NDArray[np.float16]) -> None:
        """Takes in a frame's vector, and writes the video with the last of them."""
        job, frame_no = item
        if job.is_abandoned:
            return
        job.vectors[frame_no] = vector
        self.embedded += 1
        self._show()
        if len(job.vectors) == len(job.video.frames):
            self._write(job)

    def _write(self, job: "_Job") -> None:
        with self.engine.begin() as connection:
            indexed_at = connection.execute(
                select(Video.indexed_at)
                .where(Video.id == job.video.id)
                .with_for_update(key_share=True)
            ).scalar_one_or_none()
            if indexed_at != job.video.indexed_at:
                # Its frames were replaced, or it was deleted: these vectors are of the former ones.
                self.report.changed_meanwhile += 1
                self._abandon(job)
                return
            wanted = select(Frame.frame_no).where(
                Frame.video_id == job.video.id, lacks(self.model_id)
            )
            frame_nos = [no for no in connection.execute(wanted).scalars() if no in job.vectors]
            self._copy(connection, job, frame_nos)
        self.report.videos += 1
        self.report.frames += len(frame_nos)
        self.report.by_thumbnails += job.by_thumbnails

    def _copy(self, connection: Connection, job: "_Job", frame_nos: Iterable[int]) -> None:
        driver = vector_driver(connection)
        with (
            driver.cursor() as cursor,
            cursor.copy(
                "COPY frame_embeddings (video_id, frame_no, model_id, embedding) "
                "FROM STDIN (FORMAT BINARY)"
            ) as copy,
        ):
            copy.set_types(["int8", "int4", "int2", "halfvec"])
            for frame_no in frame_nos:
                vector = HalfVector(job.vectors[frame_no])
                copy.write_row((job.video.id, frame_no, self.model_id, vector))

    def _show(self) -> None:
        self.on_progress(FillProgress(self.embedded, max(self.lacking, self.embedded)))


@dataclass
class _Job:
    """A video on its way through the model."""

    video: StoredVideo
    by_thumbnails: bool = False
    vectors: dict[int, NDArray[np.float16]] = field(default_factory=dict)
    is_abandoned: bool = False


_Item = tuple[_Job, int]
"""A frame of a video, by number."""
