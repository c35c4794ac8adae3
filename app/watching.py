"""What the page of one video shows: its scenes, subtitles, and how it answers a question."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Integer,
    cast,
    column,
    false,
    func,
    null,
    or_,
    select,
    table,
    tuple_,
)
from sqlalchemy.dialects.postgresql import distinct_on

from app.asking import Question
from app.models import Frame, Scene, SubtitleLine, Video
from app.paging import kept_hits
from app.questions import one_model, sql_errors
from app.ranking import vector_of
from app.search import make_ready

MAX_POINTS = 1000
"""A plot has no more points than a screen has pixels; of what lies closer, the best is shown."""

MOMENTS = table(
    "moments",
    column("video_id", BigInteger),
    column("frame_no", Integer),
    column("t_s", Double),
    column("embedding", HALFVEC),
)

# By codec, in which files all current browsers play it. What else is in a file, such as its sound
# and the profile of its codec, is not known here: the page converts it when a browser gives up.
PLAYABLE = {
    "h264": {".mp4", ".m4v", ".mov", ".mkv"},
    "vp8": {".webm", ".mkv"},
    "vp9": {".webm", ".mkv", ".mp4", ".m4v"},
    "av1": {".webm", ".mkv", ".mp4", ".m4v"},
}


@dataclass(frozen=True)
class Watched:
    """A video that can be watched now."""

    id: int
    title: str
    description: str | None
    path: str
    collection: str | None
    tags: tuple[str, ...]
    recorded_at: datetime | None
    duration_s: float
    width: int | None
    height: int | None
    codec: str | None
    frame_count: int
    warning: str | None
    indexed_at: datetime

    @property
    def is_playable(self) -> bool:
        """Whether browsers play the file as it is, rather than converted."""
        return is_playable(self.codec, self.path)


@dataclass(frozen=True)
class WatchedScene:
    """A scene, and the frame in its middle that stands for it."""

    scene_no: int
    start_s: float
    end_s: float
    frame_no: int


@dataclass(frozen=True)
class Line:
    """A line of the subtitles; `is_match` tells that it has what was looked for."""

    start_s: float
    end_s: float
    said: str
    is_match: bool


@dataclass(frozen=True)
class Point:
    """An indexed frame, and how similar it is to the question, if one was asked."""

    t_s: float
    frame_no: int
    similarity: float | None


@dataclass(frozen=True)
class KeptHit:
    """A hit of a kept answer: its place in it from 0, and its frame."""

    n: int
    video_id: int
    frame_no: int
    t_s: float


@dataclass(frozen=True)
class Neighbours:
    """Where a hit stands in its answer, and which hits of the answer are in the same video."""

    total: int
    previous: KeptHit | None
    next: KeptHit | None
    here: tuple[KeptHit, ...]


def is_playable(codec: str | None, path: str) -> bool:
    """Whether browsers play a file of this codec and name; of an unknown codec, they may try."""
    suffixes = frozenset[str]().union(*PLAYABLE.values()) if codec is None else PLAYABLE.get(codec)
    return PurePath(path).suffix.lower() in (suffixes or ())


def watched(engine: Engine, video_id: int) -> Watched | None:
    """An indexed video with a file at hand, or None."""
    wanted = select(
        Video.id,
        Video.title,
        Video.description,
        Video.path,
        Video.collection,
        Video.tags,
        Video.recorded_at,
        func.coalesce(Video.duration_s, 0.0).label("duration_s"),
        Video.width,
        Video.height,
        Video.codec,
        Video.frame_count,
        Video.warning,
        Video.indexed_at,
    ).where(Video.id == video_id, Video.status == "indexed", Video.path.is_not(None))
    with engine.connect() as connection:
        row = connection.execute(wanted).one_or_none()
    return Watched(**{**row._mapping, "tags": tuple(row.tags)}) if row else None


def scenes(engine: Engine, video_id: int) -> tuple[WatchedScene, ...]:
    """The scenes of a video in their order, those without an indexed frame left out."""
    middle = func.percentile_disc(0.5).within_group(Frame.frame_no)
    wanted = (
        select(Scene.scene_no, Scene.start_s, Scene.end_s, middle.label("frame_no"))
        .join(Frame, (Frame.video_id == Scene.video_id) & (Frame.scene_no == Scene.scene_no))
        .where(Scene.video_id == video_id)
        .group_by(Scene.video_id, Scene.scene_no)
        .order_by(Scene.scene_no)
    )
    with engine.connect() as connection:
        return tuple(WatchedScene(*row) for row in connection.execute(wanted))


def lines(engine: Engine, video_id: int, said: Sequence[str] = ()) -> tuple[Line, ...]:
    """The subtitles of a video in their order; those that match any of the keywords are marked."""
    matching = [SubtitleLine.said_words.op("@@")(func.keyword_query(words)) for words in said]
    wanted = (
        select(
            SubtitleLine.start_s,
            SubtitleLine.end_s,
            SubtitleLine.said,
            or_(false(), *matching).label("is_match"),
        )
        .where(SubtitleLine.video_id == video_id)
        .order_by(SubtitleLine.line_no)
    )
    with engine.connect() as connection:
        return tuple(Line(*row) for row in connection.execute(wanted))


def points(
    engine: Engine, video: Watched, question: Question | None, timeout_s: float | None = None
) -> tuple[Point, ...]:
    """The indexed frames of a video in their order, and how similar each is to a question's looks.

    Of more than MAX_POINTS frames, the best of each stretch of time is given. Waits for the vector
    of the question for `timeout_s` seconds, or as long as the settings say. Raises what
    app.search.search raises; without a question, nothing of that.
    """
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        vector: ColumnElement[Any] = null()
        if question is not None and question.is_seen:
            _, question = make_ready(connection, question, timeout_s)
            vector = vector_of(question)
        with sql_errors(), one_model(connection):
            return _points(connection, video, vector)


def neighbours(engine: Engine, token: UUID, n: int, video_id: int) -> Neighbours:
    """Where hit `n` stands in a kept answer; raises BadRequestError if it is not kept any more.

    Hits whose video is gone meanwhile are passed over.
    """
    total, hits = _kept_hits(engine, token)
    return Neighbours(
        total=total,
        previous=next((hit for hit in reversed(hits) if hit.n < n), None),
        next=next((hit for hit in hits if hit.n > n), None),
        here=tuple(hit for hit in hits if hit.video_id == video_id),
    )


def nearest_hit(engine: Engine, token: UUID, n: int) -> KeptHit | None:
    """The hit of a kept answer whose place is nearest to `n`; None if all their videos are gone.

    Raises BadRequestError if the answer is not kept any more.
    """
    _, hits = _kept_hits(engine, token)
    return min(hits, key=lambda hit: abs(hit.n - n), default=None)


def _kept_hits(engine: Engine, token: UUID) -> tuple[int, list[KeptHit]]:
    """How many hits a kept answer has, and those of them that can be watched, in their order."""
    with engine.connect() as connection:
        keys = [(hit[0], hit[1]) for hit in kept_hits(connection, token)]
        found = connection.execute(
            select(Frame.video_id, Frame.frame_no, Frame.t_s)
            .join(Video, Video.id == Frame.video_id)
            .where(
                tuple_(Frame.video_id, Frame.frame_no).in_(keys),
                Video.path.is_not(None),
                Video.status == "indexed",
            )
        )
        times_s = {(row.video_id, row.frame_no): row.t_s for row in found}
    hits = [KeptHit(place, *key, times_s[key]) for place, key in enumerate(keys) if key in times_s]
    return len(keys), hits


def _points(
    connection: Connection, video: Watched, vector: ColumnElement[Any]
) -> tuple[Point, ...]:
    moment = MOMENTS.c
    # As a sub-select the vector is made once, not for every frame.
    once = select(cast(vector, HALFVEC)).scalar_subquery()
    similarity: ColumnElement[float] = 1 - moment.embedding.op("<=>", return_type=Double())(once)
    part = (
        moment.frame_no
        if video.frame_count <= MAX_POINTS
        else func.width_bucket(moment.t_s, 0.0, max(video.duration_s, 0.001), MAX_POINTS)
    )
    wanted = (
        select(moment.t_s, moment.frame_no, similarity.label("similarity"))
        .where(moment.video_id == video.id)
        .ext(distinct_on(part))
        .order_by(part, similarity.desc(), moment.frame_no)
    )
    return tuple(Point(*row) for row in connection.execute(wanted))
