"""Keeps a few processes running together: restarted when they die, stopped with their starter."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

# A process that ends with this status has said what a person has to mend; starting it again would
# only say it again.
NEEDS_A_PERSON = 2

LOOK_EVERY_S = 0.5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
# A process that ran this long was well: its next pause is short again.
WELL_AFTER_S = 60.0
STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Service:
    """A process that should always run."""

    name: str
    command: Sequence[str]


def worker_command(*arguments: str) -> list[str]:
    """The command line of a worker process."""
    return python_module("workers", *arguments)


def python_module(name: str, *arguments: str) -> list[str]:
    """The command line of a module of ours, never of one with its name in the current folder."""
    return [sys.executable, "-P", "-m", name, *arguments]


class _Process:
    def __init__(self, service: Service, report: Callable[[str], None]) -> None:
        self.service = service
        self.report = report
        self.pause_s = FIRST_PAUSE_S
        self.restart_at: float | None = None
        self.start()

    def start(self) -> None:
        # A session of its own: Ctrl-C reaches the supervisor alone, which then stops all in order.
        self.process = subprocess.Popen(
            self.service.command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"SCENEQL_SUPERVISED": "1"},
        )
        self.started_at = time.monotonic()
        self.restart_at = None

    def look(self) -> int | None:
        """Restarts the process after its pause; returns its status if it gave up for good."""
        if self.restart_at is not None:
            if time.monotonic() >= self.restart_at:
                self.start()
            return None
        status = self.process.poll()
        if status is None or status == NEEDS_A_PERSON:
            return status
        if time.monotonic() - self.started_at > WELL_AFTER_S:
            self.pause_s = FIRST_PAUSE_S
        self.report(f"{self.service.name} ended ({_ending(status)}); starting it again")
        self.restart_at = time.monotonic() + self.pause_s
        self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)
        return None


def end_with_parent() -> None:
    """Has this process stop itself when the one that started it is gone, however that ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def supervise(
    services: Sequence[Service],
    report: Callable[[str], None],
    each_round: Callable[[], None] = lambda: None,
) -> int:
    """Runs the services until Ctrl-C or SIGTERM, or until one of them needs a person.

    `each_round` is called about twice a second. Returns the exit status: 0 after a signal.
    """
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    processes = [_Process(service, report) for service in services]
    try:
        while not stopping.wait(LOOK_EVERY_S):
            each_round()
            for process in processes:
                if (status := process.look()) is not None:
                    report(f"{process.service.name} cannot run; its reason stands above")
                    return status
        return 0
    finally:
        _stop_all([process.process for process in processes])
        for number, handler in former.items():
            signal.signal(number, handler)


def _stop_all(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ending(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
