"""Who may wait for the embedder: all for a while, and a few while it is silent.

Each who waits takes one of the page's threads. An embedder that answers takes all who wait at once,
so there need be no limit. One that hangs would in the end keep every thread waiting, and with them
the pages that need no embedder.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from app.errors import EmbedderTimeoutError

AT_MOST = 4
"""Half of the page's threads."""
SILENT_AFTER_S = 30.0
"""By then an embedder that has just been started has loaded its model."""


class Patience:
    """Those who wait for the embedder in this process, and whether it was heard of late.

    `at_most` may wait as long as they want, the others for `silent_after_s` seconds, and not at all
    once that has shown the embedder to be silent. Its next answer makes it be waited for as before.
    """

    def __init__(self, at_most: int = AT_MOST, silent_after_s: float = SILENT_AFTER_S) -> None:
        self.at_most = at_most
        self.silent_after_s = silent_after_s
        self._waiting = 0
        self._is_silent = False
        self._lock = Lock()

    @contextmanager
    def waiting(self, wanted_s: float) -> Iterator[float]:
        """Gives how long the block may wait, of the seconds that are wanted.

        The block raises EmbedderTimeoutError if no answer came. The same is raised at once where
        enough others wait for a silent embedder.
        """
        with self._lock:
            is_one_of_few = self._waiting < self.at_most
            if self._is_silent and not is_one_of_few:
                raise EmbedderTimeoutError(
                    "the embedder does not answer, and others wait for it already; it may be "
                    "loading its model: ask again in a while, or look at its log"
                )
            self._waiting += 1
        wait_s = wanted_s if is_one_of_few else min(wanted_s, self.silent_after_s)
        try:
            yield wait_s
        except EmbedderTimeoutError:
            # Who wanted to wait for a moment only has learned nothing.
            self._is_silent |= wait_s >= self.silent_after_s
            raise
        else:
            self._is_silent = False
        finally:
            with self._lock:
                self._waiting -= 1
