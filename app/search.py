"""Searches by the SQL functions: a question and a filter in, typed hits out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Double,
    Engine,
    Integer,
    TableValuedAlias,
    Text,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.catalog import active_model
from app.errors import BadRequestError
from app.filters import video_filter
from app.models import Video
from app.questions import Question, ask, sql_errors

MAX_LIMIT = 1000

# Which hits share a scene is known only once they are there, so more frames are asked for than
# scenes are wanted, and still more where that was not enough.
FRAMES_PER_SCENE = 4

# What the functions search_text, search_image, search_like and search_vector return.
STREAM_COLUMNS = (
    column("video_id", BigInteger),
    column("title", Text),
    column("description", Text),
    column("collection", Text),
    column("tags", ARRAY(Text)),
    column("metadata", JSONB),
    column("recorded_at", DateTime(timezone=True)),
    column("duration_s", Double),
    column("path", Text),
    column("scene_no", Integer),
    column("start_s", Double),
    column("end_s", Double),
    column("frame_no", Integer),
    column("t_s", Double),
    column("said", Text),
    column("distance", Double),
)


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
    distance: float
    said: str | None
    indexed_at: datetime

    @property
    def similarity(self) -> float:
        """Cosine similarity, -1 to 1."""
        return 1 - self.distance


STREAM_FIELDS = [field.name for field in fields(Hit) if field.name != "indexed_at"]


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
    where: str | None = None,
    limit: int = 20,
) -> Answer:
    """The scenes nearest to the words, the picture, or both together, best first.

    A scene counts by its best frame. `where` is a filter as app.filters reads it. Raises
    BadRequestError, EmptyIndexError, and if the question is new EmbedderAbsentError or
    EmbedderTimeoutError.
    """
    started = time.monotonic()
    if not 1 <= limit <= MAX_LIMIT:
        raise BadRequestError(
            f"the limit is {limit}; between 1 and {MAX_LIMIT:,} hits can be asked"
        )
    words = (text or "").strip()
    if not words and image is None:
        raise BadRequestError("the question is empty; ask for something, such as: a red circle")
    # Before anybody is troubled with the question.
    condition = video_filter(where)
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        questions = [ask(connection, part) for part in (words or None, image) if part is not None]
        with sql_errors():
            hits = _best_scenes(connection, _stream(connection, words, questions), condition, limit)
        model = active_model(connection)
    return Answer(
        hits=hits,
        unknown_words=tuple(word for question in questions for word in question.unknown_words),
        model=str(model) if model else "",
        warnings=(model.warning,) if model and model.warning else (),
        seconds=time.monotonic() - started,
    )


def _stream(connection: Connection, words: str, questions: Sequence[Question]) -> TableValuedAlias:
    """The stream of all frames with their distance from the question."""
    if len(questions) == 2:
        # Words and picture together: the mean of two directions. It is a query of its own, because
        # a sub-select passed as an argument would keep the stream from the index.
        mean = select(
            func.l2_normalize(
                func.query_vector(words).op("+")(func.image_vector(questions[1].key)), type_=HALFVEC
            )
        )
        vector = connection.execute(mean).scalar_one()
        stream = func.search_vector(cast(vector, HALFVEC))
    elif questions[0].kind == "text":
        stream = func.search_text(words)
    else:
        stream = func.search_image(questions[0].key)
    return stream.table_valued(*STREAM_COLUMNS, name="hit")


def _best_scenes(
    connection: Connection, stream: TableValuedAlias, condition: ColumnElement[bool], limit: int
) -> tuple[Hit, ...]:
    wanted = (
        select(*(stream.c[name] for name in STREAM_FIELDS), Video.indexed_at)
        .join(Video, Video.id == stream.c.video_id)
        .where(condition)
    )
    frames = limit * FRAMES_PER_SCENE
    while True:
        rows = connection.execute(wanted.order_by(stream.c.distance).limit(frames)).all()
        best: dict[tuple[int, int], Hit] = {}
        for row in rows:
            hit = Hit(**{**row._mapping, "tags": tuple(row.tags)})
            best.setdefault((hit.video_id, hit.scene_no), hit)
        if len(best) >= limit or len(rows) < frames:
            # The index orders by vectors rounded to half precision, so near ties may be swapped.
            return tuple(sorted(best.values(), key=lambda hit: hit.distance)[:limit])
        frames *= 4
