"""Many rows at once: how they are named, and in which order they are locked."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.models import Video


def is_one_of(column: Any, values: Collection[Any]) -> ColumnElement[bool]:
    """Whether a column has one of some values, of which there may be any number.

    They go as one array, because a statement takes no more than 65,535 parameters.
    """
    among: ColumnElement[bool] = column == any_(literal(list(values), ARRAY(column.type)))
    return among


def prefix_of(folder: Path) -> str:
    """What the paths of all files in and below a folder begin with."""
    return f"{str(folder).rstrip('/')}/"


def lock_videos(connection: Connection, which: ColumnElement[bool]) -> None:
    """Locks videos until the transaction ends.

    Whoever changes videos and their files locks the videos first, each after those of lower ids:
    two that did so the other way round would wait for each other.
    """
    connection.execute(select(Video.id).where(which).order_by(Video.id).with_for_update())
