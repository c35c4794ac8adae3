"""Takes videos out of the index; their files stay where they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, delete, func, or_, select, true, update

from app.errors import BadRequestError
from app.filters import choosing_filter
from app.models import Video, VideoFile
from app.paths import absolute
from app.queue import forget_files
from app.rows import is_one_of, lock_videos, prefix_of


@dataclass(frozen=True)
class Removable:
    """A video that may be taken out of the index, with the paths of its files."""

    id: int
    title: str
    paths: tuple[str, ...]


def find_removable(
    engine: Engine, names: Sequence[str], where: str | None = None
) -> tuple[Removable, ...]:
    """The videos that the names and the filter choose, whatever their state.

    A name is an id, the path of a file, or that of a folder for all that was indexed in it. With
    names and a filter, both must hold. Raises BadRequestError for a name that chooses nothing, and
    for a filter that is empty, and so would hold for all.
    """
    held = true() if where is None else choosing_filter(where)
    files = (
        select(func.array_agg(VideoFile.path))
        .where(VideoFile.video_id == Video.id)
        .scalar_subquery()
    )
    found: dict[int, Removable] = {}
    with engine.connect() as connection:
        for condition, name in [(_named(name), name) for name in names] or [(true(), "")]:
            wanted = select(Video.id, Video.title, files.label("paths"))
            wanted = wanted.where(condition, held)
            rows = connection.execute(wanted.order_by(Video.id)).all()
            if not rows and name and where is None:
                raise BadRequestError(
                    f"there is no video {name!r} in the index; name it by its id or path, "
                    "or choose with --where"
                )
            found |= {row.id: Removable(row.id, row.title, tuple(row.paths or ())) for row in rows}
    return tuple(found.values())


def remove_videos(engine: Engine, ids: Sequence[int]) -> int:
    """Deletes videos with all that was indexed of them; returns how many there were.

    Their files are not touched. Scans pass them over from now on, until they change or are
    indexed by name.
    """
    chosen = is_one_of(Video.id, ids)
    with engine.begin() as connection:
        lock_videos(connection, chosen)
        removed = connection.execute(
            update(VideoFile)
            .where(is_one_of(VideoFile.video_id, ids))
            .values(video_id=None, state="removed", error=None)
            .returning(VideoFile.path)
        )
        forget_files(connection, list(removed.scalars()))
        gone = connection.execute(delete(Video).where(chosen).returning(Video.id))
        return len(gone.all())


def _named(name: str) -> ColumnElement[bool]:
    path = absolute(name)
    file = select(VideoFile.path).where(
        VideoFile.video_id == Video.id,
        or_(VideoFile.path == str(path), func.starts_with(VideoFile.path, prefix_of(path))),
    )
    if name.isascii() and name.isdigit() and len(name) < 19:
        return or_(Video.id == int(name), file.exists())
    return file.exists()
