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
# The embedded one is started by any command that needs it.
NO_ANSWER_CURE = "start it (sceneql status starts the embedded one), or correct DATABASE_URL"
# The SQLSTATEs, by how they begin, of connections that break and of servers that start or stop.
NO_ANSWER = ("08", "57P")


def in_one_line(error: BaseException) -> str | None:
    """The line to show for an error that a person can do something about, else None.

    Knows this program's own errors, a database that does not answer or refuses, and what the
    operating system says; it looks for them among the causes, too, because libraries wrap them.
    """
    if isinstance(error, SceneqlError):
        return str(error)
    original = _of_driver(error)
    if line := refusal(original):
        return line
    if isinstance(original, psycopg.OperationalError):
        return f"the database does not answer: {_first_line(original)}; {NO_ANSWER_CURE}"
    if isinstance(error, OSError):
        return str(error)
    return in_one_line(error.__cause__) if error.__cause__ else None


def for_strangers(error: BaseException) -> str:
    """The same for whoever asks the page, of an error of this program's or of the database's.

    The driver's own words name the server's address, which is not for them.
    """
    if isinstance(error, SceneqlError):
        return str(error)
    original = _of_driver(error)
    if line := refusal(original):
        return line
    if isinstance(original, psycopg.OperationalError):
        return f"the database does not answer: {NO_ANSWER_CURE}"
    return "the database cannot be used; the log of the page says why"


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


def _of_driver(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
