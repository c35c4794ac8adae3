"""Changes of the schema while people search: tried for a moment at a time, until they succeed."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from app.errors import BusyDatabaseError

# Whoever comes after a change that waits has to wait as well, so it must not wait for long.
LOCK_TIMEOUT_S = 2.0
PATIENCE_S = 120.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 8.0
LOOK_EVERY_S = 0.1

HOLDERS = text(
    "SELECT format('process %s (%s, %s for %s s)', a.pid, "
    "coalesce(nullif(a.application_name, ''), a.usename), a.state, "
    "round(extract(epoch FROM clock_timestamp() - a.xact_start))) "
    "FROM unnest(pg_blocking_pids(:pid)) AS holder (pid) "
    "JOIN pg_stat_activity a ON a.pid = holder.pid ORDER BY a.xact_start"
)

Result = TypeVar("Result")


def patiently(
    engine: Engine,
    what: str,
    change: Callable[[Connection], Result],
    *,
    on_wait: Callable[[str], None],
    lock_timeout_s: float = LOCK_TIMEOUT_S,
    patience_s: float = PATIENCE_S,
) -> Result:
    """Runs a change in a transaction of its own, again and again until it gets the locks it needs.

    Args:
        what: What is to be done, as in "cannot switch the model".
        change: What to do; it is rolled back and called again if a lock cannot be had in time.
        on_wait: Told in one line who is in the way, each time that somebody is.
        lock_timeout_s: How long each try waits, in seconds, and with it all who come after it.
        patience_s: After how many seconds to give up.

    Raises:
        BusyDatabaseError: The locks could not be had; the message says who holds them.
    """
    deadline = time.monotonic() + patience_s
    pause_s = FIRST_PAUSE_S
    while True:
        holders: list[str] = []
        try:
            with engine.begin() as connection:
                set_lock_timeout(connection, lock_timeout_s)
                with watched(engine, connection, LOOK_EVERY_S, partial(_keep_holders, holders)):
                    return change(connection)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable | DeadlockDetected):
                raise
            who = ", ".join(holders) or "another process"
            if time.monotonic() + pause_s > deadline:
                raise BusyDatabaseError(
                    f"cannot {what} while {who} keeps what it read open; try again when it is "
                    "done, or end it: SELECT pg_terminate_backend(PROCESS)"
                ) from error
            on_wait(f"waiting for {who}")
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def set_lock_timeout(connection: Connection, seconds: float) -> None:
    """Limits how long the rest of the transaction waits for any one lock."""
    connection.execute(
        text("SELECT set_config('lock_timeout', :ms, true)"), {"ms": f"{round(1000 * seconds)}ms"}
    )


def _keep_holders(holders: list[str], watcher: Connection, pid: int) -> None:
    """Keeps for whom a process waits, which nobody can tell afterwards."""
    if found := watcher.execute(HOLDERS, {"pid": pid}).scalars().all():
        holders[:] = found


@contextmanager
def watched(
    engine: Engine,
    connection: Connection,
    every_s: float,
    look: Callable[[Connection, int], None],
) -> Iterator[None]:
    """Looks again and again at what a connection does, which is busy with a statement meanwhile.

    `look` gets another connection, in autocommit, and the process id of the one that is watched.
    """
    pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    done = threading.Event()

    def watch() -> None:
        with engine.connect() as watcher:
            watcher = watcher.execution_options(isolation_level="AUTOCOMMIT")
            while not done.wait(every_s):
                look(watcher, pid)

    thread = threading.Thread(target=watch, name="watcher", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
