"""The indexed frames of a scene, for looking through it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from app.models import Frame, Video

MOST = 16


@dataclass(frozen=True)
class SceneFrame:
    """A frame, when it is seen, and when its video was indexed."""

    video_id: int
    frame_no: int
    t_s: float
    indexed_at: datetime


def scene_frames(engine: Engine, video_id: int, scene_no: int) -> tuple[SceneFrame, ...]:
    """The frames of a scene in order, at most MOST of them: the first of each equal part."""
    numbered = (
        select(
            Frame.video_id,
            Frame.frame_no,
            Frame.t_s,
            (func.row_number().over(order_by=Frame.frame_no) - 1).label("place"),
            func.count().over().label("frames"),
        )
        .where(Frame.video_id == video_id, Frame.scene_no == scene_no)
        .subquery()
    )
    wanted = (
        select(numbered.c.video_id, numbered.c.frame_no, numbered.c.t_s, Video.indexed_at)
        .join(Video, Video.id == numbered.c.video_id)
        # A frame is the first of its part if the one before it falls into another part.
        .where(numbered.c.place * MOST % numbered.c.frames < MOST)
        .order_by(numbered.c.frame_no)
    )
    with engine.connect() as connection:
        return tuple(SceneFrame(*row) for row in connection.execute(wanted))
