"""Runs each pipeline in a process of its own and measures it: time, processor time and memory."""

import multiprocessing
import resource
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
    """What a pipeline took: `cpu_s` and `peak_mb` are those of all its processes together."""

    seconds: float
    cpu_s: float
    peak_mb: float
    counts: Counts


Ready = Callable[[], None]
Pipeline = Callable[..., Counts]
"""Gets a function to call when it is prepared, from when on it is measured, and its arguments."""


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
    started: list[tuple[float, float]] = []

    def ready() -> None:
        started.append((time.perf_counter(), _cpu_s()))

    counts = pipeline(ready, *arguments)
    seconds_before, cpu_before_s = started[0]
    connection.send((time.perf_counter() - seconds_before, _cpu_s() - cpu_before_s, counts))


def _cpu_s() -> float:
    """Processor time of this process and of those of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


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
