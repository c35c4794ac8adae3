"""Whether a model is filled wholly and rightly: all frames counted, some of them embedded again."""

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from sqlalchemy import Engine, func, select, text

from app.errors import MediaError
from app.model_catalog import count_lacking
from app.models import Frame
from workers.pictures import decoded, stored_video, thumbnails

if TYPE_CHECKING:
    from workers.model import Model

SAMPLE = 24
SEED = 1
LEAST_COSINE = 0.98
# A thumbnail is smaller than the frame, and some models see that.
LEAST_COSINE_BY_THUMBNAIL = 0.9
# Decoding up to a frame deep in a film would take minutes.
DECODED_UP_TO_S = 600.0

DRAWN = text(
    "SELECT e.video_id, e.frame_no, f.t_s, e.embedding::real[] AS vector "
    "FROM frame_embeddings e JOIN frames f USING (video_id, frame_no) WHERE e.model_id = :model_id "
    "ORDER BY hashint8extended(e.video_id * 1000003 + e.frame_no, :seed) LIMIT :size"
)


@dataclass(frozen=True)
class Check:
    """All frames and those without a vector; of the sample the lowest cosine, -1 to 1, if any.

    The cosine is between what is stored and what the model says now; `by_thumbnails` of the sampled
    frames were not to be had from their files.
    """

    frames: int
    lacking: int
    sampled: int
    by_thumbnails: int
    lowest: float | None
    wrong: int

    @property
    def is_passed(self) -> bool:
        return self.lacking == 0 and self.wrong == 0

    def __str__(self) -> str:
        counted = (
            f"all {self.frames:,} frames have a vector"
            if self.lacking == 0
            else f"{self.lacking:,} of {self.frames:,} frames have no vector"
        )
        if self.lowest is None:
            return counted
        small = f", {self.by_thumbnails} from thumbnails" if self.by_thumbnails else ""
        return (
            f"{counted}; {self.sampled} embedded again{small}: {self.wrong} differ, "
            f"cosine {self.lowest:.4f} or more"
        )


def check(engine: Engine, model: "Model", model_id: int, *, seed: int = SEED) -> Check:
    """Counts the frames that lack a vector, and embeds a sample of the others again."""
    with engine.connect() as connection:
        frames = connection.execute(select(func.count()).select_from(Frame)).scalar_one()
        lacking = count_lacking(connection, model_id)
        drawn = connection.execute(
            DRAWN, {"model_id": model_id, "seed": seed, "size": SAMPLE}
        ).all()
    by_video: dict[int, dict[int, float]] = defaultdict(dict)
    for row in drawn:
        by_video[row.video_id][row.frame_no] = row.t_s
    found: dict[tuple[int, int], tuple[Image.Image, bool]] = {}
    for video_id, times_s in by_video.items():
        found.update(_pictures(engine, video_id, times_s))
    # What was replaced or deleted in between is not there any more.
    there = [row for row in drawn if (row.video_id, row.frame_no) in found]
    images = [found[row.video_id, row.frame_no] for row in there]
    vectors = model.encode_images([image for image, _ in images])
    cosines = [
        float(np.asarray(row.vector, np.float32) @ vector)
        for row, vector in zip(there, vectors, strict=True)
    ]
    least = [LEAST_COSINE_BY_THUMBNAIL if small else LEAST_COSINE for _, small in images]
    return Check(
        frames=frames,
        lacking=lacking,
        sampled=len(there),
        by_thumbnails=sum(small for _, small in images),
        lowest=min(cosines, default=None),
        # A vector that is not a number is above nothing.
        wrong=sum(not cosine >= limit for cosine, limit in zip(cosines, least, strict=True)),
    )


def _pictures(
    engine: Engine, video_id: int, times_s: dict[int, float]
) -> dict[tuple[int, int], tuple[Image.Image, bool]]:
    """The pictures of a video's frames, and whether each is only a thumbnail."""
    with engine.connect() as connection:
        video = stored_video(connection, video_id, Frame.frame_no.in_(times_s))
    if video is None:
        return {}
    path = video.unchanged_file
    if path is not None and max(times_s.values()) <= DECODED_UP_TO_S:
        try:
            return {(video_id, no): (image, False) for no, image in decoded(path, video)}
        except MediaError:
            pass
    try:
        small = list(thumbnails(engine, video_id, video.frames))
    except MediaError:
        return {}
    return {(video_id, no): (image, True) for no, image in small}
