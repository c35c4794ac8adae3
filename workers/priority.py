"""The priority of work that nobody waits for: a machine in use stays usable."""

import logging
import os
import time
from pathlib import Path

logger = logging.getLogger(__name__)

# Somebody waits for a conversion, but the pages and the embedder come first.
MOST_NICENESS_OF_CONVERSIONS = 5

_AUTOGROUP = Path("/proc/self/autogroup")
_TRIES = 10
_TRY_AGAIN_AFTER_S = 0.2


def lower_priority(niceness: int) -> None:
    """Take this process, and all that it starts in its session, back behind others.

    Args:
        niceness: 0 to 19; the higher, the later others' work leaves a turn.
    """
    os.nice(niceness)
    take_session_along()


def take_session_along() -> None:
    """Take the session that this process leads, if it leads one, back as far as the process is.

    Where Linux groups processes by session (sched(7), "The autogroup feature"), it shares the
    processor out between sessions first, and niceness, which a process inherits, counts within one
    alone. A session that belongs to others is left to them.
    """
    niceness = os.nice(0)
    if niceness <= 0 or os.getsid(0) != os.getpid():
        return
    for _ in range(_TRIES):
        try:
            _AUTOGROUP.write_text(str(niceness), encoding="ascii")
        except BlockingIOError:
            # The kernel takes one such wish in a tenth of a second, from all processes together.
            time.sleep(_TRY_AGAIN_AFTER_S)
        except OSError as error:
            # Not every system groups by session, nor does every container let one say so.
            logger.debug("the session keeps its priority: %s", error)
            return
        else:
            return
