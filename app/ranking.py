"""The one statement that answers a question: its filter, its ranking and its order, in SQL."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnClause,
    ColumnElement,
    Double,
    Function,
    Integer,
    Select,
    Text,
    and_,
    column,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql.selectable import TableValuedAlias

from app.asking import Question
from app.models import Scene, Video
from app.typed_filters import video_condition

# What the functions that return moment_hit give.
MOMENT_COLUMNS: tuple[ColumnClause[Any], ...] = (
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
# What comes first where videos are ranked.
VIDEO_COLUMNS: tuple[ColumnClause[Any], ...] = (
    column("video_rank", Integer),
    column("video_similarity", Double),
)
# What sequence_hit gives.
SEQUENCE_COLUMNS: tuple[ColumnClause[Any], ...] = (
    column("rank", Integer),
    column("video_id", BigInteger),
    column("title", Text),
    column("path", Text),
    column("start_s", Double),
    column("end_s", Double),
    *(
        column(f"{part}_{found.name}", found.type)
        for part in ("first", "then")
        for found in MOMENT_COLUMNS
        if found.name in ("scene_no", "frame_no", "t_s", "similarity", "z")
    ),
    column("is_exact", Boolean),
)


def within(where: str, filters: Sequence[str] = ()) -> ColumnElement[Any]:
    """The ids of the videos that both kinds of filters hold; without any no array is built.

    Raises BadRequestError for a filter that is broken.
    """
    condition = video_condition(where, filters)
    if not where.strip() and not filters:
        return null()
    return func.array(select(Video.id).where(condition).scalar_subquery(), type_=ARRAY(BigInteger))


def vector_of(question: Question) -> ColumnElement[Any]:
    """The question's vector, of which `image` must be a key; NULL if it says nothing of looks."""
    if question.like is not None:
        return func.frame_vector(question.like.video_id, question.like.frame_no)
    if not question.is_seen:
        return null()
    # What is usual is left to the function, so that the statement is as short as people write it.
    parts: list[Any] = [question.text.strip() or None]
    if question.image:
        parts.append(question.image)
        if question.weights:
            parts.append(literal(dict(question.weights), JSONB))
    return func.hybrid_vector(*parts)


@lru_cache(maxsize=256)
def statement_of(question: Question) -> Select[Any]:
    """The hits in their order, each with what a person wants to know of its video and scene.

    Kept for what is asked again, because building it takes about a millisecond.

    Columns: those of moment_hit or, with `then`, of sequence_hit, and collection, tags,
    recorded_at, duration_s and indexed_at of the video and what is said in the scene.
    """
    if question.then.strip():
        hit, scene_no = _sequences(question), "first_scene_no"
    else:
        hit, scene_no = _moments(question), "scene_no"
    wanted = (
        select(
            *(found for found in hit.c if found.name not in ("video_rank", "video_similarity")),
            Video.collection,
            Video.tags,
            Video.recorded_at,
            Video.duration_s,
            Video.indexed_at,
            Scene.said,
        )
        .join(Video, Video.id == hit.c.video_id)
        .join(Scene, and_(Scene.video_id == hit.c.video_id, Scene.scene_no == hit.c[scene_no]))
    )
    if question.min_similarity is not None:
        similarity = "first_similarity" if question.then.strip() else "similarity"
        wanted = wanted.where(hit.c[similarity] >= question.min_similarity)
    return wanted.order_by(*_order(question, hit))


def _moments(question: Question) -> TableValuedAlias:
    vector, held = vector_of(question), within(question.where, question.filters)
    columns = MOMENT_COLUMNS
    ranking: Function[Any]
    if question.said:
        said = literal(list(question.said), ARRAY(Text))
        ranking = func.rank_said(said, vector, question.limit, held, question.min_z)
    elif question.keywords.strip():
        ranking = func.search_hybrid(
            question.text.strip() or None,
            question.keywords,
            question.image or None,
            literal(dict(question.weights), JSONB),
            question.limit,
            held,
            question.min_z,
            question.exact,
        )
    elif question.group == "video":
        ranking = func.rank_videos(
            vector,
            question.limit,
            held,
            question.moments_each,
            "max",
            question.min_z,
            question.exact,
        )
        columns = (*VIDEO_COLUMNS, *MOMENT_COLUMNS)
    else:
        rank = func.rank_frames if question.group == "frame" else func.rank_scenes
        ranking = rank(vector, question.limit, held, question.min_z, question.exact)
    return ranking.table_valued(*columns, name="hit")


def _sequences(question: Question) -> TableValuedAlias:
    ranking = func.rank_sequences(
        vector_of(question),
        func.hybrid_vector(question.then.strip()),
        question.gap_s,
        question.limit,
        within(question.where, question.filters),
        question.min_z,
        question.exact,
    )
    return ranking.table_valued(*SEQUENCE_COLUMNS, name="hit")


def _order(question: Question, hit: TableValuedAlias) -> list[ColumnElement[Any]]:
    """Best first, newest first or longest first; the hits of one video may stay together."""
    rank: list[ColumnElement[Any]] = [hit.c.rank]
    if question.group == "video":
        first = (
            hit.c.video_rank
            if "video_rank" in hit.c
            else func.min(hit.c.rank).over(partition_by=hit.c.video_id)
        )
        rank = [first, hit.c.rank]
    match question.sort:
        case "date":
            return [Video.recorded_at.desc().nulls_last(), *rank]
        case "length":
            return [Video.duration_s.desc().nulls_last(), *rank]
        case _:
            return rank
