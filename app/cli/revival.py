"""Keeps the embedded Postgres of `sceneql up` running."""

import time
from collections.abc import Callable

from app.embedded import EmbeddedPostgres
from app.errors import DatabaseUnavailableError

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


class Revival:
    """Starts a server whenever it is gone; where that fails, again and again, later and later.

    What keeps it from starting, such as a full disk, may pass.
    """

    def __init__(self, server: EmbeddedPostgres, report: Callable[[str], None]) -> None:
        """`report` is told that the server is gone, and once why it cannot be started."""
        self._server = server
        self._report = report
        self._reason: str | None = None
        self._pause_s = FIRST_PAUSE_S
        self._try_at = time.monotonic()

    def look(self) -> None:
        """Starts the server if it is gone, unless that has failed a moment ago."""
        if self._server.is_alive():
            self._reason = None
            self._pause_s = FIRST_PAUSE_S
            return
        if time.monotonic() < self._try_at:
            return
        if self._reason is None:
            self._report("the database is gone; starting it again")
        try:
            self._server.start()
        except DatabaseUnavailableError as error:
            if str(error) != self._reason:
                self._report(f"{error} (this is tried again until it starts)")
            self._reason = str(error)
            self._try_at = time.monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
