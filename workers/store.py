"""Writes videos, each wholly or not at all, and the model that the index belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from pgvector import Bit, HalfVector
from pgvector.psycopg import register_vector
from sqlalchemy import Connection, Engine, Row, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from app.errors import AttemptLostError, ModelUnavailableError
from app.models import EmbeddingModel, Fingerprint, Scene, SubtitleLine, Video, VideoFile
from workers.analysis import Analysis, Subtitle, VideoInfo
from workers.details import Details
from workers.library import FileState, is_gone
from workers.said import said_in_scenes, write_lines
from workers.sidecars import clean
from workers.spool import Spool


@dataclass(frozen=True)
class Hashes:
    """What tells a file's content from any other: of all its bytes, and of some, to be quick."""

    content: str
    sampled: str


@dataclass(frozen=True)
class Linked:
    """The indexed video that a file was added to, and a former file of it, if there is one."""

    video_id: int
    former: Path | None
    moved: bool

    @property
    def reason(self) -> str:
        """Why the file is not indexed anew, for people."""
        if self.former is None:
            return "is back"
        verb = "was moved from" if self.moved else "has the same content as"
        return f"{verb} {self.former}"


@dataclass(frozen=True)
class Attempt:
    """The right to write a video, as long as nobody else has taken it.

    `replaces` tells whether the video is indexed already, with the file's former content.
    """

    video_id: int
    token: UUID
    replaces: bool = False


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


def link_copy(engine: Engine, path: Path, state: FileState, content_hash: str) -> Linked | None:
    """Adds a file to the indexed video that has its content.

    Where the video's former file is gone from its folder, the video was moved, and is found in its
    new place from now on. Returns None, and does nothing, if no indexed video has this content.
    """
    with engine.begin() as connection:
        # Locked, because its content may be about to be replaced, or the video to be removed.
        video = _indexed(connection, content_hash, lock=True)
        if video is None:
            return None
        _link_file(connection, path, state, video.id)
        former = _former_file(connection, video.id, path)
        # A folder that is gone as well may only not be mounted.
        moved = former is not None and is_gone(former) and former.parent.is_dir()
        if moved:
            connection.execute(delete(VideoFile).where(VideoFile.path == str(former)))
        return Linked(video.id, former, moved)


def follow_folder(engine: Engine, video_id: int, former: str, collection: str) -> None:
    """Gives a video the collection of its new folder, if it had that of the former one.

    What people set stays.
    """
    with engine.begin() as connection:
        keep_edits(connection)
        connection.execute(
            update(Video)
            .where(Video.id == video_id, Video.collection == former)
            .values(collection=collection)
        )


def begin_attempt(engine: Engine, path: Path, state: FileState, hashes: Hashes) -> Attempt:
    """Takes it upon this process to index a file; whoever tried before may not write any more.

    A video that is new gets its row, of which nothing is found until it is indexed; one whose file
    has new content is found with its former frames until then.
    """
    with engine.begin() as connection:
        _lock_content(connection, hashes.content)
        video_id = _find_row(connection, path, hashes.content)
        if video_id is None:
            new = insert(Video).values(
                content_hash=hashes.content, title=clean(path.stem), status="pending"
            )
            video_id = int(connection.execute(new.returning(Video.id)).scalar_one())
        token = uuid4()
        row = connection.execute(
            update(Video)
            .where(Video.id == video_id)
            .values(attempt=token, attempted_at=func.now())
            .returning(Video.content_hash, Video.status)
        ).one()
        if row.content_hash == hashes.content:
            _link_file(connection, path, state, video_id)
        return Attempt(video_id, token, replaces=row.status == "indexed")


def release_attempt(engine: Engine, attempt: Attempt) -> None:
    """Gives an attempt up, so that its worker's end is not blamed on the video."""
    with engine.begin() as connection:
        connection.execute(
            update(Video)
            .where(Video.id == attempt.video_id, Video.attempt == attempt.token)
            .values(attempt=None)
        )


def count_death(engine: Engine, path: Path) -> int:
    """Notes that a worker died over a file; returns how many did so in a row.

    The attempt of the dead ends with it: should its worker only have been silent, it cannot write.
    """
    died = (
        update(Video)
        .where(
            Video.id == VideoFile.video_id, VideoFile.path == str(path), Video.attempt.is_not(None)
        )
        .values(attempt=None, deaths=Video.deaths + 1)
        .returning(Video.deaths)
    )
    with engine.begin() as connection:
        return int(connection.execute(died).scalar() or 0)


def write_video(engine: Engine, model_id: int, video: IndexedVideo, attempt: Attempt) -> int:
    """Writes a video with its scenes, frames and embeddings in one transaction; returns its id.

    A file whose content has changed keeps its video's id and what people set; all the frames are
    replaced. Raises AttemptLostError if the attempt is no longer this process's own, and
    ModelUnavailableError if the index has changed to another model meanwhile.
    """
    with engine.begin() as connection:
        _hold_model(connection, model_id)
        _lock_content(connection, video.hashes.content)
        _hold_attempt(connection, attempt)
        video_id = attempt.video_id
        if (indexed := _indexed(connection, video.hashes.content)) is not None:
            # Somebody else was quicker with another copy of the same content.
            _link_file(connection, video.path, video.state, indexed.id)
            _close_attempt(connection, attempt)
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
        _link_file(connection, video.path, video.state, video_id, video.sidecars)
        return video_id


