"""What follows, resembles or copies something in the library, by the SQL functions."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnClause,
    Connection,
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

from app.errors import BadRequestError
from app.filters import video_filter
from app.questions import ask, one_model, sql_errors
from app.search import check_limit, terms, within

MAX_GAP_S = 60.0


@dataclass(frozen=True)
class Pair:
    """A frame that answers one question, and a later one of the same video that answers another.

    `start_s` and `end_s` are those of the two scenes together.
    """

    video_id: int
    title: str
    path: str
    start_s: float
    end_s: float
    first_scene_no: int
    first_frame_no: int
    first_t_s: float
    first_similarity: float
    first_z: float | None
    then_scene_no: int
    then_frame_no: int
    then_t_s: float
    then_similarity: float
    then_z: float | None
    is_exact: bool


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


_Row = TypeVar("_Row", Pair, SimilarVideo, Copy)

_SQL_TYPES: dict[Any, type[TypeEngine[Any]]] = {
    int: Integer,
    float: Double,
    float | None: Double,
    str: Text,
    bool: Boolean,
}


def search_sequence(
    engine: Engine,
    first: str,
    then: str,
    *,
    max_gap_s: float = MAX_GAP_S,
    where: str | None = None,
    limit: int = 20,
    min_z: float | None = None,
    exact: bool = False,
) -> tuple[Pair, ...]:
    """Where what the first words say is followed by what the others say, best first.

    Raises what app.search.search raises.
    """
    check_limit(limit)
    if not max_gap_s > 0:
        raise BadRequestError(f"the gap is {max_gap_s:g} s; it must be above 0")
    condition = video_filter(where)
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        for words in (first, then):
            asked = terms(connection, words)
            if not asked:
                raise BadRequestError(
                    "a sequence needs words for what comes first and what follows"
                )
            for term in asked:
                ask(connection, term)
        ranking = func.rank_sequences(
            func.hybrid_vector(first),
            func.hybrid_vector(then),
            max_gap_s,
            limit,
            within(where, condition),
            min_z,
            exact,
        )
        return _rows(connection, ranking, Pair)


def similar_videos(
    engine: Engine,
    video_id: int,
    *,
    where: str | None = None,
    limit: int = 20,
    exact: bool = False,
) -> tuple[SimilarVideo, ...]:
    """The videos most like one of the library, most alike first; raises BadRequestError."""
    check_limit(limit)
    condition = video_filter(where)
    with engine.connect() as connection:
        ranking = func.similar_videos(video_id, limit, within(where, condition), exact)
        return _rows(connection, ranking, SimilarVideo)


def find_fingerprints(
    engine: Engine, times_s: Sequence[float], hashes: Sequence[int]
) -> tuple[Copy, ...]:
    """Where videos of the library contain a part of what the perceptual hashes are of."""
    bits = [f"{value:064b}" for value in hashes]
    with engine.connect() as connection:
        matches = func.copies_of_fingerprints(
            cast(list(times_s), ARRAY(Double)), cast(literal(bits, ARRAY(Text)), ARRAY(BIT(64)))
        )
        return _rows(connection, matches, Copy)


def _rows(connection: Connection, function: Function[Any], of: type[_Row]) -> tuple[_Row, ...]:
    """What a function returns, its columns named as the fields are."""
    columns: list[ColumnClause[Any]] = [
        column(field.name, BigInteger if field.name == "video_id" else _SQL_TYPES[field.type])
        for field in fields(of)
    ]
    table = function.table_valued(*columns, name="found")
    with sql_errors(), one_model(connection):
        rows = connection.execute(select(*(table.c[field.name] for field in fields(of)))).all()
    return tuple(of(**row._mapping) for row in rows)
