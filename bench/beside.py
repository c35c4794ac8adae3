"""An ingest beside the searches: clips are indexed again and again, in a process of its own."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import psycopg

from app.config import Settings
from app.db import engine_for
from bench.clips import Clip
from bench.pipelines import ready_to_ingest
from bench.random_weights import Weighted
from workers.priority import lower_priority

_SAMPLING = "scenes:3"


@dataclass
class Ingested:
    """What has been indexed in the block, which is known at its end."""

    pictures: int = 0
    seconds: float = 0.0


@contextmanager
def ingesting(
    address: str, home: Path, clips: list[Clip], weighted: Weighted
) -> Iterator[Ingested]:
    """An ingest at full rate for the length of the block, which leaves the library as it was.

    It has the priority that a worker's ingest has. Raises RuntimeError if it fails, its reason
    stands above.
    """
    context = multiprocessing.get_context("spawn")
    begun, stop, pictures = context.Event(), context.Event(), context.Value("q", 0)
    process = context.Process(
        target=_ingest, args=(address, home, clips, weighted, begun, stop, pictures), daemon=True
    )
    process.start()
    try:
        while not begun.wait(0.1):
            _check(process.exitcode)
        done, pictures_before, started = Ingested(), pictures.value, time.monotonic()
        yield done
        done.pictures = pictures.value - pictures_before
        done.seconds = time.monotonic() - started
        # While others asked it may have ended, and they were asking an idle machine.
        _check(process.exitcode)
    finally:
        stop.set()
        process.join()
        forget(address, clips)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("VACUUM frame_embeddings")
    _check(process.exitcode or None)


def _check(exitcode: int | None) -> None:
    if exitcode is not None:
        raise RuntimeError("the ingest ended; its reason stands above")


def _ingest(
    address: str,
    home: Path,
    clips: list[Clip],
    weighted: Weighted,
    begun: Event,
    stop: Event,
    pictures: Any,
) -> None:
    # A session of its own, as the supervisor gives each of its processes.
    os.setsid()
    settings = Settings(home=home)
    lower_priority(settings.niceness)
    engine = engine_for(address)
    with ready_to_ingest(engine, settings, clips, _SAMPLING, weighted) as ingest:
        while not stop.is_set():
            with closing(ingest()) as outcomes:
                for outcome in outcomes:
                    pictures.value += outcome.frames
                    begun.set()
                    if stop.is_set():
                        break
            forget(address, clips)


def forget(address: str, clips: list[Clip]) -> None:
    """Take the clips out of the library: what it knows already is not indexed again."""
    paths = [str(clip.path) for clip in clips]
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "DELETE FROM videos v USING video_files f "
            "WHERE f.video_id = v.id AND f.path = ANY (%s)",
            [paths],
        )
        connection.execute("DELETE FROM video_files WHERE path = ANY (%s)", [paths])