def write_unread(engine: Engine, path: Path, reason: str) -> None:
    """Records why a file could not be read at all, so that it belongs to no video."""
    with engine.begin() as connection:
        _record_unread(connection, path, reason)


def write_failure(
    engine: Engine, path: Path, reason: str, state: FileState, hashes: Hashes, attempt: Attempt
) -> None:
    """Records why a file could not be indexed; the frames of its former content go.

    Raises AttemptLostError if the attempt is no longer this process's own.
    """
    with engine.begin() as connection:
        _lock_content(connection, hashes.content)
        _hold_attempt(connection, attempt)
        if _indexed(connection, hashes.content) is not None:
            # Somebody else has indexed this very content, so the fault lies in this file alone.
            connection.execute(delete(VideoFile).where(VideoFile.path == str(path)))
            _record_unread(connection, path, reason)
            _close_attempt(connection, attempt)
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
        _link_file(connection, path, state, attempt.video_id)


def _hold_attempt(connection: Connection, attempt: Attempt) -> None:
    """Locks the video's row, provided that the attempt is still the one that may write it."""
    own = select(Video.id).where(Video.id == attempt.video_id, Video.attempt == attempt.token)
    if connection.execute(own.with_for_update()).first() is None:
        raise AttemptLostError("was removed from the index, or taken over by another worker")


def _close_attempt(connection: Connection, attempt: Attempt) -> None:
    """Ends an attempt whose content is indexed elsewhere; a row made for it alone goes."""
    mine = Video.id == attempt.video_id
    connection.execute(delete(Video).where(mine, Video.status == "pending"))
    connection.execute(update(Video).where(mine).values(attempt=None))


def _hold_model(connection: Connection, model_id: int) -> None:
    """Keeps the model the active one until the commit: frames of another would never be found."""
    active = select(EmbeddingModel.id).where(EmbeddingModel.id == model_id, EmbeddingModel.active)
    if connection.execute(active.with_for_update(read=True)).first() is None:
        raise ModelUnavailableError(
            "the index has changed to another model while this video was read; index it again"
        )


def _record_unread(connection: Connection, path: Path, reason: str) -> None:
    """Notes a file of no video; one that has a video keeps it, as its disk may be gone."""
    unread = {"video_id": None, "error": reason, "state": "present"}
    connection.execute(
        insert(VideoFile)
        .values(path=str(path), **unread)
        .on_conflict_do_update(
            index_elements=["path"], set_=unread, where=VideoFile.video_id.is_(None)
        )
    )


def _lock_content(connection: Connection, content_hash: str) -> None:
    """Makes others with the same content wait for this transaction, so that one row comes of it."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(content_hash, 0))))


def _indexed(
    connection: Connection, content_hash: str, *, lock: bool = False
) -> Row[int, str | None] | None:
    indexed = select(Video.id, Video.path).where(
        Video.content_hash == content_hash, Video.status == "indexed"
    )
    return connection.execute(indexed.with_for_update() if lock else indexed).one_or_none()


def _former_file(connection: Connection, video_id: int, path: Path) -> Path | None:
    """Another file of a video, the one that is shown if there is one."""
    former = (
        select(VideoFile.path)
        .join(Video, Video.id == VideoFile.video_id)
        .where(Video.id == video_id, VideoFile.path != str(path))
        .order_by(VideoFile.path.is_distinct_from(Video.path), VideoFile.path)
    )
    found = connection.execute(former.limit(1)).scalar()
    return Path(found) if found else None


def _find_row(connection: Connection, path: Path, content_hash: str) -> int | None:
    """The row that has the content already, else that of the path's former content.

    The latter only if no other file holds that content.
    """
    of_content = select(Video.id).where(Video.content_hash == content_hash).with_for_update()
    video_id = connection.execute(of_content).scalar()
    if video_id is None:
        video_id = connection.execute(_only_file_of(path)).scalar()
    return video_id


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


def _link_file(
    connection: Connection,
    path: Path,
    state: FileState,
    video_id: int,
    sidecars: str | None = None,
) -> None:
    values = {
        "video_id": video_id,
        "size_bytes": state.size_bytes,
        "mtime": state.mtime,
        "state": "present",
        "sidecars": sidecars,
        "error": None,
    }
    connection.execute(
        insert(VideoFile)
        .values(path=str(path), **values)
        .on_conflict_do_update(index_elements=["path"], set_=values)
    )


def keep_edits(connection: Connection) -> None:
    """Says that this transaction is the indexing's, so that a trigger keeps what people set."""
    connection.execute(select(func.set_config("sceneql.indexing", "on", True)))


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
