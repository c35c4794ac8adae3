"""The folder that is scanned, and what a scan made of it."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine, text

from tests.media import shot, write_clip
from workers.scan import Report

Scan = Callable[[], Report]


def clip(path: Path, seed: int) -> Path:
    """A short video that has been lying there for an hour."""
    write_clip(path, shot(seed, 5))
    return rested(path)


def rested(path: Path, age_s: float = 3600) -> Path:
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def rows(engine: Engine, query: str) -> Sequence[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def shown(engine: Engine) -> set[str]:
    """The file names of the videos that searches find."""
    return {Path(str(path)).name for (path,) in rows(engine, "SELECT DISTINCT path FROM moments")}


def indexed_at(engine: Engine) -> Sequence[tuple[object, ...]]:
    """When each video was indexed: the same again tells that nothing was embedded anew."""
    return rows(engine, "SELECT id, indexed_at FROM videos ORDER BY id")


def kinds(report: Report) -> dict[str, int]:
    return {kind: count for kind, count in report.counts.items() if count}
