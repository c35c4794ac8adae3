"""What becomes of a file over which workers die."""

from pathlib import Path

from sqlalchemy import Engine

from app.errors import MediaError
from workers.attempts import begin_attempt, count_death
from workers.library import file_state
from workers.links import Hashes, write_unread
from workers.store import write_failure

MAX_DEATHS = 5
"""A file over which so many workers in a row have died is given up."""

GIVEN_UP = (
    f"{MAX_DEATHS} workers in a row died while they indexed it, so it was given up; "
    "to try once more: sceneql ingest FILE"
)


def bury(engine: Engine, path: Path) -> int:
    """Notes that a worker died over a file, and gives the file up if too many did.

    Returns how many died in a row; none if the worker had not begun with the file.
    """
    deaths = count_death(engine, path)
    if deaths >= MAX_DEATHS:
        try:
            state, hashes = file_state(path), Hashes.of(path)
        except MediaError as error:
            write_unread(engine, path, str(error))
        else:
            attempt = begin_attempt(engine, path, state, hashes)
            write_failure(engine, path, GIVEN_UP, state, hashes, attempt)
    return deaths
