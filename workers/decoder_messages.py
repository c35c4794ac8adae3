"""What the worker and its decoder say to each other, as pickles on a socket.

The worker sends a `Task`. The decoder answers with samples, progress and records for the log as
they come, and last with one of `Decoded`, `Described`, `Refused`, `OutOfMemory` or `Broken`.
"""

import logging
import pickle
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.errors import MediaError
from app.sampling import Sampling
from workers.analysis import Decoded, Described, Progress, Sample


@dataclass(frozen=True)
class Task:
    """A file to decode, or only to describe if no sampling says which frames are wanted."""

    path: Path
    sampling: Sampling | None


@dataclass(frozen=True)
class Ready:
    """The decoder has started."""


@dataclass(frozen=True)
class Refused:
    """The file cannot be indexed, or not read now; the error says why."""

    error: MediaError


@dataclass(frozen=True)
class OutOfMemory:
    """The file, or what was left of those before it, needs more memory than is allowed."""


@dataclass(frozen=True)
class Broken:
    """The decoder itself has a bug; the log tells where."""

    error: str


Message = (
    Task
    | Ready
    | Sample
    | Progress
    | Decoded
    | Described
    | Refused
    | OutOfMemory
    | Broken
    | logging.LogRecord
)


class Channel:
    """One end of a socket, for messages in both directions."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._incoming = end.makefile("rb")
        self._outgoing = end.makefile("wb")

    def send(self, message: Message) -> None:
        """Writes a message; waits while the other side has not read those before."""
        pickle.dump(message, self._outgoing, protocol=pickle.HIGHEST_PROTOCOL)
        self._outgoing.flush()

    def receive(self, timeout_s: float | None = None) -> Message:
        """Reads the next message.

        Raises TimeoutError if nothing at all came for so many seconds, after which the channel is
        of no more use, and EOFError if the other side is gone.
        """
        self._end.settimeout(timeout_s)
        try:
            message: Message = pickle.load(self._incoming)
        except (pickle.UnpicklingError, ConnectionError) as error:
            raise EOFError from error
        finally:
            self._end.settimeout(None)
        return message

    def close(self) -> None:
        # What could not be sent is of no interest to anybody any more.
        with suppress(OSError):
            self._outgoing.close()
        self._incoming.close()
        self._end.close()
