"""Attempts: the right of one process to write a video, until another one takes it."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from app.errors import AttemptLostError
from app.models import Video, VideoFile
from workers.library import FileState
from workers.links import Hashes, link_file, lock_content, record_unread
from workers.sidecars import clean


@dataclass(frozen=True)
class Attempt:
    """The right to write a video, as long as nobody else has taken it.

    `replaces` tells whether the video is indexed already, with the file's former content.
    """

    video_id: int
    token: UUID
    replaces: bool = False


def begin_attempt(engine: Engine, path: Path, state: FileState, hashes: Hashes) -> Attempt:
    """Takes it upon this process to index a file; whoever tried before may not write any more.

    A video that is new gets its row, of which nothing is found until it is indexed; one whose file
    has new content is found with its former frames until then.
    """
    with engine.begin() as connection:
        lock_content(connection, hashes.content)
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
            link_file(connection, path, state, video_id)
        return Attempt(video_id, token, replaces=row.status == "indexed")


def release_attempt(engine: Engine, attempt: Attempt) -> None:
    """Gives an attempt up, so that its worker's end is not blamed on the video."""
    with engine.begin() as connection:
        connection.execute(
            update(Video)
            .where(Video.id == attempt.video_id, Video.attempt == attempt.token)
            .values(attempt=None)
        )


def leave_unread(engine: Engine, path: Path, reason: str, attempt: Attempt) -> None:
    """Gives an attempt up because the file cannot be read now: the next scan takes it up again.

    A video that was there before stays as it was. Raises AttemptLostError if the attempt is no
    longer this process's own.
    """
    with engine.begin() as connection:
        hold_attempt(connection, attempt)
        close_attempt(connection, attempt)
        record_unread(connection, path, reason)


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


def hold_attempt(connection: Connection, attempt: Attempt) -> None:
    """Locks the video's row, provided that the attempt is still the one that may write it."""
    own = select(Video.id).where(Video.id == attempt.video_id, Video.attempt == attempt.token)
    if connection.execute(own.with_for_update()).first() is None:
        raise AttemptLostError("was removed from the index, or taken over by another worker")


def close_attempt(connection: Connection, attempt: Attempt) -> None:
    """Ends an attempt of which nothing comes; a row made for it alone goes."""
    mine = Video.id == attempt.video_id
    connection.execute(delete(Video).where(mine, Video.status == "pending"))
    connection.execute(update(Video).where(mine).values(attempt=None))


def _find_row(connection: Connection, path: Path, content_hash: str) -> int | None:
    """The row that has the content already, else that of the path's former content.

    The latter only if no other file holds that content.
    """
    of_content = select(Video.id).where(Video.content_hash == content_hash).with_for_update()
    video_id = connection.execute(of_content).scalar()
    if video_id is None:
        video_id = connection.execute(_only_file_of(path)).scalar()
    return video_id


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
