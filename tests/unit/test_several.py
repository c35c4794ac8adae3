"""Several files at a time: each has its outcome, and what ends one ends all."""

import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from workers.analysis import Progress
from workers.ingest import Outcome
from workers.progress import Display, display
from workers.several import StoppedError, ingest_files

TIMEOUT_S = 180
FILES = [Path(f"{n}.mp4") for n in range(6)]


class Stub:
    """Stands for an ingester: does what it is told with each file."""

    def __init__(self, what: Callable[[Path, Callable[[Progress], None]], object]) -> None:
        self.what = what

    def ingest(self, path: Path, on_progress: Callable[[Progress], None]) -> Outcome:
        self.what(path, on_progress)
        return Outcome(path, "indexed")


@pytest.fixture
def written() -> StringIO:
    return StringIO()


@pytest.fixture
def shown(written: StringIO) -> Any:
    with display(len(FILES), Console(file=written)) as shown:
        yield shown


def test_every_file_has_its_outcome(shown: Display, written: StringIO) -> None:
    outcomes = list(ingest_files(Stub(lambda *_: None), FILES, shown, 2))  # type: ignore[arg-type]

    assert sorted(outcome.path for outcome in outcomes) == FILES
    lines = written.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == [f"[{n}/6]" for n in range(1, 7)]


def test_as_many_files_are_read_at_a_time_as_is_said(shown: Display) -> None:
    both = threading.Barrier(2, timeout=TIMEOUT_S)
    stub = Stub(lambda *_: both.wait())

    # A third would break the barrier, one alone would wait in vain.
    assert len(list(ingest_files(stub, FILES, shown, 2))) == len(FILES)  # type: ignore[arg-type]


def test_what_ends_one_file_ends_all_at_their_next_frame(shown: Display) -> None:
    begun: list[Path] = []
    stopped: list[Path] = []
    is_reading = threading.Event()

    def read(path: Path, on_progress: Callable[[Progress], None]) -> None:
        begun.append(path)
        if path == FILES[1]:
            assert is_reading.wait(TIMEOUT_S)
            raise ConnectionError("the database is gone")
        try:
            while True:
                on_progress(Progress(1, 2))
                is_reading.set()
        except StoppedError:
            stopped.append(path)
            raise

    with pytest.raises(ConnectionError, match="is gone"):
        list(ingest_files(Stub(read), FILES, shown, 2))  # type: ignore[arg-type]

    assert FILES[0] in stopped
    assert set(begun) <= set(FILES[:3])


def test_whoever_stops_listening_stops_the_files_that_are_being_read(shown: Display) -> None:
    stopped: list[Path] = []
    is_reading = threading.Event()

    def read(path: Path, on_progress: Callable[[Progress], None]) -> None:
        if path == FILES[0]:
            assert is_reading.wait(TIMEOUT_S)
            return
        try:
            while True:
                on_progress(Progress(1, 2))
                is_reading.set()
        except StoppedError:
            stopped.append(path)
            raise

    outcomes = ingest_files(Stub(read), FILES, shown, 2)  # type: ignore[arg-type]
    assert next(outcomes).path == FILES[0]
    outcomes.close()

    assert FILES[1] in stopped
    assert set(stopped) <= set(FILES[1:3])
