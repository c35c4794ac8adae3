"""Has files decoded in a process of its own, which bad ones may crash, hang or fill."""

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from app.config import Settings
from app.errors import DecoderUnavailableError, MediaError, UnreadableError
from app.sampling import Sampling
from workers.analysis import Decoded, Described, Progress, Sample
from workers.decoder_messages import Broken, Channel, OutOfMemory, Ready, Refused, Task

START_TIMEOUT_S = 60.0
EXIT_TIMEOUT_S = 10.0

FILES_PER_PROCESS = 500
"""What leaks in a library ends with its process, whose start costs as much as many small files."""

_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20),
    "MALLOC_TOP_PAD_": str(16 * 2**20),
}
"""Has glibc keep the memory of one picture for the next, see mallopt(3).

By itself it gives that back to the system each time, and four of five page faults came of it.
"""


class DecoderLostError(MediaError):
    """The process that decoded a file was lost over it.

    `used` tells that the process had decoded other files before. One of those may have done the
    harm, so this one deserves another try, in a new process.
    """

    def __init__(self, reason: str, *, used: bool) -> None:
        super().__init__(reason)
        self.used = used


class DecoderBugError(MediaError):
    """The decoder is at fault, not the file; the log has a traceback."""


class Decoder:
    """Decodes files in a child process, which starts with the first of them and serves many.

    It is for one thread at a time. The child ends when this is closed, and with this process,
    however that ends.
    """

    def __init__(self, memory_mb: int, frame_timeout_s: float) -> None:
        """Set the limits.

        Args:
            memory_mb: How much memory the child may take.
            frame_timeout_s: How long the child may go without a new frame or another part of the
                file, while it is waited for.
        """
        self.memory_mb = memory_mb
        self.frame_timeout_s = frame_timeout_s
        self._process: _Process | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.decode_memory_mb, settings.frame_timeout_s)

    @property
    def pid(self) -> int | None:
        """The process id of the child, if there is one."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Has the child start already, without waiting until it has."""
        if self._process is not None and self._process.is_spent:
            self.close()
        if self._process is None:
            self._process = _Process(self.memory_mb)

    def close(self) -> None:
        """Ends the child; a new one would start with the next file."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def decode(
        self,
        path: Path,
        sampling: Sampling,
        on_sample: Callable[[Sample], None],
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> Decoded:
        """Decode a file once.

        Args:
            path: The file.
            sampling: Which frames to hand out; every scene has at least one.
            on_sample: Called with each of them in their order, while the decoding goes on; the
                child waits where this takes longer.
            on_progress: Called about twice a second while frames are decoded.

        Raises:
            MediaError: The file cannot be indexed; the message is the reason.
            UnreadableError: It cannot be read now.
            DecoderLostError: The same, and the child is lost. Samples that were handed out may
                come from a process that was no longer sound.
            DecoderUnavailableError: The child cannot start.
        """
        decoded = self._ask(Task(path, sampling), on_sample, on_progress)
        assert isinstance(decoded, Decoded)
        return decoded

    def describe(self, path: Path) -> Described:
        """Read what a file and its subtitles say, without its pictures.

        Raises:
            MediaError: The file cannot be read; the message is the reason.
            DecoderLostError: The same, and the child is lost.
            DecoderUnavailableError: The child cannot start.
        """
        described = self._ask(Task(path, None), lambda _: None, lambda _: None)
        assert isinstance(described, Described)
        return described

    def _ask(
        self,
        task: Task,
        on_sample: Callable[[Sample], None],
        on_progress: Callable[[Progress], None],
    ) -> Decoded | Described:
        self.start()
        process = self._process
        assert process is not None
        is_well = False
        try:
            process.wait_until_ready()
            used = process.files > 0
            process.files += 1
            last = self._follow(process, task, used, on_sample, on_progress)
            is_well = isinstance(last, Decoded | Described | Refused)
        finally:
            # One that stopped in the middle of a file, for whatever reason, is of no more use.
            if not is_well:
                self.close()
        match last:
            case Decoded() | Described():
                return last
            case Refused():
                raise last.error
            case OutOfMemory():
                reason = (
                    f"needs more than {self.memory_mb} MB to decode, or claims to; "
                    "raise SCENEQL_DECODE_MEMORY_MB"
                )
                raise DecoderLostError(reason, used=used)
            case Broken():
                raise DecoderBugError(
                    f"met an internal error of the decoder (the log has more): {last.error}"
                )

    def _follow(
        self,
        process: "_Process",
        task: Task,
        used: bool,
        on_sample: Callable[[Sample], None],
        on_progress: Callable[[Progress], None],
    ) -> Decoded | Described | Refused | OutOfMemory | Broken:
        """Passes on what comes of a file, until the word that ends it."""
        process.send(task)
        while True:
            try:
                message = process.channel.receive(self.frame_timeout_s)
            except EOFError as error:
                raise DecoderLostError(_why_lost(process.status_at_end()), used=used) from error
            except TimeoutError as error:
                if process.waits_for_disk:
                    raise UnreadableError(
                        f"cannot be read: its disk did not answer for {self.frame_timeout_s:g} s"
                    ) from error
                reason = (
                    f"gave no frame for {self.frame_timeout_s:g} s: the decoder hangs in it; if it "
                    "is only slow, set SCENEQL_FRAME_TIMEOUT_S higher and run: sceneql ingest FILE"
                )
                raise MediaError(reason) from error
            match message:
                case Sample():
                    on_sample(message)
                case Progress():
                    on_progress(message)
                case logging.LogRecord():
                    logging.getLogger(message.name).handle(message)
                case Decoded() | Described() | Refused() | OutOfMemory() | Broken():
                    return message
                case _:
                    raise AssertionError(message)


class _Process:
    """A child that decodes files, and how many were sent to it."""

    def __init__(self, memory_mb: int) -> None:
        self.files = 0
        self._is_ready = False
        ours, theirs = socket.socketpair()
        # The child ends when nobody holds the other end of this pipe any more. It is in a session
        # of its own, so Ctrl-C reaches this process alone.
        watched, self._held = os.pipe()
        command = [sys.executable, "-P", "-m", "workers.decoder_process"]
        try:
            self._popen = subprocess.Popen(
                [*command, str(theirs.fileno()), str(watched), str(memory_mb)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), watched),
                start_new_session=True,
                env=_MALLOC | os.environ,
            )
        except BaseException:
            ours.close()
            os.close(self._held)
            raise
        finally:
            theirs.close()
            os.close(watched)
        self.channel = Channel(ours)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def waits_for_disk(self) -> bool:
        """Whether the system keeps it waiting, as where a network disk is away."""
        return psutil.Process(self.pid).status() == psutil.STATUS_DISK_SLEEP

    @property
    def is_spent(self) -> bool:
        """Whether it has ended, or served for long enough."""
        return self.files >= FILES_PER_PROCESS or self._popen.poll() is not None

    def wait_until_ready(self) -> None:
        """Returns when it has started; raises DecoderUnavailableError if it cannot."""
        if self._is_ready:
            return
        try:
            message = self.channel.receive(START_TIMEOUT_S)
        except EOFError as error:
            raise DecoderUnavailableError(
                "the decoder cannot start; its reason stands above"
            ) from error
        except TimeoutError as error:
            raise DecoderUnavailableError(
                f"the decoder did not start in {START_TIMEOUT_S:.0f} s: the machine is too busy; "
                "start again when it rests, or with SCENEQL_JOBS=1"
            ) from error
        assert isinstance(message, Ready)
        self._is_ready = True

    def send(self, task: Task) -> None:
        """Sends it a file; that it has ended meanwhile shows where its answer is read."""
        with suppress(ConnectionError):
            self.channel.send(task)

    def status_at_end(self) -> int:
        """The exit status of one that has hung up; negative for a signal."""
        try:
            return self._popen.wait(EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()

    def end(self) -> None:
        """Ends it; there is nothing in it that has to be tidied up."""
        self._popen.kill()
        self._popen.wait()
        self.channel.close()
        os.close(self._held)


def _why_lost(status: int) -> str:
    if status == -signal.SIGKILL:
        return "had its decoder killed (SIGKILL), perhaps because the machine ran out of memory"
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    return f"crashed the decoder ({how})"
