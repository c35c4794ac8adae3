"""Pages of an answer: the first request ranks and keeps, later ones read what was kept.

To rank anew for each page would repeat hits and skip others whenever the library has changed in
between. What is kept are keys and scores; titles and paths are read afresh.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, func, insert, select, tuple_

from app.errors import BadRequestError
from app.models import Frame, KeptRanking, Scene, Video
from app.search import Hit, Then

KEPT_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Page:
    """Some hits of a kept ranking, the place of each in it from 0, and how many it has in all.

    `end` is the place behind the last of them, where the next page begins.
    """

    hits: tuple[Hit, ...]
    places: tuple[int, ...]
    total: int
    end: int


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
            *([hit.then.frame_no, hit.then.similarity, hit.then.z] if hit.then else []),
        ]
        for hit in hits
    ]
    with engine.begin() as connection:
        connection.execute(delete(KeptRanking).where(KeptRanking.kept_at < func.now() - KEPT_FOR))
        return connection.execute(
            insert(KeptRanking).values(hits=kept).returning(KeptRanking.token)
        ).scalar_one()


def page(
    engine: Engine, token: UUID, *, offset: int, limit: int, whole_videos: bool = False
) -> Page:
    """The hits from `offset` on, at most `limit`; those whose video is gone meanwhile are left out.

    With `whole_videos` there are as many more as belong to the last one's video. Raises
    BadRequestError if nothing is kept under the token.
    """
    with engine.connect() as connection:
        kept = kept_hits(connection, token)
        end = end_of_part([row[0] for row in kept], offset, limit, whole_videos=whole_videos)
        wanted = kept[offset:end]
        facts = _facts_of_frames(connection, wanted)
    found = {
        place: _hit(row, facts)
        for place, row in enumerate(wanted, offset)
        if (row[0], row[1]) in facts and (len(row) < 9 or (row[0], row[6]) in facts)
    }
    return Page(tuple(found.values()), tuple(found), len(kept), end)


def kept_hits(connection: Connection, token: UUID) -> list[list[Any]]:
    """A kept ranking as it stands in the table, best first: the video and the frame of each hit,
    and its scores; raises BadRequestError if nothing is kept under the token.
    """
    kept: list[list[Any]] | None = connection.execute(
        select(KeptRanking.hits).where(
            KeptRanking.token == token, KeptRanking.kept_at >= func.now() - KEPT_FOR
        )
    ).scalar_one_or_none()
    if kept is None:
        raise BadRequestError("this answer is no longer kept; ask the question again")
    return kept


def end_of_part(video_ids: Sequence[int], start: int, size: int, *, whole_videos: bool) -> int:
    """Where a part of so many hits ends, which may be more so that no video is torn apart."""
    end = min(start + size, len(video_ids))
    while whole_videos and start < end < len(video_ids) and video_ids[end] == video_ids[end - 1]:
        end += 1
    return end


def _facts_of_frames(
    connection: Connection, kept: Sequence[Sequence[Any]]
) -> dict[tuple[int, int], dict[str, Any]]:
    """What is known of the kept hits' frames that can still be seen, by video and frame number."""
    keys = [(row[0], frame_no) for row in kept for frame_no in (row[1], *row[6:7])]
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
            tuple_(Frame.video_id, Frame.frame_no).in_(keys),
            Video.path.is_not(None),
            Video.status == "indexed",
        )
    )
    return {(row.video_id, row.frame_no): dict(row._mapping) for row in rows}


def _hit(row: Sequence[Any], facts: dict[tuple[int, int], dict[str, Any]]) -> Hit:
    video_id, frame_no, similarity, z, matched_by, is_exact, *follows = row
    known = facts[video_id, frame_no]
    then = None
    end_s = known["end_s"]
    if follows:
        frame = facts[video_id, follows[0]]
        then = Then(frame["scene_no"], frame["frame_no"], frame["t_s"], *follows[1:])
        end_s = frame["end_s"]
    return Hit(
        **{
            **known,
            "tags": tuple(known["tags"]),
            "end_s": end_s,
            "similarity": similarity,
            "z": z,
            "matched_by": tuple(matched_by),
            "is_exact": is_exact,
            "then": then,
        }
    )
