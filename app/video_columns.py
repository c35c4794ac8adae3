"""What lists show of each video: where it is, how it stands, how much of it was indexed."""

from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, func, literal_column, select

from app.models import Frame, Scene, Video, VideoFile


def shown_columns() -> tuple[SQLColumnExpression[Any], ...]:
    """What every list shows, named as the fields of its rows."""
    return (
        Video.id.expression,
        Video.title.expression,
        known_path().label("path"),
        Video.path.is_not(None).label("present"),
        Video.collection.expression,
        Video.tags.expression,
        Video.recorded_at.expression,
        Video.duration_s.expression,
        Video.error.expression,
        scene_count().label("scenes"),
        Video.frame_count.label("frames"),
        cover_frame_no().label("cover_frame_no"),
        Video.indexed_at.expression,
    )


def video_state() -> ColumnElement[str]:
    """The status, or `hidden` for an indexed video none of whose files is there."""
    # Text, because GROUP BY takes two expressions with parameters of their own for two.
    return literal_column(
        "CASE WHEN videos.status = 'indexed' AND videos.path IS NULL THEN 'hidden' "
        "ELSE videos.status END"
    )


def known_path() -> ColumnElement[str | None]:
    """Where a video is, or where it was if it is hidden."""
    last = select(func.min(VideoFile.path)).where(VideoFile.video_id == Video.id)
    path: ColumnElement[str | None] = func.coalesce(Video.path, last.scalar_subquery())
    return path


def scene_count() -> ColumnElement[int]:
    """How many scenes a video has."""
    return select(func.count()).where(Scene.video_id == Video.id).scalar_subquery()


def cover_frame_no() -> ColumnElement[int]:
    """The frame in a video's middle: the first one is often a title or still dark."""
    middle = func.percentile_disc(0.5).within_group(Frame.frame_no)
    return select(middle).where(Frame.video_id == Video.id).scalar_subquery()
