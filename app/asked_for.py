"""Files that a person wants indexed now: they come before those of the schedule."""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Engine, select

from app.models import Video, VideoFile
from app.queue import ASKED_FOR, IngestJob, enqueue_ingest, files_in_queue
from app.rows import is_one_of
from app.sources import Rules, Source, list_sources


def index_files(engine: Engine, paths: Iterable[str]) -> int:
    """Queues files, by the rules of the source that each lies in; returns how many were new.

    Those that wait in the queue already, or are being indexed now, are left alone.
    """
    with engine.connect() as connection:
        queued = files_in_queue(connection)
    sources = list_sources(engine)
    return enqueue_ingest([_job(path, sources) for path in paths if path not in queued])


def files_of_failed(engine: Engine, ids: Iterable[int] | None = None) -> tuple[str, ...]:
    """The files of failed videos, and without ids those that could not even be read as well."""
    among = Video.status == "failed"
    if ids is not None:
        among &= is_one_of(Video.id, list(ids))
    files = select(VideoFile.path).join(Video, Video.id == VideoFile.video_id)
    wanted = files.where(among, VideoFile.state != "missing")
    unread = select(VideoFile.path).where(VideoFile.error.is_not(None))
    with engine.connect() as connection:
        paths = list(connection.execute(wanted).scalars())
        if ids is None:
            paths += connection.execute(unread).scalars()
    return tuple(sorted(paths))


def unread_files(engine: Engine, paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths that the index knows as files that could not be read."""
    wanted = select(VideoFile.path).where(
        VideoFile.error.is_not(None), is_one_of(VideoFile.path, list(paths))
    )
    with engine.connect() as connection:
        return tuple(connection.execute(wanted).scalars())


def _job(path: str, sources: Iterable[Source]) -> IngestJob:
    around = [source for source in sources if source.path in Path(path).parents]
    if not around:
        return IngestJob(path, Rules().sampling, priority=ASKED_FOR)
    # Of sources inside each other, the innermost has its say.
    source = max(around, key=lambda source: len(source.path.parts))
    collection = source.collection_of(Path(path))
    return IngestJob(path, source.rules.sampling, collection, ASKED_FOR)
