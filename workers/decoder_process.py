"""`python -m workers.decoder_process`: decodes files apart from the worker, one after another.

FFmpeg is a million lines of C that read what anybody may have made. Here it can crash, hang or ask
for all memory, and only this process suffers.
"""

import fcntl
import logging
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue

import cv2

from app.errors import MediaError
from app.sampling import Sampling
from workers.analysis import Decoded, Described, Progress, Sample
from workers.decoder_messages import Broken, Channel, OutOfMemory, Ready, Refused, Task
from workers.limits import limit_memory
from workers.priority import take_session_along
from workers.scenes import analyse_video
from workers.subtitles import read_subtitles
from workers.video import open_video

logger = logging.getLogger(__name__)

PROGRESS_EVERY_S = 0.5


def main() -> None:
    """Serves the worker at the other end of a socket until it hangs up.

    The arguments are the number of the socket, the number of a pipe that the worker holds open
    while it lives, and a limit on memory in MB.
    """
    socket_number, life_number, memory_mb = (int(argument) for argument in sys.argv[1:])
    # Ctrl-C is for the worker, which then stops this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_writer(life_number)
    # It has the worker's niceness, but a session of its own.
    take_session_along()
    limit_memory(memory_mb)
    channel = Channel(socket.socket(fileno=socket_number))
    logging.basicConfig(level=logging.INFO, handlers=[_LogOfWorker(channel)])
    # An end of file, or a pipe that is broken: the worker is gone or needs no decoder any more.
    with suppress(EOFError, ConnectionError):
        channel.send(Ready())
        while True:
            task = channel.receive()
            assert isinstance(task, Task)
            channel.send(_serve(task, channel))


def end_with_writer(pipe_number: int) -> None:
    """Has the kernel end this process once nobody holds the pipe open for writing any more.

    A signal whose default is to end the process works while it hangs in C code, where no thread of
    Python's would run. Elsewhere than on Linux the process ends when it next has something to say.
    """
    if sys.platform == "linux":
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(pipe_number, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(pipe_number, fcntl.F_GETFL)
        fcntl.fcntl(pipe_number, fcntl.F_SETFL, flags | os.O_ASYNC)
    # The writer may have gone before the kernel was asked to watch.
    if select.select([pipe_number], [], [], 0)[0]:
        sys.exit(1)


def _serve(task: Task, channel: Channel) -> Decoded | Described | Refused | OutOfMemory | Broken:
    """Decodes or describes a file and says how that ended."""
    try:
        if task.sampling is None:
            return _describe(task.path, channel)
        return _decode(task.path, task.sampling, channel)
    except MediaError as error:
        return Refused(error)
    except ConnectionError:
        raise
    except MemoryError:
        return OutOfMemory()
    except Exception as error:
        if isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem:
            return OutOfMemory()
        logger.exception("a bug in decoding %s", task.path)
        return Broken(f"{type(error).__name__}: {error}".splitlines()[0])


def _decode(path: Path, sampling: Sampling, channel: Channel) -> Decoded:
    pulse = _Pulse(channel)
    with open_video(
        path, key_frames_only=sampling.kind == "keyframes", on_work=pulse.beat
    ) as video:
        pulse.all_frames = video.info.frame_count
        analysis = analyse_video(video, sampling, on_sample=pulse.hand_out, on_progress=pulse.count)
        info = video.info
    subtitles = read_subtitles(path, info, pulse.beat)
    return Decoded(info, analysis, tuple(subtitles))


def _describe(path: Path, channel: Channel) -> Described:
    pulse = _Pulse(channel)
    with open_video(path, on_work=pulse.beat) as video:
        info = video.info
    return Described(info, tuple(read_subtitles(path, info, pulse.beat)))


class _Pulse:
    """Tells the worker how far a file has come, and thereby that this process is well."""

    def __init__(self, channel: Channel) -> None:
        self.all_frames: int | None = None
        self._channel = channel
        self._frames = 0
        self._sent_at = time.monotonic()

    def beat(self) -> None:
        """Something was done: say so, but not all the time."""
        if time.monotonic() - self._sent_at >= PROGRESS_EVERY_S:
            self._channel.send(Progress(self._frames, self.all_frames))
            self._sent_at = time.monotonic()

    def count(self, _t_s: float, frames: int) -> None:
        self._frames = frames

    def hand_out(self, sample: Sample) -> None:
        self._channel.send(sample)


class _LogOfWorker(QueueHandler):
    """Hands what is logged here to the worker, in whose log it belongs."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(SimpleQueue())
        self._channel = channel

    def enqueue(self, record: logging.LogRecord) -> None:
        self._channel.send(record)


if __name__ == "__main__":
    main()
