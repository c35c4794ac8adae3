"""How often somebody did something within the last while."""

import time
from collections import defaultdict, deque
from threading import Lock

WINDOW_S = 60.0


class MovingWindow:
    """Lets each client do something a number of times within any `WINDOW_S`.

    Counted in memory and forgotten when it no longer matters. The limits library does the same, but
    starts a thread for each count, for which a question waits 4 ms where the processor is busy.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)
        self._swept_at = time.monotonic()
        self._lock = Lock()

    def wait_s(self, client: str, *, count: bool) -> float:
        """Seconds until the client may do it again; 0: now, which is then counted if told so."""
        with self._lock:
            now = time.monotonic()
            if now - self._swept_at >= WINDOW_S:
                self._sweep(now)
            times = self._times[client]
            while times and times[0] <= now - WINDOW_S:
                times.popleft()
            if len(times) >= self.most:
                return times[0] + WINDOW_S - now
            if count:
                times.append(now)
            return 0.0

    def _sweep(self, now: float) -> None:
        """Forgets who has not been here for a whole window: addresses there are without end."""
        gone = [
            client
            for client, times in self._times.items()
            if not times or times[-1] <= now - WINDOW_S
        ]
        for client in gone:
            del self._times[client]
        self._swept_at = now
