"""Writes videos, each wholly or not at all, and the model that the index belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from pgvector import Bit, HalfVector
from pgvector.psycopg import register_vector
from sqlalchemy import Connection, Engine, Row, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from app.errors import ModelUnavailableError
from app.models import EmbeddingModel, Fingerprint, Scene, Video, VideoFile
from workers.analysis import Analysis, VideoInfo
from workers.details import Details, clean
from workers.library import FileState
from workers.spool import Spool


@dataclass(frozen=True)
class IndexedVideo:
    """All that a finished decode pass knows about a file."""

    path: Path
    state: FileState
    content_hash: str
    info: VideoInfo
    details: Details
    analysis: Analysis
    said: Sequence[str | None]
    frames: Spool
    sampling: str

    @property
    def warning(self) -> str | None:
        return "; ".join(filter(None, (self.analysis.warning, self.details.warning))) or None


def link_copy(engine: Engine, path: Path, state: FileState, content_hash: str) -> str | None:
    """Adds a file to the indexed video that has its content; says of what it is a copy.

    Where the video's former file is gone from its folder, the video was moved, and is found in its
    new place from now on. Returns None, and does nothing, if no indexed video has this content.
    """
    with engine.begin() as connection:
        video = _indexed(connection, content_hash)
        if video is None:
            return None
        _link_file(connection, path, state, video.id)
        former = Path(video.path or path)
        # A folder that is gone as well may only not be mounted.
        if not former.exists() and former.parent.exists():
            connection.execute(
                update(VideoFile).where(VideoFile.path == str(former)).values(state="missing")
            )
            return f"was moved from {former}"
        return f"has the same content as {former}"


def write_video(engine: Engine, model_id: int, video: IndexedVideo) -> int:
    """Writes a video with its scenes, frames and embeddings in one transaction; returns its id.

    A file whose content has changed keeps its video's id, and all the frames are replaced. Raises
    ModelUnavailableError if the index has changed to another model meanwhile.
    """
    with engine.begin() as connection:
        _hold_model(connection, model_id)
        _lock_content(connection, video.content_hash)
        if (indexed := _indexed(connection, video.content_hash)) is not None:
            # Somebody else was quicker with another copy of the same content.
            _link_file(connection, video.path, video.state, indexed.id)
            return int(indexed.id)
        video_id = _claim_row(connection, video.path, video.content_hash)
        connection.execute(
            update(Video)
            .where(Video.id == video_id)
            .values(
                **_described(video.details),
                content_hash=video.content_hash,
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
                for scene, said in zip(video.analysis.scenes, video.said, strict=True)
            ],
        )
        _copy_frames(connection, video_id, model_id, video)
        _link_file(connection, video.path, video.state, video_id)
        return video_id


def write_failure(
    engine: Engine, path: Path, reason: str, state: FileState | None, content_hash: str | None
) -> None:
    """Records why a file could not be indexed; the frames of its former content go."""
    with engine.begin() as connection:
        if state is None or content_hash is None:
            _record_unread(connection, path, reason)
            return
        _lock_content(connection, content_hash)
        if _indexed(connection, content_hash) is not None:
            # Somebody else has indexed this very content, so the fault lies in this file alone.
            _record_unread(connection, path, reason)
            return
        video_id = _claim_row(connection, path, content_hash)
        connection.execute(
            update(Video)
            .where(Video.id == video_id)
            .values(
                content_hash=content_hash,
                status="failed",
                error=reason,
                frame_count=0,
                indexed_at=func.now(),
            )
        )
        _link_file(connection, path, state, video_id)


def _hold_model(connection: Connection, model_id: int) -> None:
    """Keeps the model the active one until the commit: frames of another would never be found."""
    active = select(EmbeddingModel.id).where(EmbeddingModel.id == model_id, EmbeddingModel.active)
    if connection.execute(active.with_for_update(read=True)).first() is None:
        raise ModelUnavailableError(
            "the index has changed to another model while this video was read; index it again"
        )


def _record_unread(connection: Connection, path: Path, reason: str) -> None:
    unread = {"video_id": None, "error": reason, "state": "present"}
    connection.execute(
        insert(VideoFile)
        .values(path=str(path), **unread)
        .on_conflict_do_update(index_elements=["path"], set_=unread)
    )


def _lock_content(connection: Connection, content_hash: str) -> None:
    """Makes others with the same content wait for this transaction, so that one row comes of it."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(content_hash, 0))))


def _indexed(connection: Connection, content_hash: str) -> Row[int, str | None] | None:
    return connection.execute(
        select(Video.id, Video.path).where(
            Video.content_hash == content_hash, Video.status == "indexed"
        )
    ).one_or_none()


def _claim_row(connection: Connection, path: Path, content_hash: str) -> int:
    """The id of the row for this content, emptied of what it held.

    It is the row that has the content already, else that of the path's former content if no other
    file holds that, else a new one.
    """
    of_content = select(Video.id).where(Video.content_hash == content_hash).with_for_update()
    video_id = connection.execute(of_content).scalar()
    if video_id is None:
        video_id = connection.execute(_only_file_of(path)).scalar()
    if video_id is None:
        new = insert(Video).values(
            content_hash=content_hash, title=clean(path.stem), status="failed", error="not read yet"
        )
        return int(connection.execute(new.returning(Video.id)).scalar_one())
    connection.execute(delete(Scene).where(Scene.video_id == video_id))
    connection.execute(delete(Fingerprint).where(Fingerprint.video_id == video_id))
    return int(video_id)


def _only_file_of(path: Path) -> Select[int]:
    """Selects the video that the path belongs to, provided that it has no other file."""
    other = aliased(VideoFile)
    elsewhere = select(other.path).where(
        other.video_id == Video.id, other.path != str(path), other.state != "missing"
    )
    return (
        select(Video.id)
        .join(VideoFile, VideoFile.video_id == Video.id)
        .where(VideoFile.path == str(path), ~elsewhere.exists())
        .with_for_update(of=Video)
    )


def _link_file(connection: Connection, path: Path, state: FileState, video_id: int) -> None:
    values = {
        "video_id": video_id,
        "size_bytes": state.size_bytes,
        "mtime": state.mtime,
        "state": "present",
        "error": None,
    }
    connection.execute(
        insert(VideoFile)
        .values(path=str(path), **values)
        .on_conflict_do_update(index_elements=["path"], set_=values)
    )


def _described(details: Details) -> dict[str, Any]:
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
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    register_vector(driver)
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
