"""A question: what is sought, what has to hold for its video, and how the answer is arranged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from app.errors import BadRequestError
from app.typed_filters import said_of

MAX_LIMIT = 1000
MAX_GAP_S = 60.0
# The picture counts as much as the words.
EVEN_WEIGHT = 50

Group = Literal["scene", "video", "frame"]
Sort = Literal["relevance", "date", "length"]
GROUPS: tuple[Group, ...] = get_args(Group)
SORTS: tuple[Sort, ...] = get_args(Sort)


@dataclass(frozen=True)
class FrameKey:
    """A frame of the library."""

    video_id: int
    frame_no: int

    def __str__(self) -> str:
        return f"{self.video_id}:{self.frame_no}"

    @classmethod
    def parse(cls, text: str) -> "FrameKey":
        """The frame that VIDEO:FRAME names; raises BadRequestError."""
        match = re.fullmatch(r"([0-9]{1,18}):([0-9]{1,9})", text)
        if match is None:
            raise BadRequestError(f"{text[:40]!r} is no frame; write VIDEO:FRAME, as in 7:250")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class Question:
    """What is sought: words, a picture or both, or what looks like a frame, and nothing else.

    In the words, -this is what is not wanted. `image` is a picture file, or the key of one that was
    asked with before; `weight` is its share in percent against the words. `keywords` are looked for
    in titles, tags and subtitles as well. `then` are words for what follows within `gap_s` seconds.
    `where` is a filter as app.filters reads it, `filters` are those of app.typed_filters; all have
    to hold. `min_similarity` and `min_z` leave out what answers less; `min_z` keeps what keywords
    found.
    """

    text: str = ""
    image: str | bytes = ""
    weight: int = EVEN_WEIGHT
    like: FrameKey | None = None
    keywords: str = ""
    then: str = ""
    gap_s: float = MAX_GAP_S
    filters: tuple[str, ...] = ()
    where: str = ""
    group: Group = "scene"
    moments_each: int = 3
    sort: Sort = "relevance"
    min_similarity: float | None = None
    min_z: float | None = None
    exact: bool = False
    limit: int = 20
    said: tuple[str, ...] = field(init=False)
    """What has to be said in a scene: those of the filters that say so."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "said", said_of(self.filters))
        check_limit(self.limit)
        for problem in self._problems():
            raise BadRequestError(problem)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is sought; a filter for videos alone is no question."""
        return not (self.is_seen or self.keywords.strip() or self.said or self.then.strip())

    @property
    def is_seen(self) -> bool:
        """Whether the question has a vector: whether it says how a moment looks."""
        return bool(self.text.strip() or self.image or self.like)

    @property
    def ranks_videos(self) -> bool:
        """Whether whole videos are ranked, for which the limit then is, and not moments.

        Keywords and what is said rank scenes, of which those of a video are but put together.
        """
        return self.group == "video" and not (self.keywords.strip() or self.said)

    @property
    def weights(self) -> Mapping[str, float]:
        """What the picture and the words weigh against each other, if not the same.

        Where one of them is alone it is empty: a weight would have what is not wanted decide, or
        nothing at all.
        """
        if self.weight == EVEN_WEIGHT or not (self.image and self.text.strip()):
            return {}
        share = self.weight / 100
        return {"query": 2 * (1 - share), "image": 2 * share}

    def _problems(self) -> list[str]:
        """What cannot be asked together, each in one line that says what to leave out."""
        given = {
            "a frame and words": self.like and self.text.strip(),
            "a frame and a picture": self.like and self.image,
            "a frame and keywords": self.like and self.keywords.strip(),
        }
        wrong = [f"ask for one of {names}, not for both" for names, clash in given.items() if clash]
        if self.image == b"":
            wrong.append("the picture is an empty file")
        if not 0 <= self.weight <= 100:
            wrong.append(f"the picture's weight is {self.weight}; it is a percentage, 0 to 100")
        if not self.gap_s > 0:
            wrong.append(f"the gap is {self.gap_s:g} s; it must be above 0")
        if self.min_similarity is not None and self.keywords.strip():
            wrong.append("keywords have no similarity; leave out either them or the least one")
        if self.said and self.group == "frame":
            wrong.append("what is said is found by scenes; leave out the grouping by frames")
        if self.then.strip():
            if not self.is_seen:
                wrong.append("a sequence needs words for what comes first and what follows")
            if self.keywords.strip() or self.said:
                wrong.append("what follows is found by its looks; leave out keywords and said:")
            if self.group != "scene":
                wrong.append("what follows is listed by scenes; leave out the other grouping")
        return wrong


def check_limit(limit: int) -> None:
    """Raises BadRequestError for a number of hits that cannot be asked for."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadRequestError(
            f"the limit is {limit}; between 1 and {MAX_LIMIT:,} hits can be asked"
        )
