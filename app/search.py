"""Searches by the SQL functions: a question and a filter in, typed hits out."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Function,
    Integer,
    Text,
    column,
    func,
    literal,
    null,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.catalog import ActiveModel, active_model
from app.errors import BadRequestError, EmbedderAbsentError
from app.filters import video_filter
from app.models import Scene, Video
from app.questions import ask, one_model, sql_errors, text_bytes

MAX_LIMIT = 1000
MOMENTS_EACH = 3

# What comes first where videos are ranked.
VIDEO_COLUMNS = (column("video_rank", Integer), column("video_similarity", Double))

# What the functions that return moment_hit give.
MOMENT_COLUMNS = (
    column("rank", Integer),
    column("video_id", BigInteger),
    column("title", Text),
    column("path", Text),
    column("scene_no", Integer),
    column("start_s", Double),
    column("end_s", Double),
    column("frame_no", Integer),
    column("t_s", Double),
    column("similarity", Double),
    column("z", Double),
    column("matched_by", ARRAY(Text)),
    column("is_exact", Boolean),
)


@dataclass(frozen=True)
class FrameKey:
    """A frame of the library."""

    video_id: int
    frame_no: int


@dataclass(frozen=True)
class Hit:
    """A scene that answers the question, shown by its best frame."""

    video_id: int
    title: str
    path: str
    collection: str | None
    tags: tuple[str, ...]
    recorded_at: datetime | None
    duration_s: float
    scene_no: int
    start_s: float
    end_s: float
    frame_no: int
    t_s: float
    said: str | None
    similarity: float | None
    """Cosine similarity, -1 to 1; None where only keywords were asked for."""
    z: float | None
    """How many deviations the similarity lies above that of frames that do not answer."""
    matched_by: tuple[str, ...]
    """Of picture, words and subtitles, what was found."""
    is_exact: bool
    indexed_at: datetime


@dataclass(frozen=True)
class Answer:
    """The hits, best first, and what a person should know about them."""

    hits: tuple[Hit, ...]
    unknown_words: tuple[str, ...]
    model: str
    warnings: tuple[str, ...]
    seconds: float


def search(
    engine: Engine,
    *,
    text: str | None = None,
    image: bytes | None = None,
    keywords: str | None = None,
    like: FrameKey | None = None,
    where: str | None = None,
    limit: int = 20,
    by_video: bool = False,
    min_similarity: float | None = None,
    min_z: float | None = None,
    exact: bool = False,
) -> Answer:
    """The scenes nearest to the words, the picture, or both together, best first.

    A scene counts by its best frame. In the words, -this is what is not wanted. `keywords` are
    looked for in titles, tags and subtitles as well. `like` asks for what looks like a frame of the
    library, and for nothing else. `where` is a filter as app.filters reads it. `by_video` gives at
    most `limit` videos, a video's best scenes one after the other. `min_similarity` and `min_z`
    leave out what answers less; `min_z` keeps what keywords found. Raises BadRequestError,
    EmptyIndexError, and if the question is new EmbedderAbsentError or EmbedderTimeoutError.
    """
    started = time.monotonic()
    check_limit(limit)
    words, sought = (text or "").strip(), (keywords or "").strip()
    if like is not None and (words or sought or image is not None):
        raise BadRequestError("ask for what is like a frame, or for words and pictures, not both")
    if by_video and sought:
        raise BadRequestError("keywords find scenes; ask for them without grouping by video")
    if min_similarity is not None and sought:
        raise BadRequestError("keywords have no similarity; leave out either them or the least one")
    # Before anybody is troubled with the question.
    condition = video_filter(where)
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        asked = terms(connection, words)
        if not asked and not sought and image is None and like is None:
            raise BadRequestError("the question is empty; ask for something, such as: a red circle")
        questions: list[str | bytes] = [*asked, *([] if image is None else [image])]
        answers = [ask(connection, question) for question in questions]
        key = None if image is None else answers[-1].key
        vector = (
            func.frame_vector(like.video_id, like.frame_no)
            if like is not None
            else func.hybrid_vector(words or None, key)
        )
        held = within(where, condition)
        if by_video:
            ranking = func.rank_videos(vector, limit, held, MOMENTS_EACH, "max", min_z, exact)
        elif sought:
            # No weights of its own: those that the function has by default.
            ranking = func.search_hybrid(
                words or None, sought, key, literal({}, JSONB), limit, held, min_z, exact
            )
        else:
            ranking = func.rank_scenes(vector, limit, held, min_z, exact)

        def ranked() -> tuple[tuple[Hit, ...], ActiveModel | None]:
            with sql_errors(), one_model(connection):
                hits = _hits(connection, ranking, by_video, min_similarity)
                return hits, active_model(connection)

        try:
            hits, model = ranked()
        except EmbedderAbsentError:
            # The index was switched to another model just after the question was answered.
            answers = [ask(connection, question) for question in questions]
            hits, model = ranked()
    return Answer(
        hits=hits,
        unknown_words=tuple(word for answer in answers for word in answer.unknown_words),
        model=str(model) if model else "",
        warnings=(model.warning,) if model and model.warning else (),
        seconds=time.monotonic() - started,
    )


def check_limit(limit: int) -> None:
    """Raises BadRequestError for a number of hits that cannot be asked for."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadRequestError(
            f"the limit is {limit}; between 1 and {MAX_LIMIT:,} hits can be asked"
        )


def terms(connection: Connection, words: str) -> list[str]:
    """The parts of a question that need a vector each: what is wanted, and each -this."""
    if not words.strip():
        return []
    text_bytes(words)
    parts = func.query_terms(words).table_valued("term", name="part")
    return list(connection.execute(select(parts.c.term)).scalars())


def within(where: str | None, condition: ColumnElement[bool]) -> ColumnElement[Any]:
    """The ids of the videos that the filter holds; without a filter no array is built."""
    if where is None or not where.strip():
        return null()
    return func.array(select(Video.id).where(condition).scalar_subquery(), type_=ARRAY(BigInteger))


def _hits(
    connection: Connection, ranking: Function[Any], by_video: bool, min_similarity: float | None
) -> tuple[Hit, ...]:
    columns = (*VIDEO_COLUMNS, *MOMENT_COLUMNS) if by_video else MOMENT_COLUMNS
    hit = ranking.table_valued(*columns, name="hit")
    rows = connection.execute(
        select(
            *(hit.c[column.name] for column in MOMENT_COLUMNS if column.name != "rank"),
            Video.collection,
            Video.tags,
            Video.recorded_at,
            Video.duration_s,
            Video.indexed_at,
            Scene.said,
        )
        .join(Video, Video.id == hit.c.video_id)
        .join(Scene, (Scene.video_id == hit.c.video_id) & (Scene.scene_no == hit.c.scene_no))
        .where(true() if min_similarity is None else hit.c.similarity >= min_similarity)
        .order_by(*([hit.c.video_rank] if by_video else []), hit.c.rank)
    )
    return tuple(
        Hit(**{**row._mapping, "tags": tuple(row.tags), "matched_by": tuple(row.matched_by)})
        for row in rows
    )
