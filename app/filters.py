"""The filter grammar of the page, the command line and the API: text in, a SQL expression out.

    collection = news and (tags in (beach, "two words") or metadata.camera != GoPro)
    recorded_at >= 2026-01-01 and duration_s < 60 and not title = untitled

Names are columns of `videos`; values are words, quoted strings, numbers or ISO dates. Every value
becomes a bound parameter. `!=` also holds where nothing is known: "not news" means just that.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Numeric,
    and_,
    any_,
    case,
    cast,
    func,
    literal,
    not_,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from app.errors import FilterError
from app.models import Video

MAX_LENGTH = 2000
MAX_DEPTH = 50
# What a bigint holds.
LARGEST_NUMBER = 2**63 - 1

COLUMNS = Video.__table__.c
TEXT_FIELDS = ("title", "description", "collection", "path")
NUMBER_FIELDS = ("video_id", "duration_s")
TIME_FIELDS = ("recorded_at",)
FIELDS = (*TEXT_FIELDS, "tags", *NUMBER_FIELDS, *TIME_FIELDS, "metadata.KEY")

TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator><=|>=|!=|=|<|>|\(|\)|,)
      | (?P<word>[^\s"'=<>!(),]+)
    )""",
    re.VERBOSE,
)


def video_filter(text: str | None) -> ColumnElement[bool]:
    """The condition on `videos` that a filter states; no filter, or an empty one, holds for all.

    Raises FilterError with one line that says where it is broken and what belongs there.
    """
    if text is None or not text.strip():
        return true()
    if "\0" in text:
        raise FilterError("the filter has a NUL character, which no value can have")
    if len(text) > MAX_LENGTH:
        raise FilterError(f"the filter has {len(text)} characters; at most {MAX_LENGTH} are read")
    return _Parser(_tokens(text)).parse()


def choosing_filter(text: str) -> ColumnElement[bool]:
    """As `video_filter`, for what is to be changed: an empty filter is refused.

    A script whose variable is empty would otherwise choose every video.
    """
    if not text.strip():
        raise FilterError("an empty filter holds for every video; write 'video_id > 0' for all")
    return video_filter(text)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    def is_keyword(self, word: str) -> bool:
        return self.kind == "word" and self.text.lower() == word


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    while text[place:].strip():
        match = TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            rest = text[place:].strip()
            if rest[0] in "\"'":
                raise FilterError(f"the filter has an opening {rest[0]} without its closing one")
            raise FilterError(f"the filter cannot be read from {rest[:20]!r} on")
        word = match[match.lastgroup]
        if match.lastgroup == "quoted":
            word = re.sub(r"\\(.)", r"\1", word[1:-1])
        tokens.append(_Token(match.lastgroup, word))
        place = match.end()
    return tokens


class _Parser:
    """Recursive descent: `or` binds loosest, then `and`, then `not`."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.place = 0
        self.depth = 0

    def parse(self) -> ColumnElement[bool]:
        condition = self.alternatives()
        if (token := self.peek()) is not None:
            raise FilterError(f"the filter goes on with {token.text!r}: write 'and' or 'or' first")
        return condition

    def alternatives(self) -> ColumnElement[bool]:
        conditions = [self.conjunction()]
        while self.take_keyword("or"):
            conditions.append(self.conjunction())
        return or_(*conditions)

    def conjunction(self) -> ColumnElement[bool]:
        conditions = [self.negation()]
        while self.take_keyword("and"):
            conditions.append(self.negation())
        return and_(*conditions)

    def negation(self) -> ColumnElement[bool]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FilterError(f"the filter is nested more than {MAX_DEPTH} deep")
        condition = self.one_condition()
        self.depth -= 1
        return condition

    def one_condition(self) -> ColumnElement[bool]:
        if self.take_keyword("not"):
            # A comparison with something unknown is unknown; its negation means "everything else".
            return not_(func.coalesce(self.negation(), False))
        if self.take_operator("("):
            condition = self.alternatives()
            self.expect(")")
            return condition
        return self.comparison()

    def comparison(self) -> ColumnElement[bool]:
        name = self.next("a field, such as collection,").text
        field = _field(name)
        if self.take_keyword("in"):
            self.expect("(")
            values = [self.value()]
            while self.take_operator(","):
                values.append(self.value())
            self.expect(")")
            return field.is_one_of(values)
        operator = self.next(f"=, !=, <, >, <=, >= or in after {name}")
        if operator.kind != "operator" or operator.text in "(),":
            raise FilterError(
                f"the filter has {operator.text!r} after {name}; write =, !=, <, >, <=, >= or in"
            )
        return field.compared(operator.text, self.value())

    def value(self) -> str:
        token = self.next("a value")
        if token.kind == "operator":
            raise FilterError(
                f"the filter has {token.text!r} where a value belongs; quote it if it is the value"
            )
        return token.text

    def peek(self) -> _Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def next(self, wanted: str) -> _Token:
        token = self.peek()
        if token is None:
            raise FilterError(f"the filter ends where {wanted} belongs")
        self.place += 1
        return token

    def take_keyword(self, word: str) -> bool:
        token = self.peek()
        if token is None or not token.is_keyword(word):
            return False
        self.place += 1
        return True

    def take_operator(self, text: str) -> bool:
        token = self.peek()
        if token is None or token.kind != "operator" or token.text != text:
            return False
        self.place += 1
        return True

    def expect(self, text: str) -> None:
        if not self.take_operator(text):
            token = self.peek()
            found = repr(token.text) if token else "its end"
            raise FilterError(f"the filter has {found} where {text!r} belongs")


class _Field(Protocol):
    def compared(self, operator: str, value: str) -> ColumnElement[bool]: ...

    def is_one_of(self, values: list[str]) -> ColumnElement[bool]: ...


@dataclass(frozen=True)
class _Scalar:
    """A column with one value of a type that `read` makes from the filter's text."""

    name: str
    column: ColumnElement[Any]

    def read(self, value: str) -> object:
        return value

    def compared(self, operator: str, value: str) -> ColumnElement[bool]:
        return _compare(self.column, operator, self.read(value))

    def is_one_of(self, values: list[str]) -> ColumnElement[bool]:
        return self.column.in_([self.read(value) for value in values])


