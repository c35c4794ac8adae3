"""What the index knows of the files of a source, and how it learns that they came or went."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Text,
    any_,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from app.models import Video, VideoFile


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


@dataclass(frozen=True)
class Alike:
    """An indexed video that has a file of a certain size."""

    video_id: int
    sampled_hash: str | None


def prefix_of(folder: Path) -> str:
    """What the paths of all files in and below a folder begin with."""
    return f"{str(folder).rstrip('/')}/"


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


def of_sizes(engine: Engine, sizes_bytes: Collection[int]) -> dict[int, list[Alike]]:
    """The indexed videos that have files of these sizes, by size."""
    query = (
        select(VideoFile.size_bytes, Video.id, Video.sampled_hash)
        .join(Video, Video.id == VideoFile.video_id)
        .where(
            Video.status == "indexed",
            VideoFile.size_bytes == any_(literal(list(sizes_bytes), ARRAY(BigInteger))),
        )
        .distinct()
    )
    found: dict[int, list[Alike]] = defaultdict(list)
    with engine.connect() as connection:
        for size_bytes, video_id, sampled_hash in connection.execute(query):
            found[size_bytes or 0].append(Alike(video_id, sampled_hash))
    return found


def show(engine: Engine, paths: Sequence[str]) -> Sequence[str]:
    """Has the videos of files that are back found again; returns those that belong to one."""
    # One array, here and below, because a statement takes no more than 65,535 parameters.
    among = VideoFile.path == any_(literal(list(paths), ARRAY(Text)))
    with engine.begin() as connection:
        _lock_videos(connection, paths)
        back = (
            update(VideoFile)
            .where(among, VideoFile.video_id.is_not(None))
            .values(state="present")
            .returning(VideoFile.path)
        )
        return connection.execute(back).scalars().all()


def hide(engine: Engine, paths: Sequence[str]) -> Sequence[str]:
    """Notes that files are gone; returns those that are missing now.

    Files of videos that have others are forgotten, and so are those of no video.
    """
    array = any_(literal(list(paths), ARRAY(Text)))
    gone = VideoFile.path == array
    other = aliased(VideoFile)
    elsewhere = select(other.path).where(
        other.video_id == VideoFile.video_id, other.state == "present", ~(other.path == array)
    )
    with engine.begin() as connection:
        _lock_videos(connection, paths)
        connection.execute(
            delete(VideoFile).where(gone, or_(VideoFile.video_id.is_(None), elsewhere.exists()))
        )
        missing = update(VideoFile).where(gone).values(state="missing").returning(VideoFile.path)
        return connection.execute(missing).scalars().all()


def _lock_videos(connection: Connection, paths: Sequence[str]) -> None:
    """Locks the files' videos before the files themselves: the order in which workers do."""
    of_files = select(VideoFile.video_id).where(
        VideoFile.path == any_(literal(list(paths), ARRAY(Text)))
    )
    connection.execute(
        select(Video.id).where(Video.id.in_(of_files)).order_by(Video.id).with_for_update()
    )
