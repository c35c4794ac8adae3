"""The databases that benchmarks measure: one that is used again, and one for a block."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from app.config import Settings
from app.db import embedded, get_engine
from app.migrate import upgrade

LIBRARY = ArgumentParser(add_help=False)
"""The options of a benchmark that measures a library of some size."""
LIBRARY.add_argument("--frames", type=int, default=100_000)
LIBRARY.add_argument("--home", type=Path, help="default: var/bench-FRAMES")


def home_of(given: Namespace) -> Path:
    """The home that the options of a library name."""
    return Path(given.home or f"var/bench-{given.frames}")


def open_database(home: Path) -> Engine:
    """The database under `home`, made or brought to the newest schema."""
    engine = get_engine(Settings(home=home.resolve(), database_url=None))
    upgrade(engine)
    return engine


@contextmanager
def new_library() -> Iterator[tuple[Engine, Settings]]:
    """An empty library in a home of its own; the home and its Postgres are gone after the block."""
    with TemporaryDirectory(prefix="bench-") as home:
        settings = Settings(home=Path(home), database_url=None)
        try:
            yield open_database(settings.home), settings
        finally:
            embedded(settings).stop()
