"""What a failure means to a person, in one line."""

import psycopg
from psycopg.errors import InsufficientPrivilege
from sqlalchemy.exc import DBAPIError

from app.errors import SceneqlError


def in_one_line(error: BaseException) -> str | None:
    """The line to show for an error that a person can do something about, else None.

    Knows this program's own errors, a database that does not answer or refuses, and what the
    operating system says; it looks for them among the causes, too, because libraries wrap them.
    """
    if isinstance(error, SceneqlError):
        return str(error)
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, InsufficientPrivilege):
        return (
            f"the database refuses: {original.diag.message_primary}; connect as the owner of the "
            "database, with CREATEROLE, or have a superuser run: sceneql db upgrade"
        )
    if isinstance(original, psycopg.OperationalError):
        return f"the database does not answer: {_first_line(original)}"
    if isinstance(error, OSError):
        return str(error)
    return in_one_line(error.__cause__) if error.__cause__ else None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
