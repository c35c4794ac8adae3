"""The databases that benchmarks measure: one that is used again, and one for a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from app.config import Settings
from app.db import embedded, get_engine
from app.migrate import upgrade


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
