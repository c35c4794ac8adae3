"""What a failure means to a person, in one line."""

import psycopg
from psycopg.errors import DiskFull, InsufficientPrivilege, LockNotAvailable
from sqlalchemy.exc import DBAPIError

from app.errors import SceneqlError

# For what Postgres has no hint for, or one that helps nobody here.
CURES: dict[type[psycopg.Error], str] = {
    DiskFull: "free some room on its disk",
    InsufficientPrivilege: "connect as the owner of the database, with CREATEROLE, or have a "
    "superuser run: sceneql db upgrade",
    LockNotAvailable: "try again when others are done",
}
# The SQLSTATEs, by how they begin, of connections that break and of servers that start or stop.
NO_ANSWER = ("08", "57P")


def in_one_line(error: BaseException) -> str | None:
    """The line to show for an error that a person can do something about, else None.

    Knows this program's own errors, a database that does not answer or refuses, and what the
    operating system says; it looks for them among the causes, too, because libraries wrap them.
    """
    if isinstance(error, SceneqlError):
        return str(error)
    original = error.orig if isinstance(error, DBAPIError) else error
    if line := refusal(original):
        return line
    if isinstance(original, psycopg.OperationalError):
        return f"the database does not answer: {_first_line(original)}"
    if isinstance(error, OSError):
        return str(error)
    return in_one_line(error.__cause__) if error.__cause__ else None


def refusal(error: BaseException | None) -> str | None:
    """What a database that answers says to a statement it cannot run, with the cure, else None.

    Postgres names a full disk and a lost connection alike an operational error.
    """
    if not isinstance(error, (InsufficientPrivilege, psycopg.OperationalError)):
        return None
    if error.sqlstate is None or error.sqlstate.startswith(NO_ANSWER):
        return None
    what = error.diag.message_primary or _first_line(error)
    cure = next((CURES[kind] for kind in CURES if isinstance(error, kind)), error.diag.message_hint)
    return f"the database refuses: {what}; {cure}" if cure else f"the database refuses: {what}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
