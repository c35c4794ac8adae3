"""What resembles or copies something in the library, by the SQL functions."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnClause,
    Double,
    Engine,
    Function,
    Integer,
    Text,
    cast,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT
from sqlalchemy.types import TypeEngine

from app.asking import check_limit
from app.questions import one_model, sql_errors
from app.ranking import within


@dataclass(frozen=True)
class SimilarVideo:
    """A video that shows what another one shows; the scene is where it does so most."""

    video_id: int
    title: str
    path: str
    similarity: float
    scene_no: int
    start_s: float
    end_s: float
    frame_no: int
    t_s: float
    like_frame_no: int
    is_exact: bool


@dataclass(frozen=True)
class Copy:
    """Where a video of the library contains a part of what was looked for.

    `from_s` to `to_s` of what was looked for is `start_s` to `end_s` of the video. `agreement` is 1
    where all fingerprints are equal, and 0 where they have nothing in common.
    """

    video_id: int
    title: str
    path: str
    start_s: float
    end_s: float
    from_s: float
    to_s: float
    speed: float
    is_mirrored: bool
    agreement: float


_Row = TypeVar("_Row", SimilarVideo, Copy)

_SQL_TYPES: dict[Any, type[TypeEngine[Any]]] = {
    int: Integer,
    float: Double,
    str: Text,
    bool: Boolean,
}


def similar_videos(
    engine: Engine,
    video_id: int,
    *,
    where: str | None = None,
    filters: Sequence[str] = (),
    limit: int = 20,
    exact: bool = False,
) -> tuple[SimilarVideo, ...]:
    """The videos most like one of the library, most alike first; raises BadRequestError."""
    check_limit(limit)
    held = within(where or "", filters)
    return _rows(engine, func.similar_videos(video_id, limit, held, exact), SimilarVideo)


def find_copies(engine: Engine, video_id: int) -> tuple[Copy, ...]:
    """Where other videos of the library contain this one, or a part of 5 s or more of it."""
    return _rows(engine, func.find_copies(video_id), Copy)


def find_fingerprints(
    engine: Engine, times_s: Sequence[float], hashes: Sequence[int]
) -> tuple[Copy, ...]:
    """Where videos of the library contain a part of what the perceptual hashes are of."""
    bits = [f"{value:064b}" for value in hashes]
    matches = func.copies_of_fingerprints(
        cast(list(times_s), ARRAY(Double)), cast(literal(bits, ARRAY(Text)), ARRAY(BIT(64)))
    )
    return _rows(engine, matches, Copy)


def _rows(engine: Engine, function: Function[Any], of: type[_Row]) -> tuple[_Row, ...]:
    """What a function returns, its columns named as the fields are."""
    columns: list[ColumnClause[Any]] = [
        column(field.name, BigInteger if field.name == "video_id" else _SQL_TYPES[field.type])
        for field in fields(of)
    ]
    table = function.table_valued(*columns, name="found")
    wanted = select(*(table.c[field.name] for field in fields(of)))
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        with sql_errors(), one_model(connection):
            rows = connection.execute(wanted).all()
    return tuple(of(**row._mapping) for row in rows)
