"""What people may mean by what they have typed so far: names of filters, and values that occur."""

import math
import re
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Engine, Select, func, or_, select

from app.errors import BadRequestError
from app.models import Video
from app.typed_filters import KINDS, SAID, TypedFilter

MOST = 8
LENGTHS = ("10s", "30s", "1m", "5m", "20m", "1h")
MAX_LENGTH = 200
# A new key is suggested after so long.
KEYS_HELD_S = 60

_keys: WeakKeyDictionary[Engine, tuple[float, tuple[tuple[str, int], ...]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Suggestion:
    """What may be put in place of the word being typed, and what it stands for.

    `is_name` tells that a value is still to be typed after it. `videos` is how many have it.
    """

    text: str
    note: str
    is_name: bool = False
    videos: int | None = None


def suggest(engine: Engine, typed: str) -> tuple[Suggestion, ...]:
    """Filters that begin as the word does; after NAME: values, those of most videos first.

    Without a single letter there is nothing to go by; raises BadRequestError for what is too long.
    """
    if len(typed) > MAX_LENGTH or "\0" in typed:
        raise BadRequestError(f"suggestions are for one word of at most {MAX_LENGTH} characters")
    minus = "-" if typed.startswith("-") else ""
    name, colon, value = typed.removeprefix("-").partition(":")
    value = value.strip('"').lower()
    if not name:
        return ()
    if not colon:
        return _names(engine, name.lower(), minus)
    known = name.lower()
    if known in ("longer", "shorter"):
        matching = (length for length in LENGTHS if length.startswith(value))
        return tuple(
            Suggestion(f"{minus}{known}:{length}", KINDS[known].what) for length in matching
        )
    wanted = _values(name, value)
    if wanted is None:
        return ()
    with engine.connect() as connection:
        rows = connection.execute(wanted).all()
    own = known if known in KINDS else name
    return tuple(
        Suggestion(str(TypedFilter(own, row.value, bool(minus))), "", videos=row.videos)
        for row in rows
        if '"' not in row.value
    )


def _names(engine: Engine, start: str, minus: str) -> tuple[Suggestion, ...]:
    """Filters of the program's own first, then the metadata's keys."""
    ours = [
        Suggestion(f"{minus}{name}:", kind.what, is_name=True)
        for name, kind in KINDS.items()
        if name.startswith(start) and not (minus and name == SAID)
    ]
    keys = [
        Suggestion(f"{minus}{key}:", "from the metadata", is_name=True, videos=videos)
        for key, videos in _metadata_keys(engine)
        if key.lower().startswith(start)
    ]
    return tuple([*ours, *keys][:MOST])


def _metadata_keys(engine: Engine) -> tuple[tuple[str, int], ...]:
    """The keys that can be asked for and of how many videos they are, most first.

    To find them all metadata is read, which is too much for each letter that somebody types.
    """
    now_s = time.monotonic()
    read_s, keys = _keys.get(engine, (-math.inf, ()))
    if now_s - read_s < KEYS_HELD_S:
        return keys
    key_of = select(func.jsonb_object_keys(Video.extra).label("key")).subquery()
    videos = func.count()
    wanted = select(key_of.c.key, videos).group_by(key_of.c.key)
    with engine.connect() as connection:
        rows = connection.execute(wanted.order_by(videos.desc(), key_of.c.key)).all()
    keys = tuple(
        (key, videos)
        for key, videos in rows
        if re.fullmatch(r"[^\W\d_][\w.-]*", key) and key.lower() not in KINDS
    )
    _keys[engine] = (now_s, keys)
    return keys


def _values(name: str, start: str) -> Select[tuple[str, int]] | None:
    """Selects the values that occur, or None where no value can be told beforehand."""
    known = name.lower()
    if known in (SAID, "title", "file"):
        return None
    value: ColumnElement[str]
    if known == "collection":
        value = Video.collection  # type: ignore[assignment]
    elif known in ("after", "before"):
        value = func.to_char(Video.recorded_at, "YYYY-MM")
    elif known == "tag":
        value = func.unnest(Video.tags)
    else:
        value = Video.extra[name.removeprefix("metadata.")].astext
    values = select(value.label("value")).subquery()
    lowered = func.lower(values.c.value)
    count = func.count().label("videos")
    # What begins so comes before what merely has it inside.
    begins = func.starts_with(lowered, start)
    return (
        select(values.c.value, count)
        .where(values.c.value != "", or_(begins, func.strpos(lowered, start) > 0))
        .group_by(values.c.value)
        .order_by(begins.desc(), count.desc(), values.c.value)
        .limit(MOST)
    )
