"""What the index knows of the files of a source, and how it learns that they came or went."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, delete, func, or_, select, update
from sqlalchemy.orm import aliased

from app.models import Video, VideoFile
from app.rows import is_one_of, lock_videos, prefix_of


@dataclass(frozen=True)
class Known:
    """A file as it was when it was last indexed, and the state of its video, if it has one."""

    path: str
    size_bytes: int | None
    mtime: datetime | None
    state: str
    sidecars: str | None
    error: str | None
    video_id: int | None
    status: str | None


def files_below(engine: Engine, root: Path, leave_out: Collection[Path]) -> dict[str, Known]:
    """The known files in and below a folder by path, but for those below some of its folders."""
    query = (
        select(
            VideoFile.path,
            VideoFile.size_bytes,
            VideoFile.mtime,
            VideoFile.state,
            VideoFile.sidecars,
            VideoFile.error,
            VideoFile.video_id,
            Video.status,
        )
        .join(Video, Video.id == VideoFile.video_id, isouter=True)
        .where(func.starts_with(VideoFile.path, prefix_of(root)))
    )
    inner = tuple(map(prefix_of, leave_out))
    with engine.connect() as connection:
        rows = [Known(*row) for row in connection.execute(query)]
    return {row.path: row for row in rows if not row.path.startswith(inner)}


def sampled_hashes(engine: Engine, sizes_bytes: Collection[int]) -> dict[int, set[str | None]]:
    """The sampled hashes, where known, of indexed videos that have files of these sizes."""
    query = (
        select(VideoFile.size_bytes, Video.sampled_hash)
        .join(Video, Video.id == VideoFile.video_id)
        .where(Video.status == "indexed", is_one_of(VideoFile.size_bytes, sizes_bytes))
    )
    found: dict[int, set[str | None]] = defaultdict(set)
    with engine.connect() as connection:
        for size_bytes, sampled_hash in connection.execute(query):
            found[size_bytes or 0].add(sampled_hash)
    return found


def show(engine: Engine, paths: Collection[str]) -> Sequence[str]:
    """Has the videos of files that are back found again; returns those that belong to one."""
    among = is_one_of(VideoFile.path, paths)
    with engine.begin() as connection:
        lock_videos(connection, Video.id.in_(select(VideoFile.video_id).where(among)))
        back = (
            update(VideoFile)
            .where(among, VideoFile.video_id.is_not(None))
            .values(state="present")
            .returning(VideoFile.path)
        )
        return connection.execute(back).scalars().all()


def hide(engine: Engine, paths: Collection[str]) -> Sequence[str]:
    """Notes that files are gone; returns those that are missing now.

    Files of videos that have others are forgotten, and so are those of no video.
    """
    gone = is_one_of(VideoFile.path, paths)
    other = aliased(VideoFile)
    elsewhere = select(other.path).where(
        other.video_id == VideoFile.video_id,
        other.state == "present",
        ~is_one_of(other.path, paths),
    )
    with engine.begin() as connection:
        lock_videos(connection, Video.id.in_(select(VideoFile.video_id).where(gone)))
        connection.execute(
            delete(VideoFile).where(gone, or_(VideoFile.video_id.is_(None), elsewhere.exists()))
        )
        missing = update(VideoFile).where(gone).values(state="missing").returning(VideoFile.path)
        return connection.execute(missing).scalars().all()
