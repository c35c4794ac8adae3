"""What people set in videos: read from FIELD=VALUE, written so that the indexing leaves it be."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal, cast

from psycopg import DataError
from psycopg.errors import ProgramLimitExceeded
from sqlalchemy import Connection, Engine, Table, bindparam, select, update
from sqlalchemy.exc import DBAPIError

from app.errors import BadRequestError, NotFoundError
from app.filters import choosing_filter
from app.models import Video, VideoFile

FIELDS = ("title", "description", "collection", "recorded_at", "tags")
METADATA = "metadata."
TABLE = cast(Table, Video.__table__)
# What a file itself says, or the program knows: a slip of the pen must not hide behind it.
NOT_TO_BE_SET = {column.name for column in TABLE.c} - set(FIELDS)
SHOWN = (
    *("id", *FIELDS, "metadata", "status", "error", "warning", "duration_s", "width", "height"),
    *("fps", "codec", "frame_count", "sampling", "indexed_at", "edited"),
)
BATCH = 500

Operator = Literal["=", "+=", "-="]

_ASSIGNMENT = re.compile(
    r"(?P<name>metadata\.[^=]+?|[\w.:-]+?)\s*(?P<operator>\+=|-=|=)(?P<value>.*)", re.DOTALL
)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class Change:
    """A field, named as in `videos.edited`, and what becomes of it; None takes the value away."""

    field: str
    operator: Operator
    value: Any

    def apply(self, video: dict[str, Any]) -> None:
        """Changes the columns of a video, in place."""
        if self.field.startswith(METADATA):
            key = self.field.removeprefix(METADATA)
            others = {name: value for name, value in video["metadata"].items() if name != key}
            video["metadata"] = others if self.value is None else others | {key: self.value}
        elif self.operator == "+=":
            video["tags"] = [*video["tags"], *(t for t in self.value if t not in video["tags"])]
        elif self.operator == "-=":
            video["tags"] = [tag for tag in video["tags"] if tag not in self.value]
        else:
            video[self.field] = list(self.value) if self.field == "tags" else self.value


@dataclass(frozen=True)
class Applied:
    """How many videos were changed, and how many had all the values already."""

    changed: int
    unchanged: int


Edit = tuple[int, Sequence[Change]]
"""The id of a video and what to change in it."""


def read_assignment(text: str) -> Change | None:
    """The change that FIELD=VALUE, tags+=A,B or tags-=A states; None if the text has no such shape.

    Raises BadRequestError if it has, but the value is none for the field.
    """
    match = _ASSIGNMENT.fullmatch(text)
    if match is None:
        return None
    operator: Any = match["operator"]
    return read_change(match["name"], match["value"], operator)


def read_change(name: str, value: str, operator: Operator = "=") -> Change:
    """The change of a field as people name it to a value as they write it; raises BadRequestError.

    Any name that is no field of videos is a key of the metadata; an empty value takes it away.
    """
    field = field_of(name)
    value = storable(value, field).strip()
    if operator != "=" and field != "tags":
        raise BadRequestError(f"{field} is no list; write {field}=... instead of {operator}")
    if field == "tags":
        return Change(field, operator, tuple(dict.fromkeys(filter(None, _split(value)))))
    if field == "title" and not value:
        raise BadRequestError("a video cannot be without a title; write title=...")
    if field == "recorded_at":
        return Change(field, operator, _time(value) if value else None)
    if field.startswith(METADATA) and value:
        return Change(field, operator, _json(value))
    return Change(field, operator, value or None)


def read_value(name: str, value: Any) -> Change:
    """The change of a field to a value of its own type, such as a list for tags; None removes it.

    A text stays one, also where it looks like a number. Raises BadRequestError.
    """
    field = field_of(name)
    if isinstance(value, str):
        value = storable(value, field)
        if not field.startswith(METADATA):
            return read_change(name, value)
    elif field == "tags":
        tags = (storable(tag, field).strip() for tag in value or ())
        return Change(field, "=", tuple(dict.fromkeys(filter(None, tags))))
    elif field == "title":
        raise BadRequestError("a video cannot be without a title; write one")
    return Change(field, "=", value)


def field_of(name: str) -> str:
    """The field's name in `videos.edited`; raises BadRequestError for what people cannot set."""
    name = storable(name, "a field's name").strip()
    known = name.lower().replace(" ", "_")
    if known in FIELDS:
        return known
    if known in NOT_TO_BE_SET:
        raise BadRequestError(
            f"{known} cannot be set; write {METADATA}{known}=... for a key of that name"
        )
    if not name.removeprefix(METADATA):
        raise BadRequestError(f"a field needs a name, such as {', '.join(FIELDS)} or camera")
    return METADATA + name.removeprefix(METADATA)


