"""The videos as people look after them: found by name, sorted, counted by state, page by page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    SQLColumnExpression,
    and_,
    case,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from app.edits import storable
from app.models import Video, VideoFile
from app.video_columns import shown_columns, video_state

STATES = ("indexed", "failed", "hidden", "pending")
SORTS = ("title", "date", "length", "indexed", "state")
MOST_WORDS = 10


@dataclass(frozen=True)
class Wanted:
    """Which videos are listed, and how.

    `name` are words, or beginnings and pieces of words, that all have to be in the title,
    description, tags, collection or path. `state` is one of STATES, `sort` one of SORTS.
    """

    condition: ColumnElement[bool]
    name: str = ""
    state: str | None = None
    sort: str = "title"
    descending: bool = False


@dataclass(frozen=True)
class Entry:
    """A video in the list. `scenes` and `frames` are numbers of what is indexed."""

    id: int
    title: str
    description: str | None
    path: str | None
    present: bool
    state: str
    collection: str | None
    tags: tuple[str, ...]
    recorded_at: datetime | None
    duration_s: float | None
    error: str | None
    warning: str | None
    scenes: int
    frames: int
    cover_frame_no: int | None
    indexed_at: datetime
    begun_at: datetime | None
    """Since when it is being indexed, if it is."""


@dataclass(frozen=True)
class Listed:
    """The videos of a page, and how many there are in all by state, whichever of them is shown."""

    entries: tuple[Entry, ...]
    by_state: dict[str, int]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class UnreadFile:
    """A file that could not be read, and so is of no video."""

    path: str
    reason: str


def list_page(engine: Engine, wanted: Wanted, *, page: int = 1, size: int = 50) -> Listed:
    """A page of the videos that are wanted, or the last one if there are not so many.

    Raises BadRequestError for a name that no database could keep.
    """
    named = and_(wanted.condition, _named(wanted.name))
    state = video_state()
    by_state = select(state, func.count()).select_from(Video).where(named).group_by(state)
    with engine.connect() as connection:
        counts = {row[0]: row[1] for row in connection.execute(by_state)}
        total = counts.get(wanted.state, 0) if wanted.state else sum(counts.values())
        pages = max(1, -(-total // size))
        page = min(page, pages)
        order = _order(wanted)
        condition = and_(named, state == wanted.state) if wanted.state else named
        ids = select(Video.id).where(condition).order_by(*order)
        ids = ids.limit(size).offset((page - 1) * size)
        # What is counted for a row is counted for the page alone, not for the pages before it.
        shown = _entries().where(Video.id.in_(ids)).order_by(*order)
        entries = tuple(map(_entry, connection.execute(shown))) if total else ()
    return Listed(entries, counts, total, page, pages)


def find_entry(engine: Engine, video_id: int) -> Entry | None:
    """A video as the list shows it, or None if there is none."""
    with engine.connect() as connection:
        row = connection.execute(_entries().where(Video.id == video_id)).one_or_none()
    return _entry(row) if row else None


def titles_of(engine: Engine, ids: list[int], *, limit: int) -> tuple[int, tuple[str, ...]]:
    """How many of these videos there are, and the first titles."""
    among = Video.id.in_(ids)
    with engine.connect() as connection:
        count = connection.execute(select(func.count()).select_from(Video).where(among))
        titles = select(Video.title).where(among).order_by(func.lower(Video.title), Video.id)
        return count.scalar_one(), tuple(connection.execute(titles.limit(limit)).scalars())


def list_collections(engine: Engine, *, limit: int) -> tuple[str, ...]:
    """The names of the collections, the largest first."""
    wanted = select(Video.collection).where(Video.collection.is_not(None))
    wanted = wanted.group_by(Video.collection).order_by(func.count().desc(), Video.collection)
    with engine.connect() as connection:
        return tuple(str(name) for name in connection.execute(wanted.limit(limit)).scalars())


def list_unread(engine: Engine, *, limit: int) -> tuple[UnreadFile, ...]:
    """The files that could not be read, by path."""
    wanted = select(VideoFile.path, VideoFile.error).where(VideoFile.error.is_not(None))
    with engine.connect() as connection:
        rows = connection.execute(wanted.order_by(VideoFile.path).limit(limit))
        return tuple(UnreadFile(row.path, row.error or "") for row in rows)


def _entries() -> Select[*tuple[Any, ...]]:
    return select(
        *shown_columns(),
        Video.description,
        Video.warning,
        video_state().label("state"),
        case((Video.attempt.is_not(None), Video.attempted_at)).label("begun_at"),
    )


def _entry(row: Any) -> Entry:
    return Entry(**{**row._mapping, "tags": tuple(row.tags)})


def _order(wanted: Wanted) -> tuple[ColumnElement[Any], ...]:
    title: ColumnElement[Any] = func.lower(Video.title)
    keys: dict[str, SQLColumnExpression[Any]] = {
        "title": title,
        "date": Video.recorded_at,
        "length": Video.duration_s,
        "indexed": Video.indexed_at,
        "state": video_state(),
    }
    key = keys[wanted.sort]
    directed = key.desc() if wanted.descending else key.asc()
    # What is not known comes last, whichever way it is sorted.
    return (directed.nulls_last(), title, Video.id.expression)


def _named(name: str) -> ColumnElement[bool]:
    terms = storable(name, "the name").split()[:MOST_WORDS]
    return and_(true(), *map(_has, terms))


def _has(term: str) -> ColumnElement[bool]:
    """Whether a video has a term somewhere: as the beginning of a word, or as a piece of a name."""
    quoted = "'" + term.replace("\\", "\\\\").replace("'", "''") + "':*"
    prefix = func.to_tsquery(
        literal_column("'pg_catalog.russian'::regconfig"), func.split_han(quoted)
    )
    # A hidden video has no path of its own, and its words do not hold its file's name.
    files = select(VideoFile.video_id).where(VideoFile.path.icontains(term, autoescape=True))
    texts = (
        Video.title,
        func.coalesce(Video.description, ""),
        func.coalesce(Video.collection, ""),
        func.array_to_string(Video.tags, literal(" ")),
    )
    in_a_text = func.concat_ws(literal(" \n "), *texts).icontains(term, autoescape=True)
    words: ColumnElement[bool] = func.coalesce(Video.words.bool_op("@@")(prefix), false())
    return or_(words, in_a_text, Video.id.in_(files))
