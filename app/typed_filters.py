"""Filters as people type them into the search box: `collection:news after:2026-05 -tag:draft`.

Each is a NAME:VALUE of its own, shown as a chip that can be taken away. Several collections, titles
or cameras are alternatives; tags, times and lengths all have to hold. A name that is none of those
below is a key of the metadata. app.filters has the full grammar, with and, or, not.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, not_, or_, select, true

from app.errors import BadRequestError
from app.filters import video_filter
from app.models import Scene, Video

MOST = 30
MAX_LENGTH = 300

_NAME = r"[^\W\d_][\w.-]*"
# One slash begins a path, two come after the beginning of an address, which is no name.
_BARE = r'(?!//)[^\s":][^\s"]*'
_TYPED = re.compile(rf"""(?<!\S)(?P<minus>-?)(?P<name>{_NAME}):(?P<value>"[^"]*"|{_BARE})(?!\S)""")
_FILTER = re.compile(rf"(?P<minus>-?)(?P<name>{_NAME}):(?P<value>.*)", re.DOTALL)
_DURATION = re.compile(
    r"(?:(?P<h>\d{1,5})h)?(?:(?P<m>\d{1,6})m)?(?:(?P<s>\d{1,8}(?:\.\d{1,6})?)s?)?", re.IGNORECASE
)


@dataclass(frozen=True)
class TypedFilter:
    """One filter: the name in lower case where it is one of ours, and the value without quotes."""

    name: str
    value: str
    is_negated: bool = False

    def __str__(self) -> str:
        bare = re.fullmatch(_BARE, self.value)
        value = self.value if bare else f'"{self.value}"'
        return f"{'-' if self.is_negated else ''}{self.name}:{value}"

    @classmethod
    def parse(cls, text: str) -> "TypedFilter":
        """The filter that a text states; raises BadRequestError with one line of what is wrong."""
        text = text.strip()
        match = _FILTER.fullmatch(text)
        if match is None or "\0" in text:
            raise BadRequestError(f"{text[:40]!r} is no filter; write NAME:VALUE, as in tag:beach")
        if len(text) > MAX_LENGTH:
            raise BadRequestError(
                f"a filter has {len(text)} characters; at most {MAX_LENGTH} are read"
            )
        name, value = match["name"], match["value"].strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        # A quote inside could not be written back.
        value = value.replace('"', " ").strip()
        if not value:
            raise BadRequestError(f"{name}: has no value; write one, as in {name}:{_example(name)}")
        if name.lower() in KINDS:
            name = name.lower()
        found = cls(name, value, bool(match["minus"]))
        found.condition()
        return found

    def condition(self) -> ColumnElement[bool]:
        """What has to hold for a row of `videos`; raises BadRequestError."""
        if self.name == SAID and self.is_negated:
            raise BadRequestError('said: cannot be turned round; write said:"words -unwanted"')
        kind = KINDS.get(self.name)
        holds = kind.condition(self.value) if kind else _metadata(self.name, self.value)
        # Where nothing is known a comparison is unknown; its opposite means "all the others".
        return not_(func.coalesce(holds, False)) if self.is_negated else holds


def split_off(box: str) -> tuple[str, tuple[str, ...]]:
    """The words of what was typed into one box, and the filters in it, each in its shortest form.

    Raises BadRequestError for a filter that cannot be read. What has a colon but no name before it,
    such as 16:9 or an address, stays among the words.
    """
    filters = [str(TypedFilter.parse(match[0])) for match in _TYPED.finditer(box)]
    return " ".join(_TYPED.sub(" ", box).split()), tuple(filters)


def conditions(filters: Iterable[str]) -> ColumnElement[bool]:
    """What all filters together ask of `videos`; without any it holds for all.

    Raises BadRequestError.
    """
    together: dict[str, list[ColumnElement[bool]]] = defaultdict(list)
    everything = []
    read = list(filters)
    if len(read) > MOST:
        raise BadRequestError(f"there are {len(read)} filters; at most {MOST} are read")
    for typed in map(TypedFilter.parse, read):
        kind = KINDS.get(typed.name)
        if typed.is_negated or (kind is not None and kind.all_hold):
            everything.append(typed.condition())
        else:
            together[typed.name].append(typed.condition())
    return and_(true(), *everything, *(or_(*alternatives) for alternatives in together.values()))


