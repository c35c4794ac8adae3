"""Which file belongs to which video."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.models import Video, VideoFile
from workers.library import FileState, content_hash, is_gone, sampled_hash


@dataclass(frozen=True)
class Hashes:
    """What tells a file's content from any other: of all its bytes, and of some, to be quick."""

    content: str
    sampled: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Those of a file; raises MediaError if it cannot be read."""
        return cls(content_hash(path), sampled_hash(path))


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


def link_copy(engine: Engine, path: Path, state: FileState, content_hash: str) -> Linked | None:
    """Adds a file to the indexed video that has its content.

    Where the video's former file is gone from its folder, the video was moved, and is found in its
    new place from now on. Returns None, and does nothing, if no indexed video has this content.
    """
    with engine.begin() as connection:
        # Locked, because its content may be about to be replaced, or the video to be removed.
        video = indexed_video(connection, content_hash, lock=True)
        if video is None:
            return None
        link_file(connection, path, state, video.id)
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


def write_unread(engine: Engine, path: Path, reason: str) -> None:
    """Records why a file could not be read at all, so that it belongs to no video."""
    with engine.begin() as connection:
        record_unread(connection, path, reason)


def record_unread(connection: Connection, path: Path, reason: str) -> None:
    """Notes a file of no video; one that has a video keeps it, as its disk may be gone."""
    unread = {"video_id": None, "error": reason, "state": "present"}
    connection.execute(
        insert(VideoFile)
        .values(path=str(path), **unread)
        .on_conflict_do_update(
            index_elements=["path"], set_=unread, where=VideoFile.video_id.is_(None)
        )
    )


def lock_content(connection: Connection, content_hash: str) -> None:
    """Makes others with the same content wait for this transaction, so that one row comes of it."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(content_hash, 0))))


def indexed_video(
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


def link_file(
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
