"""What the library holds: its videos, their pictures and files, and how the system stands."""

import hashlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, or_, select, text

from app.errors import BadRequestError
from app.models import EmbeddingModel, Frame, Scene, Video, VideoFile
from app.paths import absolute
from app.typed_filters import video_condition
from app.video_columns import shown_columns, video_state

# The name under which the model that ships with the project is kept in an index.
TINY_MODEL = "tiny"

TINY_WARNING = (
    "The tiny model is in use: it knows drawn shapes, their colours and places, and nothing of "
    "real pictures. The README says how to index with a real model."
)


@dataclass(frozen=True)
class ActiveModel:
    """The model that searches use."""

    id: int
    name: str
    pretrained: str
    dim: int

    def __str__(self) -> str:
        return f"{self.name}/{self.pretrained}"

    @property
    def warning(self) -> str | None:
        """What people should know about this model's answers, if anything."""
        return TINY_WARNING if self.name == TINY_MODEL else None


@dataclass(frozen=True)
class VideoCard:
    """A video as a list shows it; one that is not present has no file that could be watched."""

    id: int
    title: str
    path: str | None
    present: bool
    collection: str | None
    tags: tuple[str, ...]
    recorded_at: datetime | None
    duration_s: float | None
    status: str
    error: str | None
    scenes: int
    frames: int
    cover_frame_no: int | None
    indexed_at: datetime


@dataclass(frozen=True)
class Thumbnail:
    """The picture of a frame; it holds for as long as its video is not indexed anew."""

    data: bytes
    content_type: str
    etag: str
    indexed_at: datetime


@dataclass(frozen=True)
class Overview:
    """What there is to search, as far as it is told at once however large the library is."""

    videos: dict[str, int]
    frames: int
    model: str | None
    model_warning: str | None
    embedder_running: bool


@dataclass(frozen=True)
class LibraryStatus(Overview):
    """How the library and the processes around it stand."""

    scenes: int
    database_bytes: int
    queue: dict[str, int]


def active_model(connection: Connection) -> ActiveModel | None:
    """The model that searches use, or None as long as nothing was indexed."""
    model = EmbeddingModel
    row = connection.execute(
        select(model.id, model.name, model.pretrained, model.dim).where(model.active)
    ).one_or_none()
    return ActiveModel(*row) if row else None


def list_videos(
    engine: Engine,
    *,
    where: str | None = None,
    filters: Sequence[str] = (),
    limit: int = 100,
    offset: int = 0,
) -> tuple[VideoCard, ...]:
    """The videos by title, failed ones included.

    `where` is a filter as app.filters reads it, `filters` are those of app.typed_filters. Raises
    BadRequestError for one that is broken.
    """
    order = (Video.title, Video.id)
    page = select(Video.id).where(video_condition(where, filters))
    page = page.order_by(*order).limit(limit).offset(offset)
    wanted = select(*shown_columns(), Video.status)
    # What is counted for a row is counted for the page alone, not for the pages before it.
    wanted = wanted.where(Video.id.in_(page)).order_by(*order)
    with engine.connect() as connection:
        rows = connection.execute(wanted).all()
    return tuple(VideoCard(**{**row._mapping, "tags": tuple(row.tags)}) for row in rows)


def count_videos(engine: Engine, *, where: str | None = None, filters: Sequence[str] = ()) -> int:
    """How many videos list_videos would show without its limit."""
    with engine.connect() as connection:
        wanted = select(func.count()).select_from(Video)
        wanted = wanted.where(video_condition(where, filters))
        return int(connection.execute(wanted).scalar_one())


def find_video(engine: Engine, name: str, *, watchable: bool = True) -> int:
    """The id of the indexed video that has this id, path, file name or title.

    A number is the id, if there is one. With `watchable` false, hidden and failed videos count as
    well, by any of their files. Raises BadRequestError if there is none, or more than one.
    """
    path = str(absolute(name))
    conditions = [Video.path == path, Video.title == name]
    if "/" not in name:
        conditions.append(func.regexp_replace(Video.path, "^.*/", "") == name)
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 19 else None
    if number is not None:
        conditions.append(Video.id == number)
    if not watchable:
        of_file = func.regexp_replace(VideoFile.path, "^.*/", "") == name
        files = select(VideoFile.video_id).where(or_(VideoFile.path == path, of_file))
        conditions.append(Video.id.in_(files))
    wanted = select(Video.id, Video.title).where(or_(*conditions))
    if watchable:
        wanted = wanted.where(Video.status == "indexed", Video.path.is_not(None))
    # The one with that id comes first.
    wanted = wanted.order_by(Video.id != number, Video.id).limit(10)
    with engine.connect() as connection:
        found = connection.execute(wanted).all()
    if not found:
        kind = "indexed video" if watchable else "video"
        raise BadRequestError(f"there is no {kind} {name!r}; name one by its id, file or title")
    # Other videos may have the number for a title, but this error asks for the id.
    if len(found) > 1 and found[0].id != number:
        ids = ", ".join(f"{video.id} ({video.title})" for video in found)
        raise BadRequestError(f"{name!r} is more than one video; name one by its id: {ids}")
    return int(found[0].id)


