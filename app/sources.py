"""Sources: the folders that the worker scans on schedule."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pathspec import GitIgnoreSpec
from sqlalchemy import Engine, Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.errors import BadRequestError
from app.models import Source as SourceRow
from app.paths import absolute
from app.sampling import Sampling

ORDERS = ("name", "newest", "oldest", "smallest")
SHORTEST_S = 10
LONGEST_S = 30 * 86400
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Rules:
    """How a source's files are found and indexed; globs are those of .gitignore files.

    Without `collection`, the name of the folder they are in is taken. `first` says which of many
    new files come first; `at_most` limits how many of them one scan hands to the workers.
    """

    every_s: int = 600
    collection: str | None = None
    sampling: str = "scenes:3"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    first: str = "name"
    at_most: int | None = None

    def __post_init__(self) -> None:
        """Raises BadRequestError, with the cure, if a rule cannot be followed."""
        Sampling.parse(self.sampling)
        if not SHORTEST_S <= self.every_s <= LONGEST_S:
            raise BadRequestError("a source is scanned every 10s to 30d, for example --every 10m")
        globs("--include", self.include)
        globs("--exclude", self.exclude)


@dataclass(frozen=True)
class Source:
    """A folder that is scanned on schedule, and how its last scan went."""

    id: int
    path: Path
    rules: Rules
    paused: bool
    mounts: tuple[str, ...]
    waiting: dict[str, Any]
    scanned_at: datetime | None
    due_at: datetime
    report: dict[str, int] | None
    error: str | None

    def collection_of(self, path: Path) -> str:
        """The source's collection, or the name of the folder that a file is in below it."""
        inner = path.relative_to(self.path).parts[:-1]
        return self.rules.collection or (inner[0] if inner else self.path.name)


def duration_s(text: str) -> int:
    """The seconds in a text such as 30s, 10m, 2h or 1d; raises BadRequestError."""
    if match := re.fullmatch(r"([0-9]{1,7})([smhd])", text.strip().lower()):
        return int(match[1]) * _UNITS_S[match[2]]
    raise BadRequestError(f"{text!r} is no length of time; write 30s, 10m, 2h or 1d")


def globs(option: str, patterns: Sequence[str]) -> GitIgnoreSpec:
    """The patterns, ready to be matched with paths; raises BadRequestError, naming the option."""
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise BadRequestError(f"{option}: {error}; write globs as in .gitignore") from error


def add_source(engine: Engine, path: Path, rules: Rules) -> bool:
    """Adds a folder, or gives one that is a source already other rules; it is due at once.

    Returns whether it is new. Raises BadRequestError if there is no such folder.
    """
    if not path.is_dir():
        raise BadRequestError(
            f"{path} is no folder; name one that is there, with its files mounted"
        )
    values = asdict(rules) | {"include": list(rules.include), "exclude": list(rules.exclude)}
    with engine.begin() as connection:
        known = connection.execute(select(SourceRow.id).where(SourceRow.path == str(path))).first()
        connection.execute(
            insert(SourceRow)
            .values(path=str(path), **values)
            .on_conflict_do_update(
                index_elements=["path"],
                # What was mounted when the rules were made is what counts from now on.
                set_=values | {"due_at": func.now(), "mounts": [], "waiting": {}},
            )
        )
    return known is None


def list_sources(engine: Engine) -> tuple[Source, ...]:
    """All sources, by path."""
    with engine.connect() as connection:
        rows = connection.execute(select(SourceRow.__table__).order_by(SourceRow.path)).all()
    return tuple(map(_source, rows))


def get_source(engine: Engine, source_id: int) -> Source | None:
    """The source of an id, or None if it was removed."""
    with engine.connect() as connection:
        row = connection.execute(
            select(SourceRow.__table__).where(SourceRow.id == source_id)
        ).one_or_none()
    return _source(row) if row else None


def find_source(engine: Engine, name: str) -> Source:
    """The source of an id or a path; raises BadRequestError if there is none."""
    path = str(absolute(name))
    for source in list_sources(engine):
        if str(source.path) in (name, path) or str(source.id) == name:
            return source
    raise BadRequestError(f"{name} is no source; `sceneql sources list` shows them")


def due_sources(engine: Engine) -> list[int]:
    """The ids of the sources that are to be scanned now."""
    due = select(SourceRow.id).where(~SourceRow.paused, SourceRow.due_at <= func.now())
    with engine.connect() as connection:
        return list(connection.execute(due.order_by(SourceRow.due_at)).scalars())


def pause_source(engine: Engine, source_id: int, *, paused: bool) -> None:
    """Stops scanning a source until it is resumed; resumed, it is due at once."""
    with engine.begin() as connection:
        connection.execute(
            update(SourceRow)
            .where(SourceRow.id == source_id)
            .values(paused=paused, due_at=func.now())
        )


def remove_source(engine: Engine, source_id: int) -> None:
    """Forgets a source; its videos stay in the index."""
    with engine.begin() as connection:
        connection.execute(delete(SourceRow).where(SourceRow.id == source_id))


def _source(row: Row[Any]) -> Source:
    return Source(
        id=row.id,
        path=Path(row.path),
        rules=Rules(
            every_s=row.every_s,
            collection=row.collection,
            sampling=row.sampling,
            include=tuple(row.include),
            exclude=tuple(row.exclude),
            first=row.first,
            at_most=row.at_most,
        ),
        paused=row.paused,
        mounts=tuple(row.mounts),
        waiting=row.waiting,
        scanned_at=row.scanned_at,
        due_at=row.due_at,
        report=row.report,
        error=row.error,
    )
