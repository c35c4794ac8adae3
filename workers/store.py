"""Writes videos, each wholly or not at all, by the model that the index belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgvector import Bit, HalfVector
from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.errors import ModelUnavailableError
from app.models import EmbeddingModel, Fingerprint, Scene, SubtitleLine, Video, VideoFile
from workers.analysis import Analysis, Subtitle, VideoInfo
from workers.attempts import Attempt, close_attempt, hold_attempt
from workers.details import Details
from workers.library import FileState
from workers.links import Hashes, indexed_video, keep_edits, link_file, lock_content, record_unread
from workers.said import said_in_scenes, write_lines
from workers.spool import Spool
from workers.vectors import vector_driver


@dataclass(frozen=True)
class IndexedVideo:
    """All that a finished decode pass knows about a file."""

    path: Path
    state: FileState
    hashes: Hashes
    info: VideoInfo
    details: Details
    analysis: Analysis
    subtitles: Sequence[Subtitle]
    frames: Spool
    sampling: str
    sidecars: str | None = None

    @property
    def warning(self) -> str | None:
        return "; ".join(filter(None, (self.analysis.warning, self.details.warning))) or None


def write_video(engine: Engine, model_id: int, video: IndexedVideo, attempt: Attempt) -> int:
    """Writes a video with its scenes, frames and embeddings in one transaction; returns its id.

    A file whose content has changed keeps its video's id and what people set; all the frames are
    replaced. Raises AttemptLostError if the attempt is no longer this process's own, and
    ModelUnavailableError if the index has changed to another model meanwhile.
    """
    with engine.begin() as connection:
        _hold_model(connection, model_id)
        lock_content(connection, video.hashes.content)
        hold_attempt(connection, attempt)
        video_id = attempt.video_id
        if (indexed := indexed_video(connection, video.hashes.content)) is not None:
            # Somebody else was quicker with another copy of the same content.
            link_file(connection, video.path, video.state, indexed.id)
            close_attempt(connection, attempt)
            return int(indexed.id)
        _empty_row(connection, video_id, video.hashes.content)
        keep_edits(connection)
        connection.execute(
            update(Video)
            .where(Video.id == video_id)
            .values(
                **described(video.details),
                content_hash=video.hashes.content,
                sampled_hash=video.hashes.sampled,
                duration_s=video.analysis.duration_s,
                width=video.info.width,
                height=video.info.height,
                fps=video.info.fps,
                codec=video.info.codec,
                frame_count=len(video.frames),
                sampling=video.sampling,
                status="indexed",
                error=None,
                warning=video.warning,
                indexed_at=func.now(),
                attempt=None,
                deaths=0,
            )
        )
        connection.execute(
            insert(Scene),
            [
                {
                    "video_id": video_id,
                    "scene_no": scene.scene_no,
                    "start_s": scene.start_s,
                    "end_s": scene.end_s,
                    "said": said,
                }
                for scene, said in zip(
                    video.analysis.scenes,
                    said_in_scenes(video.analysis.scenes, video.subtitles),
                    strict=True,
                )
            ],
        )
        write_lines(connection, video_id, video.analysis.scenes, video.subtitles)
        _copy_frames(connection, video_id, model_id, video)
        link_file(connection, video.path, video.state, video_id, video.sidecars)
        return video_id


def write_failure(
    engine: Engine, path: Path, reason: str, state: FileState, hashes: Hashes, attempt: Attempt
) -> None:
    """Records why a file could not be indexed; the frames of its former content go.

    Raises AttemptLostError if the attempt is no longer this process's own.
    """
    with engine.begin() as connection:
        lock_content(connection, hashes.content)
        hold_attempt(connection, attempt)
        if indexed_video(connection, hashes.content) is not None:
            # Somebody else has indexed this very content, so the fault lies in this file alone.
            connection.execute(delete(VideoFile).where(VideoFile.path == str(path)))
            record_unread(connection, path, reason)
            close_attempt(connection, attempt)
            return
        _empty_row(connection, attempt.video_id, hashes.content)
        connection.execute(
            update(Video)
            .where(Video.id == attempt.video_id)
            .values(
                content_hash=hashes.content,
                sampled_hash=hashes.sampled,
                status="failed",
                error=reason,
                frame_count=0,
                indexed_at=func.now(),
                attempt=None,
                deaths=0,
            )
        )
        link_file(connection, path, state, attempt.video_id)


def _hold_model(connection: Connection, model_id: int) -> None:
    """Keeps the model the active one until the commit: frames of another would never be found."""
    active = select(EmbeddingModel.id).where(EmbeddingModel.id == model_id, EmbeddingModel.active)
    if connection.execute(active.with_for_update(read=True)).first() is None:
        raise ModelUnavailableError(
            "the index has changed to another model while this video was read; index it again"
        )


def _empty_row(connection: Connection, video_id: int, content_hash: str) -> None:
    """Makes room for new content: what the row held goes, and a row begun for that content."""
    rival = select(Video.id).where(Video.content_hash == content_hash, Video.id != video_id)
    for rival_id in connection.execute(rival.with_for_update()).scalars().all():
        connection.execute(
            update(VideoFile).where(VideoFile.video_id == rival_id).values(video_id=video_id)
        )
        connection.execute(delete(Video).where(Video.id == rival_id))
    connection.execute(delete(Scene).where(Scene.video_id == video_id))
    connection.execute(delete(Fingerprint).where(Fingerprint.video_id == video_id))
    connection.execute(delete(SubtitleLine).where(SubtitleLine.video_id == video_id))


def described(details: Details) -> dict[str, Any]:
    return {
        "title": details.title,
        "description": details.description,
        "collection": details.collection,
        "tags": list(details.tags),
        "extra": details.metadata,
        "recorded_at": details.recorded_at,
    }


def _copy_frames(connection: Connection, video_id: int, model_id: int, video: IndexedVideo) -> None:
    """Binary COPY of frames, embeddings and fingerprints, several times as fast as INSERT."""
    driver = vector_driver(connection)
    with driver.cursor() as cursor:
        with cursor.copy(
            "COPY frames (video_id, frame_no, scene_no, t_s, thumbnail) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["int8", "int4", "int4", "float8", "bytea"])
            for frame in video.frames:
                copy.write_row(
                    (video_id, frame.frame_no, frame.scene_no, frame.t_s, frame.thumbnail)
                )
        with cursor.copy(
            "COPY frame_embeddings (video_id, frame_no, model_id, embedding) "
            "FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["int8", "int4", "int2", "halfvec"])
            for frame in video.frames:
                copy.write_row((video_id, frame.frame_no, model_id, HalfVector(frame.embedding)))
        with cursor.copy(
            "COPY fingerprints (video_id, t_s, phash) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["int8", "float8", "bit"])
            for fingerprint in video.analysis.fingerprints:
                copy.write_row((video_id, fingerprint.t_s, Bit(f"{fingerprint.phash:064b}")))
