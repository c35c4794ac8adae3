"""The SQL that answers a question, as text that a person can paste into psql."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect

from app.asking import Question
from app.ranking import statement_of

WIDTH = 96
INDENT = "    "

_QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")""")
# Where a line begins; what is joined or nested is set in.
_BREAKS = re.compile(
    r"""\s*\b(?P<clause>SELECT|FROM|WHERE|ORDER[ ]BY|JOIN)\b | \s+(?P<and>AND)\b
      | (?P<open>\() | (?P<close>\)) | (?P<comma>,)\s*""",
    re.VERBOSE,
)


def sql_of(question: Question) -> str:
    """What psql is to run: first what makes the vectors, then the very statement of the search.

    The picture of the question must be a key. Raises BadRequestError for a broken filter.
    """
    parts = [f"CALL embed_terms({quoted(words)});" for words in _words(question)]
    if question.image:
        parts.append(
            "-- The picture is known by its key for a month after it was last asked with.\n"
            "-- Another one: CALL embed_image(pg_read_binary_file('/picture.jpg'), NULL);"
        )
    return "\n\n".join([*parts, f"{as_text(statement_of(question))};"])


def as_text(statement: Select[Any]) -> str:
    """A statement with all its values in place, one clause a line."""
    # Named, or every % would be doubled for the driver.
    dialect = _Dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return _laid_out(
        str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    )


class _WithValues(PGCompiler):
    """Writes values as psql reads them: SQLAlchemy knows no JSON, and doubles backslashes."""

    def render_literal_value(self, value: Any, type_: Any) -> str:
        match value:
            case None:
                return "NULL"
            case bool():
                return str(value).lower()
            case int() | float() | Decimal():
                return str(value)
            case datetime():
                return quoted(value.isoformat(sep=" "))
            case dict():
                return quoted(json.dumps(value, ensure_ascii=False))
            case list() | tuple():
                values = (self.render_literal_value(one, type_) for one in value)
                return f"ARRAY[{', '.join(values)}]" if value else "'{}'"
        return quoted(str(value))


class _Dialect(PGDialect):
    statement_compiler = _WithValues
    supports_statement_cache = False


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _words(question: Question) -> Iterator[str]:
    if question.text.strip() and question.like is None:
        yield question.text.strip()
    if question.then.strip():
        yield question.then.strip()


def _laid_out(sql: str) -> str:
    lines = [""]
    depth = 0

    def begin(level: int) -> None:
        lines[-1] = lines[-1].rstrip()
        if lines[-1]:
            lines.append(INDENT * level)

    def add(text: str) -> None:
        lines[-1] += text

    for place, part in enumerate(_QUOTED.split(sql)):
        if place % 2:
            add(part)
            continue
        end = 0
        for found in _BREAKS.finditer(part):
            add(re.sub(r"\s+", " ", part[end : found.start()]))
            end = found.end()
            if found["clause"]:
                begin(depth)
                add(found["clause"])
            elif found["and"]:
                begin(depth + 1)
                add("AND")
            elif found["open"]:
                depth += 1
                add("(")
            elif found["close"]:
                depth -= 1
                add(")")
            elif len(lines[-1]) > WIDTH - 24:
                add(",")
                begin(depth + 1)
            else:
                add(", ")
        add(re.sub(r"\s+", " ", part[end:]))
    return "\n".join(line.rstrip() for line in lines)