class _Number(_Scalar):
    def read(self, value: str) -> object:
        number = _number(value)
        if number is None:
            raise FilterError(f"{self.name} is a number, not {value!r}")
        if abs(number) > LARGEST_NUMBER:
            raise FilterError(f"{self.name} is never as large as {value[:30]}")
        return number


class _Time(_Scalar):
    def read(self, value: str) -> object:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise FilterError(
                f"{self.name} is a date such as 2026-01-31 or '2026-01-31 18:00', not {value!r}"
            ) from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Metadata(_Scalar):
    """A key of the metadata: = and in compare text, < and > numbers where both sides are one."""

    def compared(self, operator: str, value: str) -> ColumnElement[bool]:
        as_text = self.column[self.name].astext
        number = _number(value)
        if operator in ("=", "!=") or number is None:
            return _compare(as_text, operator, value)
        is_number = func.jsonb_typeof(self.column[self.name]) == "number"
        return _compare(case((is_number, cast(as_text, Numeric))), operator, number)

    def is_one_of(self, values: list[str]) -> ColumnElement[bool]:
        is_one: ColumnElement[bool] = self.column[self.name].astext.in_(values)
        return is_one


@dataclass(frozen=True)
class _Tags:
    column: ColumnElement[Any]

    def compared(self, operator: str, value: str) -> ColumnElement[bool]:
        has_tag: ColumnElement[bool] = literal(value) == any_(self.column)
        if operator == "=":
            return has_tag
        if operator == "!=":
            return not_(has_tag)
        raise FilterError(f"tags have no order; write tags = {value} or tags in (...)")

    def is_one_of(self, values: list[str]) -> ColumnElement[bool]:
        overlaps: ColumnElement[bool] = self.column.bool_op("&&")(literal(values, ARRAY(Text)))
        return overlaps


def _field(name: str) -> _Field:
    if name.startswith("metadata.") and len(name) > len("metadata."):
        return _Metadata(name.removeprefix("metadata."), COLUMNS["metadata"])
    if name in TEXT_FIELDS:
        return _Scalar(name, COLUMNS[name])
    if name == "video_id":
        return _Number(name, COLUMNS["id"])
    if name in NUMBER_FIELDS:
        return _Number(name, COLUMNS[name])
    if name in TIME_FIELDS:
        return _Time(name, COLUMNS[name])
    if name == "tags":
        return _Tags(COLUMNS[name])
    raise FilterError(f"the filter knows no field {name!r}; there are {', '.join(FIELDS)}")


def _compare(column: ColumnElement[Any], operator: str, value: object) -> ColumnElement[bool]:
    match operator:
        case "=":
            return column == value
        case "!=":
            return column.is_distinct_from(value)
        case "<":
            return column < value
        case ">":
            return column > value
        case "<=":
            return column <= value
        case _:
            return column >= value


def _number(value: str) -> int | float | None:
    for kind in (int, float):
        try:
            number = kind(value)
        except ValueError:
            continue
        return number if abs(number) < float("inf") else None
    return None
