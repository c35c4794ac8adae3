"""Children of the page that convert and cut videos: a few at a time, and none outlives its viewer.

A conversion takes one of the server's threads for as long as its viewer takes it in, so there are
fewer of them than threads: the pages stay alive whatever viewers do.
"""

import io
import os
import select
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from flask import current_app, request

from app.errors import MediaError, SceneqlError
from app.supervisor import worker_command

EXTENSION = "sceneql conversions"

CHUNK_BYTES = 64 * 1024
WAIT_FOR_ROOM_S = 2.0
"""A viewer who seeks begins a conversion before the server knows that the former one is over."""
MAY_WAIT = 1
"""How many requests may wait for room, since each of them takes a thread meanwhile."""
LOOK_EVERY_S = 0.5
SILENT_S = 60.0
"""A child that produces nothing for so long is given up."""
STALLED_S = 120.0
"""A viewer who takes nothing for so long, as one who has paused, is hung up on."""
CUT_S = 600.0
"""How long cutting a clip may take."""


class NoRoomError(SceneqlError):
    """As many conversions run as may; another has to wait."""


class Viewer:
    """Who waits at the other end of a request."""

    def __init__(self, environ: dict[str, Any]) -> None:
        # Waitress alone tells of this, and of no other server is anything known.
        self._is_gone: Callable[[], bool] | None = environ.get("waitress.client_disconnected")

    @property
    def is_gone(self) -> bool:
        return self._is_gone is not None and self._is_gone()

    def hang_up(self) -> None:
        """Ends the connection, and thereby the wait of the thread that writes to it.

        Waitress has no way to do so while the other side neither reads nor leaves: it looks after
        a connection only when something can be written to it.
        """
        channel: Any = getattr(self._is_gone, "__self__", None)
        with suppress(OSError, AttributeError):
            channel.socket.shutdown(socket.SHUT_RDWR)


class Conversions:
    """The children of one application, and how many more it may have."""

    def __init__(self, at_most: int, stalled_s: float = STALLED_S) -> None:
        self.at_most = at_most
        self.stalled_s = stalled_s
        self._room = threading.BoundedSemaphore(at_most)
        self._waiting_room = threading.BoundedSemaphore(MAY_WAIT)

    def stream(self, viewer: Viewer, *arguments: str) -> "Stream":
        """What a worker command writes; raises NoRoomError, and MediaError if that is nothing."""
        child = self._start(arguments, subprocess.PIPE)
        try:
            return Stream(child, viewer, self.stalled_s)
        except BaseException:
            child.end()
            raise

    def file(self, viewer: Viewer, output: Path, *arguments: str) -> "File":
        """What a worker command writes to a path; raises NoRoomError, and MediaError if it fails.

        The place is free again when the file is closed: until then it may take up the disk.
        """
        child = self._start(arguments, subprocess.DEVNULL)
        try:
            child.finish(viewer)
            return File(output, child, viewer, self.stalled_s)
        except BaseException:
            child.end()
            raise

    def _start(self, arguments: tuple[str, ...], output: int) -> "_Child":
        if not self._has_room():
            many = "1 video is" if self.at_most == 1 else f"{self.at_most} videos are"
            raise NoRoomError(
                f"{many} being converted already, and more would slow down the search: try again "
                "in a minute, or raise SCENEQL_CONVERSIONS"
            )
        try:
            return _Child(arguments, output, self._room.release)
        except BaseException:
            self._room.release()
            raise

    def _has_room(self) -> bool:
        """Takes a place if there is one, or soon will be."""
        if self._room.acquire(blocking=False):
            return True
        if not self._waiting_room.acquire(blocking=False):
            return False
        try:
            return self._room.acquire(timeout=WAIT_FOR_ROOM_S)
        finally:
            self._waiting_room.release()


