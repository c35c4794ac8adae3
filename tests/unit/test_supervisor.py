"""The supervisor: what dies is started again, what needs a person is not, all stop together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from app.supervisor import NEEDS_A_PERSON, Service, supervise

PROGRAM = """
import sys
from pathlib import Path
from app.supervisor import Service, supervise
services = [Service(name, [sys.executable, "-c", code]) for name, code in {services!r}.items()]
sys.exit(supervise(services, lambda line: print(line, flush=True)))
"""
# Notes each start, then runs on.
STEADY = "import time; open({file!r}, 'a').write('started\\n'); time.sleep(600)"


def start(services: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(services=services)], stdout=subprocess.PIPE, text=True
    )


def wait_for_starts(file: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while not file.exists() or len(file.read_text().splitlines()) < count:
        assert time.monotonic() < deadline, f"{file.name} was not started {count} times"
        time.sleep(0.05)


def children(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def test_a_process_that_is_killed_is_started_again(tmp_path: Path) -> None:
    starts = tmp_path / "steady"
    process = start({"steady": STEADY.format(file=str(starts))})
    wait_for_starts(starts, 1)

    children(process)[0].send_signal(signal.SIGKILL)

    wait_for_starts(starts, 2)
    process.terminate()
    assert process.wait(60) == 0


def test_a_signal_stops_all_processes(tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    process = start({file.name: STEADY.format(file=str(file)) for file in files})
    for file in files:
        wait_for_starts(file, 1)
    started = children(process)

    os.kill(process.pid, signal.SIGINT)

    assert process.wait(60) == 0
    assert not [child for child in started if child.is_running()]


def test_a_process_that_needs_a_person_ends_all(tmp_path: Path) -> None:
    starts = tmp_path / "steady"
    services = {
        "steady": STEADY.format(file=str(starts)),
        "broken": f"import time; time.sleep(1); raise SystemExit({NEEDS_A_PERSON})",
    }

    process = start(services)

    assert process.wait(60) == NEEDS_A_PERSON
    assert process.stdout is not None
    assert "broken cannot run" in process.stdout.read()


def test_each_round_is_called_while_services_run() -> None:
    rounds: list[float] = []

    def end_after_two() -> None:
        rounds.append(time.monotonic())
        if len(rounds) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    service = Service("steady", [sys.executable, "-c", "import time; time.sleep(600)"])

    assert supervise([service], lambda _: None, end_after_two) == 0
    assert len(rounds) == 2
