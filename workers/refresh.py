"""Reads again what is said about an indexed video beside its pictures; these stay as they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import DataError
from psycopg.errors import ProgramLimitExceeded
from sqlalchemy import Connection, Engine, Text, bindparam, select, update
from sqlalchemy.exc import DBAPIError

from app.models import Scene as SceneRow
from app.models import Video, VideoFile
from workers.analysis import Scene, Subtitle
from workers.decoders import Decoders
from workers.details import Details, describe
from workers.links import keep_edits
from workers.said import said_in_scenes, write_lines
from workers.sidecars import LEFT_ASIDE, sidecar_state
from workers.store import described

# What describe has to say of a sidecar is the last part of a video's warning.
_OF_SIDECAR = re.compile(rf"(?:^|; )[^;]* {LEFT_ASIDE}.*$", re.DOTALL)


@dataclass(frozen=True)
class Refreshed:
    """The details of a video were read again; the warning says what of them was left aside."""

    warning: str | None


@dataclass(frozen=True)
class IndexedFile:
    """The indexed video that a file belongs to, and what the file's sidecars looked like."""

    id: int
    path: str | None
    collection: str | None
    warning: str | None
    sidecars: str | None


def refresh_details(
    engine: Engine, decoders: Decoders, path: Path, collection: str | None = None
) -> Refreshed | None:
    """Brings a video's details and subtitles up to date if the sidecars of its file have changed.

    What people set stays, and so does the collection where neither the sidecar nor `collection`
    names one. Returns None, and reads nothing, if all is as it was. A video that has several files
    is described by the one at its path: the sidecars of the others are only taken note of.

    Raises:
        MediaError: The file itself cannot be read any more.
    """
    sidecars = sidecar_state(path)
    with engine.begin() as connection:
        video = _of_file(connection, path)
        if video is None or video.sidecars == sidecars:
            return None
        if video.path != str(path):
            _note(connection, path, sidecars)
            return None
    read = decoders.describe(path)
    details = describe(path, read.info, collection or video.collection)
    try:
        _write(engine, path, details, read.subtitles, sidecars)
    except DBAPIError as error:
        # Not every title or date can be kept; then all stays as it was, with a warning.
        if not isinstance(error.orig, (DataError, ProgramLimitExceeded)):
            raise
        reason = f"it cannot be kept in the database: {error.orig.diag.message_primary}"
        return _leave_aside(engine, path, f"{path.stem}'s sidecar {LEFT_ASIDE}{reason}", sidecars)
    return Refreshed(details.warning)


def _of_file(connection: Connection, path: Path, *, lock: bool = False) -> IndexedFile | None:
    wanted = (
        select(Video.id, Video.path, Video.collection, Video.warning, VideoFile.sidecars)
        .join(VideoFile, VideoFile.video_id == Video.id)
        .where(VideoFile.path == str(path), Video.status == "indexed")
    )
    row = connection.execute(wanted.with_for_update(of=Video) if lock else wanted).one_or_none()
    return IndexedFile(*row) if row else None


def _write(
    engine: Engine,
    path: Path,
    details: Details,
    subtitles: Sequence[Subtitle],
    sidecars: str | None,
) -> None:
    with engine.begin() as connection:
        video = _of_file(connection, path, lock=True)
        if video is None:
            return
        keep_edits(connection)
        connection.execute(
            update(Video)
            .where(Video.id == video.id)
            .values(**described(details), warning=_joined(video.warning, details.warning))
        )
        columns = select(SceneRow.scene_no, SceneRow.start_s, SceneRow.end_s)
        rows = connection.execute(
            columns.where(SceneRow.video_id == video.id).order_by(SceneRow.scene_no)
        )
        scenes = [Scene(*row) for row in rows]
        said = said_in_scenes(scenes, subtitles)
        connection.execute(
            update(SceneRow)
            .where(
                SceneRow.video_id == video.id,
                SceneRow.scene_no == bindparam("number"),
                SceneRow.said.is_distinct_from(bindparam("words", type_=Text)),
            )
            .values(said=bindparam("words", type_=Text))
            .execution_options(synchronize_session=None),
            [
                {"number": scene.scene_no, "words": words}
                for scene, words in zip(scenes, said, strict=True)
            ],
        )
        write_lines(connection, video.id, scenes, subtitles)
        _note(connection, path, sidecars)


def _leave_aside(engine: Engine, path: Path, warning: str, sidecars: str | None) -> Refreshed:
    with engine.begin() as connection:
        if (video := _of_file(connection, path, lock=True)) is not None:
            connection.execute(
                update(Video)
                .where(Video.id == video.id)
                .values(warning=_joined(video.warning, warning))
            )
            _note(connection, path, sidecars)
    return Refreshed(warning)


def _note(connection: Connection, path: Path, sidecars: str | None) -> None:
    connection.execute(
        update(VideoFile).where(VideoFile.path == str(path)).values(sidecars=sidecars)
    )


def _joined(before: str | None, of_sidecar: str | None) -> str | None:
    """The warning that a video had, with another one of its sidecar, or none."""
    of_pictures = _OF_SIDECAR.sub("", before or "")
    return "; ".join(filter(None, (of_pictures, of_sidecar))) or None
