"""Answers questions by the SQL functions: a question in, typed hits out."""

import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from app.asking import Question
from app.catalog import ActiveModel
from app.errors import BadRequestError, EmbedderAbsentError, SceneqlError
from app.questions import Asked, ask_again, ask_picture, ask_words, one_model, sql_errors
from app.ranking import statement_of, vector_of, within


@dataclass(frozen=True)
class Then:
    """What follows a hit: the frame that answers what was asked to happen next."""

    scene_no: int
    frame_no: int
    t_s: float
    similarity: float
    z: float | None


@dataclass(frozen=True)
class Hit:
    """A scene or a frame that answers the question, shown by its best frame.

    `start_s` and `end_s` are those of the scene; with what follows, of both scenes together.
    """

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
    then: Then | None = None


@dataclass(frozen=True)
class Answer:
    """The hits in their order, and what a person should know about them.

    `image_key` is the picture's name in SQL: image_vector(image_key).
    """

    hits: tuple[Hit, ...]
    unknown_words: tuple[str, ...]
    model: str
    warnings: tuple[str, ...]
    seconds: float
    image_key: str | None = None


def search(engine: Engine, question: Question) -> Answer:
    """The scenes that answer a question, best first; a scene counts by its best frame.

    Raises BadRequestError, EmptyIndexError, and if the question is new EmbedderAbsentError or
    EmbedderTimeoutError.
    """
    started = time.monotonic()
    if question.is_empty:
        raise BadRequestError("the question is empty; ask for something, such as: a red circle")
    # A broken filter shows before anybody is troubled with the question.
    within(question.where, question.filters)
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        asked, question = make_ready(connection, question)

        def ranked() -> tuple[tuple[Hit, ...], ActiveModel | None]:
            with sql_errors(), one_model(connection) as model:
                rows = connection.execute(statement_of(question)).all()
            return tuple(_hit(row._mapping) for row in rows), model

        try:
            hits, model = ranked()
        except EmbedderAbsentError:
            # The index was switched to another model just after the question was answered.
            asked, question = make_ready(connection, question)
            hits, model = ranked()
    return Answer(
        hits=hits,
        unknown_words=tuple(word for answer in asked for word in answer.unknown_words),
        model=str(model) if model else "",
        warnings=(model.warning,) if model and model.warning else (),
        seconds=time.monotonic() - started,
        image_key=str(question.image) if question.image else None,
    )


def make_ready(
    connection: Connection, question: Question, timeout_s: float | None = None
) -> tuple[list[Asked], Question]:
    """Has everything in the question turned into vectors; its picture is a key from then on.

    Waits for each of them for `timeout_s` seconds, or as long as the settings say. The
    connection must be in autocommit. Raises what `search` raises.
    """
    asked = ask_words(connection, question.text, timeout_s)
    asked += ask_words(connection, question.then, timeout_s)
    if question.image:
        if isinstance(question.image, str):
            picture = ask_again(connection, question.image, timeout_s)
        else:
            picture = ask_picture(connection, question.image, timeout_s)
        asked.append(picture)
        question = replace(question, image=picture.key)
    return asked, question


def is_ready(engine: Engine, question: Question) -> bool:
    """Whether all vectors of a question are at hand, so that no embedder has to be asked."""
    vectors = (vector_of(question), func.hybrid_vector(question.then.strip()))
    try:
        with engine.connect() as connection, sql_errors():
            connection.execute(select(*(vector.is_not(None) for vector in vectors)))
    except SceneqlError:
        return False
    return True


def _hit(row: Any) -> Hit:
    facts = {**row, "tags": tuple(row["tags"])}
    facts.pop("rank")
    facts.pop("video_rank", None)
    if "matched_by" in facts:
        return Hit(**{**facts, "matched_by": tuple(facts["matched_by"])})
    names = ("scene_no", "frame_no", "t_s", "similarity", "z")
    first = {name: facts.pop(f"first_{name}") for name in names}
    then = Then(**{name: facts.pop(f"then_{name}") for name in names})
    return Hit(**facts, **first, matched_by=("picture",), then=then)
