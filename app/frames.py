"""The indexed frames of a scene, for looking through it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from app.models import Frame, Video

MOST = 60


@dataclass(frozen=True)
class SceneFrame:
    """A frame, when it is seen, and when its video was indexed."""

    video_id: int
    frame_no: int
    t_s: float
    indexed_at: datetime


def scene_frames(engine: Engine, video_id: int, scene_no: int) -> tuple[SceneFrame, ...]:
    """The frames of a scene in order, at most MOST of them spread over it."""
    wanted = (
        select(Frame.video_id, Frame.frame_no, Frame.t_s, Video.indexed_at)
        .join(Video, Video.id == Frame.video_id)
        .where(Frame.video_id == video_id, Frame.scene_no == scene_no)
        .order_by(Frame.frame_no)
    )
    with engine.connect() as connection:
        rows = connection.execute(wanted).all()
    step = -(-len(rows) // MOST) or 1
    return tuple(SceneFrame(*row) for row in rows[::step])
