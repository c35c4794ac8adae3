"""What is said in the videos, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import BigInteger, Double, Engine, Integer, Text, column, func, select

from app.models import Video
from app.questions import checked_words
from app.typed_filters import video_condition

COLUMNS = (
    column("video_id", BigInteger),
    column("title", Text),
    column("path", Text),
    column("scene_no", Integer),
    column("line_no", Integer),
    column("start_s", Double),
    column("end_s", Double),
    column("said", Text),
    column("frame_no", Integer),
    column("relevance", Double),
)


@dataclass(frozen=True)
class SaidLine:
    """A line of subtitles, and the indexed frame nearest to it; times in seconds."""

    video_id: int
    title: str
    path: str
    scene_no: int | None
    line_no: int
    start_s: float
    end_s: float
    said: str
    frame_no: int | None
    relevance: float


def find_said(
    engine: Engine,
    keywords: str,
    *,
    where: str = "",
    filters: Sequence[str] = (),
    limit: int = 20,
    offset: int = 0,
) -> tuple[tuple[SaidLine, ...], int]:
    """The lines that match keywords, best first, and how many there are in all.

    The filters are those of a question. Raises BadRequestError.
    """
    checked_words(keywords)
    line = func.search_said(keywords).table_valued(*COLUMNS, name="line")
    found = (
        select(*(line.c[field.name] for field in fields(SaidLine)))
        .join(Video, Video.id == line.c.video_id)
        .where(video_condition(where, filters))
    )
    # One line may fit as well as another, and pages must not show either twice.
    order = (line.c.relevance.desc(), line.c.video_id, line.c.line_no)
    with engine.connect() as connection:
        rows = connection.execute(found.order_by(*order).limit(limit).offset(offset)).all()
        total = connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()
    return tuple(SaidLine(*row) for row in rows), total
