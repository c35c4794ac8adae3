"""Runs each pipeline in a process of its own and measures it: time, processor time and memory."""

import multiprocessing
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import psutil

_SAMPLE_EVERY_S = 0.5


@dataclass(frozen=True)
class Counts:
    """What a pipeline did; `first_s` is when its first video was done, from the start."""

    frames: int = 0
    images: int = 0
    first_s: float | None = None
    detection_cpu_s: float = 0.0


@dataclass(frozen=True)
class Run:
    """What a pipeline took: `cpu_s` and `peak_mb` are those of all its processes together.

    The embedded Postgres is none of them, since it is no child of the process that starts it.
    Seconds are those of the work alone, the peak is that of the whole life of the processes.
    """

    seconds: float
    cpu_s: float
    peak_mb: float
    counts: Counts


class Clock:
    """Measures a block, in which a pipeline does its work and neither prepares nor tidies up."""

    seconds: float
    cpu_s: float

    def __enter__(self) -> None:
        self._cpu_before_s = _cpu_s()
        self._began_s = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds = self.so_far_s()
        self.cpu_s = _cpu_s() - self._cpu_before_s

    def so_far_s(self) -> float:
        """The time since the block began."""
        return time.perf_counter() - self._began_s


Pipeline = Callable[..., Counts]
"""Gets a clock, which it starts once, and its arguments."""


def run(pipeline: Pipeline, *arguments: Any) -> Run:
    """Run a pipeline in a new process; raises RuntimeError if it fails, its reason stands above."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, pipeline, arguments))
    process.start()
    theirs.close()
    assert process.pid is not None
    watched, peak_mb = psutil.Process(process.pid), 0.0
    with suppress(EOFError):
        while not ours.poll(_SAMPLE_EVERY_S):
            peak_mb = max(peak_mb, _memory_mb(watched))
        seconds, cpu_s, counts = ours.recv()
        process.join()
        return Run(seconds, cpu_s, peak_mb, counts)
    process.join()
    raise RuntimeError(f"{pipeline.__name__} failed")


def _serve(connection: Connection, pipeline: Pipeline, arguments: tuple[Any, ...]) -> None:
    clock = Clock()
    counts = pipeline(clock, *arguments)
    connection.send((clock.seconds, clock.cpu_s, counts))


def _cpu_s() -> float:
    """Processor time of this process and of all below it, those that have ended among them."""
    own, taken_s = psutil.Process(), 0.0
    for one in [own, *own.children(recursive=True)]:
        with suppress(psutil.Error):
            times = one.cpu_times()
            taken_s += times.user + times.system + times.children_user + times.children_system
    return taken_s


def _memory_mb(process: psutil.Process) -> float:
    """The memory of a process and of all below it; what they share counts once, in the largest.

    To count shared pages one by one takes the kernel a twentieth of a second for a large process,
    in which that cannot map memory: it made an ingest slower by a twentieth.
    """
    own, shared = 0, [0]
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.Error):
            memory = one.memory_info()
            own += memory.rss - memory.shared
            shared.append(memory.shared)
    return (own + max(shared)) / 2**20