def video_condition(where: str | None, filters: Iterable[str] = ()) -> ColumnElement[bool]:
    """What a filter of the full grammar and typed ones together ask of `videos`.

    Raises FilterError for the first, BadRequestError for the others, if they cannot be read.
    """
    return and_(conditions(filters), video_filter(where))


def said_of(filters: Iterable[str]) -> tuple[str, ...]:
    """What has to be said in a scene, by the filters that say so."""
    read = map(TypedFilter.parse, filters)
    return tuple(typed.value for typed in read if typed.name == SAID)


@dataclass(frozen=True)
class Kind:
    """What a name stands for; `all_hold`: several of it do not exclude each other."""

    condition: Callable[[str], ColumnElement[bool]]
    example: str
    what: str
    all_hold: bool = False


def _collection(value: str) -> ColumnElement[bool]:
    return func.lower(Video.collection) == value.lower()


def _tag(value: str) -> ColumnElement[bool]:
    has_tag: ColumnElement[bool] = Video.tags.contains([value])
    return has_tag


def _contains(column: Any) -> Callable[[str], ColumnElement[bool]]:
    return lambda value: func.strpos(func.lower(column), value.lower()) > 0


def _after(value: str) -> ColumnElement[bool]:
    return Video.recorded_at >= _moment("after", value)


def _before(value: str) -> ColumnElement[bool]:
    return Video.recorded_at < _moment("before", value)


def _longer(value: str) -> ColumnElement[bool]:
    return Video.duration_s > seconds("longer", value)


def _shorter(value: str) -> ColumnElement[bool]:
    return Video.duration_s < seconds("shorter", value)


def _metadata(name: str, value: str) -> ColumnElement[bool]:
    key = name.removeprefix("metadata.")
    return func.lower(Video.extra[literal(key)].astext) == value.lower()


def _said(value: str) -> ColumnElement[bool]:
    scene = select(Scene.video_id).where(
        Scene.video_id == Video.id, Scene.said_words.bool_op("@@")(func.keyword_query(value))
    )
    return scene.exists()


SAID = "said"
KINDS = {
    "collection": Kind(_collection, "news", "videos of a collection"),
    "tag": Kind(_tag, "beach", "videos with a tag", all_hold=True),
    "after": Kind(_after, "2026-05-01", "recorded on that day or later", all_hold=True),
    "before": Kind(_before, "2026-05-01", "recorded before that day", all_hold=True),
    "longer": Kind(_longer, "10m", "longer than that", all_hold=True),
    "shorter": Kind(_shorter, "30s", "shorter than that", all_hold=True),
    SAID: Kind(_said, "harbour", "scenes in which that is said", all_hold=True),
    "title": Kind(_contains(Video.title), "harbour", "videos with that in their title"),
    "file": Kind(_contains(Video.path), "2026/trip", "videos with that in their path"),
}


def seconds(name: str, value: str) -> float:
    """A length as people write it, 90, 45s, 2m30s or 1:30, in seconds; raises BadRequestError."""
    if re.fullmatch(r"\d{1,5}(:\d{1,2}){1,2}", value):
        parts = value.split(":")
        return float(sum(int(part) * 60**place for place, part in enumerate(reversed(parts))))
    match = _DURATION.fullmatch(value)
    if match is None or not any(match.groups()):
        raise BadRequestError(f"{name}: takes a length, such as 45s, 2m30s or 1h, not {value!r}")
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + rest


def _moment(name: str, value: str) -> datetime:
    """The first moment of a year, a month or a day, in UTC."""
    if match := re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", value):
        try:
            return datetime(int(match[1]), int(match[2] or 1), int(match[3] or 1), tzinfo=UTC)
        except ValueError:
            pass
    raise BadRequestError(
        f"{name}: takes a date, such as 2026, 2026-05 or 2026-05-31, not {value!r}"
    )


def _example(name: str) -> str:
    kind = KINDS.get(name.lower())
    return kind.example if kind else "GoPro"
