"""What a request asks, read the same way for the page and the API."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar, cast

from flask import current_app, request
from sqlalchemy import Engine
from werkzeug.datastructures import FileStorage, MultiDict

from app.asking import (
    EVEN_WEIGHT,
    GROUPS,
    MAX_GAP_S,
    MAX_LIMIT,
    SORTS,
    FrameKey,
    Question,
)
from app.errors import BadRequestError
from app.typed_filters import split_off

MATCHES = ("all", "picture")
# What says nothing in an address, because it holds anyway.
DEFAULTS = {
    "gap": f"{MAX_GAP_S:g}",
    "weight": str(EVEN_WEIGHT),
    "match": MATCHES[0],
    "group": GROUPS[0],
    "sort": SORTS[0],
    "min_z": "0",
}

_Choice = TypeVar("_Choice", bound=str)


@dataclass(frozen=True)
class Given:
    """The question of a request as it stands in an address; "" is what was not given.

    `question()` is what it means. The names are those of the address, which are the same on every
    page and in the API. `match` says whether the words may be found in titles and subtitles too.
    """

    q: str = ""
    then: str = ""
    gap: str = ""
    image: str = ""
    weight: str = ""
    like: str = ""
    filter: tuple[str, ...] = ()
    where: str = ""
    match: str = ""
    group: str = ""
    sort: str = ""
    min_z: str = ""

    @property
    def params(self) -> dict[str, Any]:
        """What url_for takes to make an address with this question."""
        return {name: list(v) if name == "filter" else v for name, v in vars(self).items() if v}

    def is_canonical(self, args: MultiDict[str, str]) -> bool:
        """Whether an address says this question in the shortest way, whatever else it says."""
        asked = {name: args.getlist(name) for name in args if name in vars(self)}
        params = self.params
        return asked == {
            name: value if isinstance(value, list) else [value] for name, value in params.items()
        }

    def but(self, **changes: Any) -> dict[str, Any]:
        """The same with other values; an empty one takes the parameter away."""
        return {name: value for name, value in (self.params | changes).items() if value}

    def without_filter(self, text: str) -> dict[str, Any]:
        """The same without one of the filters."""
        return self.but(filter=[one for one in self.filter if one != text])

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for; a filter for videos alone is no question."""
        return not (self.q or self.then or self.image or self.like or self.says_what)

    @property
    def is_grouped_by_video(self) -> bool:
        """Whether the hits of a video stand together."""
        return self.group == "video"

    @property
    def says_what(self) -> bool:
        """Whether a filter tells what has to be said."""
        return any(one.lower().startswith("said:") for one in self.filter)

    def question(self, limit: int, picture: bytes | None = None) -> Question:
        """What is asked; `picture` takes the place of the key. Raises BadRequestError."""
        if self.image and not re.fullmatch("[0-9a-f]{64}", self.image):
            raise BadRequestError("image is the key of a picture, 64 digits from 0 to f")
        group = one_of("group", self.group, GROUPS)
        # Words are found in scenes and videos, not in frames.
        words_too = one_of("match", self.match, MATCHES) == "all" and group != "frame"
        return Question(
            text=self.q,
            image=picture or self.image,
            weight=_percentage("weight", self.weight, EVEN_WEIGHT),
            like=FrameKey.parse(self.like) if self.like else None,
            keywords=self.q if words_too and not (self.like or self.then) else "",
            then=self.then,
            gap_s=_number("gap", self.gap, MAX_GAP_S),
            filters=self.filter,
            where=self.where,
            group=group,
            sort=one_of("sort", self.sort, SORTS),
            min_z=_number("min_z", self.min_z, 0) if self.min_z else None,
            limit=limit,
        )


SINGLE = tuple(field.name for field in fields(Given) if field.name not in ("q", "filter"))


def library() -> Engine:
    """The database that this application serves."""
    return cast(Engine, current_app.extensions["sceneql"])


def read_given() -> Given:
    """The question in the address or the form; filters typed among the words are set apart.

    Raises BadRequestError for such a filter that cannot be read.
    """
    values = request.values
    words, typed = split_off(values.get("q", ""))
    filters = [one.strip() for one in values.getlist("filter")]

    def said(name: str) -> str:
        value = values.get(name, "").strip()
        return "" if value == DEFAULTS.get(name) else value

    return Given(
        q=words,
        filter=tuple(dict.fromkeys(one for one in (*filters, *typed) if one)),
        **{name: said(name) for name in SINGLE},
    )


def picture_of(upload: FileStorage | None) -> bytes | None:
    """The bytes of an uploaded picture; a browser sends a file without a name where none is chosen.

    Raises BadRequestError for an empty file.
    """
    if upload is None or not upload.filename:
        return None
    picture: bytes = upload.read()
    if not picture:
        raise BadRequestError("the picture is an empty file")
    return picture


def whole_number(name: str, default: int, *, lowest: int, highest: int) -> int:
    """A number from the address or the form; raises BadRequestError where it is out of range."""
    given = request.values.get(name, "").strip()
    if not given:
        return default
    if not re.fullmatch("[0-9]{1,9}", given) or not lowest <= int(given) <= highest:
        raise BadRequestError(f"{name} must be a whole number from {lowest} to {highest}")
    return int(given)


def limit_of(default: int) -> int:
    """How many hits are asked for at most; raises BadRequestError."""
    return whole_number("limit", default, lowest=1, highest=MAX_LIMIT)


def one_of(name: str, given: str, choices: Sequence[_Choice]) -> _Choice:
    """The choice that was given, or the first without one; raises BadRequestError."""
    if not given:
        return choices[0]
    for choice in choices:
        if choice == given:
            return choice
    raise BadRequestError(
        f"{name} is one of {', '.join(filter(None, choices))}, not {given[:40]!r}"
    )


def _percentage(name: str, given: str, default: int) -> int:
    if given and not re.fullmatch("[0-9]{1,3}", given):
        raise BadRequestError(f"{name} is a whole number from 0 to 100, not {given[:40]!r}")
    return int(given or default)


def _number(name: str, given: str, default: float) -> float:
    if not given:
        return default
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e9:
        raise BadRequestError(f"{name} is a number, not {given[:40]!r}")
    return number