def storable(text: str, what: str) -> str:
    """The text as it is; raises BadRequestError if no database can keep it."""
    if "\0" in text:
        raise BadRequestError(f"{what} has a NUL character, which no text can keep")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequestError(f"{what} is not UTF-8; write it as such") from None
    return text


def videos_where(engine: Engine, where: str) -> list[int]:
    """The ids of the videos, hidden and failed ones too, for which a filter holds.

    Raises BadRequestError for a filter that is empty, and so would hold for all.
    """
    wanted = select(Video.id).where(choosing_filter(storable(where, "the filter")))
    with engine.connect() as connection:
        return list(connection.execute(wanted.order_by(Video.id)).scalars())


def apply_edits(
    engine: Engine,
    edits: Iterable[Edit],
    *,
    dry_run: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Applied:
    """Changes videos in one transaction, and notes in `edited` what was set.

    A field that had the value already is noted as well: the indexing is to leave it as it is.
    `on_progress` is called with the number of videos done so far. Raises BadRequestError, and
    changes nothing, if a value cannot be kept. With `dry_run` all is tried and nothing kept.
    """
    changed = done = 0
    try:
        with engine.connect() as connection:
            for batch in _batches(edits):
                changed += _apply_batch(connection, batch)
                done += len(batch)
                on_progress(done)
            if not dry_run:
                connection.commit()
    except DBAPIError as error:
        if not isinstance(error.orig, (DataError, ProgramLimitExceeded)):
            raise
        raise BadRequestError(
            f"nothing was changed: {error.orig.diag.message_primary}; shorten the value"
        ) from error
    return Applied(changed, done - changed)


def _batches(edits: Iterable[Edit]) -> Iterator[dict[int, Sequence[Change]]]:
    # In the order of the ids, so that two people who edit the same videos wait for each other.
    in_order = iter(sorted(edits, key=lambda edit: edit[0]))
    while batch := dict(islice(in_order, BATCH)):
        yield batch


def _apply_batch(connection: Connection, batch: dict[int, Sequence[Change]]) -> int:
    names = (*FIELDS, "metadata", "edited")
    wanted = select(TABLE.c.id, *(TABLE.c[name] for name in names))
    rows = connection.execute(
        wanted.where(TABLE.c.id.in_(batch)).order_by(TABLE.c.id).with_for_update()
    ).all()
    changed = 0
    to_write = []
    for row in rows:
        before = dict(row._mapping)
        after = dict(before)
        for change in batch[row.id]:
            change.apply(after)
        fields = (change.field for change in batch[row.id])
        is_changed = _as_json(after) != _as_json(before)
        after["edited"] = list(dict.fromkeys((*before["edited"], *fields)))
        changed += is_changed
        if is_changed or after["edited"] != before["edited"]:
            to_write.append({f"new_{name}": value for name, value in after.items()})
    if to_write:
        connection.execute(
            update(TABLE)
            .where(TABLE.c.id == bindparam("new_id"))
            .values({name: bindparam(f"new_{name}") for name in names}),
            to_write,
        )
    return changed


def _as_json(video: dict[str, Any]) -> str:
    """For comparison: to Python 1 and true are equal, and people tell them apart."""
    return json.dumps(video, default=str, sort_keys=True)


def fields_of_video(engine: Engine, video_id: int) -> dict[str, Any]:
    """All that is known of a video, by name; `edited` names what people set, `files` its paths.

    Raises NotFoundError.
    """
    with engine.connect() as connection:
        row = connection.execute(
            select(*(TABLE.c[name] for name in SHOWN)).where(TABLE.c.id == video_id)
        ).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no video {video_id}")
        files = connection.execute(
            select(VideoFile.path).where(VideoFile.video_id == video_id).order_by(VideoFile.path)
        ).scalars()
        return {**row._mapping, "files": list(files)}


def _split(value: str) -> list[str]:
    return [tag.strip() for tag in value.split(",")]


def _time(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise BadRequestError(
            f"recorded_at is a date such as 2026-01-31 or 2026-01-31T18:00, not {value[:40]!r}"
        ) from None
    # At either end of the calendar another time zone would lie beyond it.
    if not 1 < moment.year < 9999:
        raise BadRequestError(f"recorded_at lies in the years 2 to 9998, not in {moment.year}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _json(value: str) -> str | int | float | bool:
    """Numbers, true and false as in JSON; all else is text."""
    if value in ("true", "false"):
        return value == "true"
    if _NUMBER.fullmatch(value):
        try:
            number: int | float = json.loads(value)
        except ValueError:
            # Python reads no number of more than 4,300 digits.
            return value
        return number if math.isfinite(number) else value
    return value
