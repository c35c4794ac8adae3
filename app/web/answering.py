"""An answer as the page shows it: what stands out first, the rest below, in parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from uuid import UUID

from sqlalchemy import Engine

from app.asking import Question
from app.catalog import count_videos
from app.paging import Page, end_of_part, keep
from app.search import Hit, search
from app.web.question import Given

KEPT = 300
"""How many hits are ranked and kept; few people look further, and a filter brings others."""
KEPT_VIDEOS = 60
MOMENTS_EACH = 12
SHOWN = 24
BELOW_SHOWN = 12


@dataclass(frozen=True)
class Placed:
    """A hit and its place in the kept answer, from 0."""

    hit: Hit
    place: int


@dataclass(frozen=True)
class Shown:
    """A part of an answer; `next_offset` is where the next part begins, None at the end.

    `below` are the best of those that the cut-off leaves out, shown only where it leaves out all.
    `zs` are those of the hits that a cut-off may leave out, `always` is how many it cannot.
    """

    token: UUID
    hits: tuple[Placed, ...]
    total: int
    next_offset: int | None
    is_full: bool = False
    below: tuple[Placed, ...] = ()
    zs: tuple[float, ...] = ()
    always: int = 0
    unknown_words: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0
    held_videos: int = 0
    by_video: tuple[tuple[Placed, ...], ...] = field(init=False)
    """The hits of each video together, in the order of the answer."""

    def __post_init__(self) -> None:
        groups = groupby(self.hits, key=lambda placed: placed.hit.video_id)
        object.__setattr__(self, "by_video", tuple(tuple(hits) for _, hits in groups))

    @classmethod
    def of_page(cls, page: Page, token: UUID) -> "Shown":
        """A later part of a kept answer."""
        placed = (Placed(hit, place) for hit, place in zip(page.hits, page.places, strict=True))
        return cls(token, tuple(placed), page.total, page.end if page.end < page.total else None)


def to_rank(given: Given) -> Question:
    """The question as it is ranked for the page: with all the hits that are kept."""
    question = replace(given.question(KEPT), moments_each=MOMENTS_EACH)
    return replace(question, limit=KEPT_VIDEOS) if question.ranks_videos else question


def shown(engine: Engine, given: Given, limit: int) -> Shown:
    """Answers what is asked, keeps the answer, and gives its first `limit` hits.

    All are ranked before the cut-off is applied: what it leaves out is counted, and the best of it
    shown where nothing is left. Raises what app.search.search raises.
    """
    question = to_rank(given)
    answer = search(engine, replace(question, min_z=None))
    above = [hit for hit in answer.hits if _stands_out(hit, question)]
    best_first = sorted(answer.hits, key=lambda hit: -(hit.z or 0))
    kept = above or best_first[:BELOW_SHOWN]
    placed = tuple(Placed(hit, place) for place, hit in enumerate(kept))
    video_ids = [hit.video_id for hit in above]
    end = end_of_part(video_ids, 0, limit, whole_videos=given.is_grouped_by_video)
    zs = tuple(round(_z_of(hit), 2) for hit in answer.hits if _can_be_cut(hit, question))
    return Shown(
        token=keep(engine, kept),
        hits=placed[:end],
        total=len(above),
        next_offset=end if end < len(above) else None,
        is_full=_count(answer.hits, question) >= question.limit,
        below=() if above else placed,
        zs=zs,
        always=len(answer.hits) - len(zs),
        unknown_words=answer.unknown_words,
        warnings=answer.warnings,
        seconds=answer.seconds,
        # Told only where nothing was found: then the filter may be why.
        held_videos=0
        if answer.hits
        else count_videos(engine, where=question.where, filters=question.filters),
    )


def _count(hits: Sequence[Hit], question: Question) -> int:
    """How many of what the question's limit is for: videos where videos are ranked, else hits."""
    if question.ranks_videos:
        return len({hit.video_id for hit in hits})
    return len(hits)


def _can_be_cut(hit: Hit, question: Question) -> bool:
    """Whether a cut-off may leave the hit out: what keywords found as well stays, as in SQL."""
    return hit.z is not None and (bool(question.said) or hit.matched_by == ("picture",))


def _stands_out(hit: Hit, question: Question) -> bool:
    return question.min_z is None or not _can_be_cut(hit, question) or _z_of(hit) >= question.min_z


def _z_of(hit: Hit) -> float:
    """How far a hit stands out; with what follows, the lesser of the two."""
    scores = [hit.z, hit.then.z if hit.then else None]
    return min((z for z in scores if z is not None), default=0)