class Stream:
    """What a child writes, for as long as somebody takes it in; the body of a response."""

    def __init__(self, child: "_Child", viewer: Viewer, stalled_s: float) -> None:
        self._child = child
        self._viewer = viewer
        self._handed_over_at: float | None = None
        self._first: bytes | None = self._read()
        if not self._first:
            raise MediaError("nobody waits for it any more" if viewer.is_gone else child.reason())
        self._handed_over_at = time.monotonic()
        child.watch(viewer, stalled_s, lambda: self._handed_over_at)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._handed_over_at = None
        chunk, self._first = self._first or self._read(), None
        if not chunk:
            raise StopIteration
        self._handed_over_at = time.monotonic()
        return chunk

    def close(self) -> None:
        """Ends the child; may be called more than once."""
        self._child.end()

    def _read(self) -> bytes:
        """What comes next; nothing at the end, when the viewer is gone and when the child hangs."""
        pipe = self._child.process.stdout
        assert pipe is not None
        began = time.monotonic()
        while not self._viewer.is_gone and time.monotonic() - began < SILENT_S:
            if select.select([pipe], [], [], LOOK_EVERY_S)[0]:
                return os.read(pipe.fileno(), CHUNK_BYTES)
        self._child.give_up(f"nothing came of it for {SILENT_S:.0f} s")
        return b""


class File(io.FileIO):
    """A file that a child has made, for as long as somebody takes it in."""

    def __init__(self, path: Path, child: "_Child", viewer: Viewer, stalled_s: float) -> None:
        self._child = child
        self._read_at = time.monotonic()
        super().__init__(path)
        child.watch(viewer, stalled_s, lambda: self._read_at)

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads on; a server does so whenever its viewer has taken what was read before."""
        self._read_at = time.monotonic()
        return super().read(size)

    def close(self) -> None:
        """Closes the file and gives its place back; may be called more than once."""
        super().close()
        self._child.end()


class _Child:
    """A worker process that ends with this one, and gives its place back when it has ended."""

    def __init__(self, arguments: tuple[str, ...], output: int, on_end: Callable[[], None]) -> None:
        self.ended = threading.Event()
        self._on_end = on_end
        self._given_up = ""
        self._lock = threading.Lock()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`.
        try:
            self.process = subprocess.Popen(
                worker_command("--quiet", *arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=self._complaints,
                start_new_session=True,
                env=os.environ | {"SCENEQL_SUPERVISED": "1", "SCENEQL_LOG": "text"},
            )
        except BaseException:
            self._complaints.close()
            raise

    def finish(self, viewer: Viewer) -> None:
        """Waits until its work is done; raises MediaError if it fails or nobody waits for it."""
        deadline = time.monotonic() + CUT_S
        while self.process.poll() is None:
            if viewer.is_gone:
                raise MediaError("nobody waits for it any more")
            if time.monotonic() > deadline:
                raise MediaError(f"took longer than {CUT_S:.0f} s; cut a shorter part")
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(LOOK_EVERY_S)
        if self.process.returncode != 0:
            raise MediaError(self.reason())

    def watch(
        self, viewer: Viewer, stalled_s: float, idle_since: Callable[[], float | None]
    ) -> None:
        """Hangs up on a viewer who neither reads nor leaves, for as long as the place is taken."""

        def look() -> None:
            while not self.ended.wait(LOOK_EVERY_S):
                since = idle_since()
                if since is not None and time.monotonic() - since > stalled_s:
                    self.process.kill()
                    viewer.hang_up()
                    return

        threading.Thread(target=look, name="conversion watch", daemon=True).start()

    def give_up(self, reason: str) -> None:
        """Ends its work; the reason is what is told of it."""
        self._given_up = reason
        self.process.kill()

    def reason(self) -> str:
        """Why nothing came of it: the last line that it complained with before its end."""
        self.process.kill()
        self.process.wait()
        if self._given_up:
            return self._given_up
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").splitlines()
        line = next((line for line in reversed(lines) if line.strip()), "could not be converted")
        return line.removeprefix("sceneql: ")

    def end(self) -> None:
        """Ends it; there is nothing in it that has to be tidied up."""
        with self._lock:
            if self.ended.is_set():
                return
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self._complaints.close()
            self.ended.set()
            self._on_end()


def conversions() -> Conversions:
    """Those of the application that answers now."""
    return cast(Conversions, current_app.extensions[EXTENSION])


def viewer() -> Viewer:
    """Who waits for the answer to the request."""
    return Viewer(request.environ)
