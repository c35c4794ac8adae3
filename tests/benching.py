"""What tests of benchmarks measure instead of what would take minutes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.config import Settings
from bench import cost, pipelines
from bench.clips import Clip, clips
from tests.conftest import Databases
from tests.media import shot, write_clip


def two_clips(folder: Path) -> list[Clip]:
    """Clips of two shots of two seconds each, in a new folder."""
    folder.mkdir()
    for seed in (1, 2):
        write_clip(folder / f"{seed}.mp4", shot(10 * seed, 50) + shot(10 * seed + 1, 50))
    return clips(folder, folder)


def make_libraries_in(databases: Databases, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has benchmarks index into databases of the tests' server, without one of their own."""

    @contextmanager
    def new_library() -> Iterator[tuple[Engine, Settings]]:
        engine = databases.create()
        try:
            yield engine, Settings(home=home)
        finally:
            databases.drop(engine)

    for module in (pipelines, cost):
        monkeypatch.setattr(module, "new_library", new_library)
