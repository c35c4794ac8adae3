"""Pages of an answer: the first request ranks and keeps, later ones read what was kept.

To rank anew for each page would repeat hits and skip others whenever the library has changed in
between. What is kept are keys and scores; titles and paths are read afresh.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine, delete, func, insert, select, tuple_

from app.errors import BadRequestError
from app.models import Frame, KeptRanking, Scene, Video
from app.search import Hit

KEPT_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Page:
    """Some hits of a kept ranking, and how many it has in all."""

    hits: tuple[Hit, ...]
    total: int


def keep(engine: Engine, hits: Sequence[Hit]) -> UUID:
    """Keeps a ranking for an hour; returns the token that `page` takes."""
    kept = [
        [
            hit.video_id,
            hit.frame_no,
            hit.similarity,
            hit.z,
            list(hit.matched_by),
            hit.is_exact,
        ]
        for hit in hits
    ]
    with engine.begin() as connection:
        connection.execute(delete(KeptRanking).where(KeptRanking.kept_at < func.now() - KEPT_FOR))
        return connection.execute(
            insert(KeptRanking).values(hits=kept).returning(KeptRanking.token)
        ).scalar_one()


def page(engine: Engine, token: UUID, *, offset: int, limit: int) -> Page:
    """The hits from `offset` on, at most `limit`; those whose video is gone meanwhile are left out.

    Raises BadRequestError if nothing is kept under the token.
    """
    with engine.connect() as connection:
        kept = connection.execute(
            select(KeptRanking.hits).where(
                KeptRanking.token == token, KeptRanking.kept_at >= func.now() - KEPT_FOR
            )
        ).scalar_one_or_none()
        if kept is None:
            raise BadRequestError("this answer is no longer kept; ask the question again")
        wanted = kept[offset : offset + limit]
        rows = connection.execute(
            select(
                Frame.video_id,
                Frame.frame_no,
                Frame.scene_no,
                Frame.t_s,
                Scene.start_s,
                Scene.end_s,
                Scene.said,
                Video.title,
                Video.path,
                Video.collection,
                Video.tags,
                Video.recorded_at,
                Video.duration_s,
                Video.indexed_at,
            )
            .join(Video, Video.id == Frame.video_id)
            .join(Scene, (Scene.video_id == Frame.video_id) & (Scene.scene_no == Frame.scene_no))
            .where(
                tuple_(Frame.video_id, Frame.frame_no).in_([tuple(hit[:2]) for hit in wanted]),
                Video.path.is_not(None),
                Video.status == "indexed",
            )
        ).all()
    found = {(row.video_id, row.frame_no): row._mapping for row in rows}
    hits = tuple(
        Hit(
            **{
                **found[video_id, frame_no],
                "tags": tuple(found[video_id, frame_no]["tags"]),
                "similarity": similarity,
                "z": z,
                "matched_by": tuple(matched_by),
                "is_exact": is_exact,
            }
        )
        for video_id, frame_no, similarity, z, matched_by, is_exact in wanted
        if (video_id, frame_no) in found
    )
    return Page(hits, len(kept))