def frame_at(engine: Engine, video_id: int, t_s: float) -> int:
    """The number of the indexed frame that is nearest to a time; raises BadRequestError."""
    wanted = (
        select(Frame.frame_no)
        .where(Frame.video_id == video_id)
        .order_by(func.abs(Frame.t_s - t_s), Frame.frame_no)
        .limit(1)
    )
    with engine.connect() as connection:
        frame_no = connection.execute(wanted).scalar_one_or_none()
    if frame_no is None:
        raise BadRequestError(f"video {video_id} has no indexed frames")
    return int(frame_no)


def list_frames(engine: Engine, video_id: int) -> tuple[tuple[int, float], ...]:
    """Number and time in seconds of each indexed frame of a video, in order."""
    wanted = select(Frame.frame_no, Frame.t_s).where(Frame.video_id == video_id)
    with engine.connect() as connection:
        rows = connection.execute(wanted.order_by(Frame.frame_no)).all()
    return tuple((row.frame_no, row.t_s) for row in rows)


def thumbnail(engine: Engine, video_id: int, frame_no: int) -> Thumbnail | None:
    """The picture of an indexed frame, or None if there is no such frame."""
    wanted = (
        select(Frame.thumbnail, Video.indexed_at)
        .join(Video, Video.id == Frame.video_id)
        .where(Frame.video_id == video_id, Frame.frame_no == frame_no)
    )
    with engine.connect() as connection:
        row = connection.execute(wanted).one_or_none()
    if row is None:
        return None
    data = row.thumbnail
    return Thumbnail(data, "image/jpeg", hashlib.sha256(data).hexdigest()[:32], row.indexed_at)


def media_path(engine: Engine, video_id: int) -> Path | None:
    """The file of an indexed video that can be watched now, or None."""
    wanted = (
        select(Video.path, VideoFile.size_bytes, VideoFile.mtime)
        .join(VideoFile, VideoFile.path == Video.path)
        .where(Video.id == video_id, Video.status == "indexed")
    )
    with engine.connect() as connection:
        row = connection.execute(wanted).one_or_none()
    if row is None or _leads_elsewhere(Path(row.path), row.size_bytes, row.mtime):
        return None
    return Path(row.path)


def _leads_elsewhere(path: Path, size_bytes: int | None, mtime: datetime | None) -> bool:
    """Whether a path is now a link to something else than what was indexed, or no file at all.

    Who may write to a folder of videos but not read this machine could otherwise put links there.
    """
    try:
        found = path.stat()
    except OSError:
        # Whoever opens the file learns why.
        return False
    if not path.is_symlink():
        return not stat.S_ISREG(found.st_mode)
    # The index keeps microseconds.
    changed_us = round(mtime.timestamp() * 1e6) if mtime else None
    return (found.st_size, found.st_mtime_ns // 1000) != (size_bytes, changed_us)


def overview(engine: Engine) -> Overview:
    """Counts by state, the model, and whether an embedder runs: what the start page shows."""
    with engine.connect() as connection:
        return Overview(**_overview(connection))


def status(engine: Engine) -> LibraryStatus:
    """The overview, the number of scenes, the size on disk and the queue."""
    with engine.connect() as connection:
        return LibraryStatus(
            **_overview(connection),
            scenes=connection.execute(select(func.count()).select_from(Scene)).scalar_one(),
            database_bytes=connection.execute(
                select(func.pg_database_size(func.current_database()))
            ).scalar_one(),
            queue=_counts(
                connection,
                "SELECT status::text, count(*) FROM procrastinate.procrastinate_jobs "
                "WHERE status IN ('todo', 'doing', 'failed') GROUP BY status",
            ),
        )


def _overview(connection: Connection) -> dict[str, Any]:
    model = active_model(connection)
    frames = select(func.coalesce(func.sum(Video.frame_count), 0))
    return {
        "videos": videos_by_state(connection),
        "frames": connection.execute(frames).scalar_one(),
        "model": str(model) if model else None,
        "model_warning": model.warning if model else None,
        "embedder_running": connection.execute(select(func.embedder_running())).scalar_one(),
    }


def videos_by_state(connection: Connection) -> dict[str, int]:
    """How many videos are in each state; files that cannot be read count as `unreadable`."""
    state = video_state()
    by_state = select(state, func.count()).select_from(Video).group_by(state)
    counts = {row[0]: int(row[1]) for row in connection.execute(by_state)}
    # Such a file is of no video.
    unread = select(func.count()).where(VideoFile.error.is_not(None))
    unreadable = connection.execute(unread).scalar_one()
    return counts | ({"unreadable": unreadable} if unreadable else {})


def _counts(connection: Connection, query: str) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(text(query))}
