"""What the JSON API is asked."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, FiniteFloat, PlainValidator, WithJsonSchema
from werkzeug.datastructures import FileStorage

from app.asking import EVEN_WEIGHT, MAX_GAP_S, MAX_LIMIT, Group, Sort
from app.questions import MAX_TEXT_LENGTH
from app.suggestions import MAX_LENGTH as SUGGEST_LENGTH
from app.typed_filters import MOST as MOST_FILTERS
from app.web.contract import Input, Parameters

DEFAULT_HITS = 20
DEFAULT_VIDEOS = 100
LAST_OFFSET = 999_999_999

Words = Annotated[str, Field(max_length=MAX_TEXT_LENGTH)]
Hits = Annotated[
    int, Field(ge=1, le=MAX_LIMIT, description="The most hits that come with this answer.")
]
Rows = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="The most that come at once.")]
Offset = Annotated[int, Field(ge=0, le=LAST_OFFSET, description="How many to pass over.")]
Where = Annotated[
    str,
    Field(
        description="A filter on videos, such as: collection = news and recorded_at >= 2026-01-01"
    ),
]


# What is given once comes as a text, what is given again and again as a list.
Texts = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)
]


def _file(given: Any) -> FileStorage:
    if not isinstance(given, FileStorage):
        raise ValueError("a file is sent as multipart/form-data")
    return given


File = Annotated[
    FileStorage,
    PlainValidator(_file),
    WithJsonSchema({"type": "string", "format": "binary"}),
]


Filters = Annotated[
    Texts,
    Field(
        max_length=MOST_FILTERS,
        description="What has to hold of the video, such as tag:beach, -collection:news, "
        "after:2026-05, longer:10m, camera:GoPro. May be given again and again; for scenes also as "
        'said:"good morning".',
    ),
]


class Question(Parameters):
    """A question; the names are those in the address of the search page."""

    q: Words = Field(
        "",
        description="What is to be seen, in words; -this is what is not wanted. Filters may stand "
        "among the words.",
        examples=["a red circle"],
    )
    then: Words = Field("", description="What happens next, in words.")
    gap: float = Field(
        MAX_GAP_S, gt=0, le=1e9, description="The most seconds from the one to the next."
    )
    weight: int = Field(
        EVEN_WEIGHT, ge=0, le=100, description="Share of the picture against the words, in percent."
    )
    like: str = Field(
        "", pattern="^([0-9]{1,18}:[0-9]{1,9})?$", description="A frame, as VIDEO:FRAME."
    )
    filter: Filters = ()
    where: Where = ""
    match: Literal["all", "picture"] = Field(
        "all", description="Whether the words may be found in titles and subtitles as well."
    )
    group: Group = Field("scene", description="What one hit is, or is listed by.")
    sort: Sort = Field("relevance", description="Best, newest or longest first.")
    min_z: FiniteFloat | None = Field(
        None, description="Leave out what stands out by fewer deviations."
    )
    limit: Hits = DEFAULT_HITS
    keep: bool = Field(
        False,
        description=f"Rank up to {MAX_LIMIT:,} hits and keep them for an hour: the answer's token "
        "is for their further pages.",
    )


class SearchQuery(Question):
    """A question, of which a picture is known by its key."""

    image: str = Field(
        "",
        pattern="^([0-9a-f]{64})?$",
        description="The key of a picture: POST /api/pictures tells it.",
    )


class SearchForm(Question):
    """A question with the file of a picture."""

    image: File | None = Field(None, description="A picture of what is to be seen.")


class PageQuery(Parameters):
    """Which part of a list."""

    offset: Offset = 0
    limit: Rows = DEFAULT_HITS


class VideosQuery(Parameters):
    """Which videos."""

    filter: Filters = ()
    where: Where = ""
    offset: Offset = 0
    limit: Rows = DEFAULT_VIDEOS


class RelatedQuery(Parameters):
    """Which of the videos that are like one."""

    filter: Filters = ()
    where: Where = ""
    limit: Rows = DEFAULT_HITS


class SaidQuery(Parameters):
    """What was said."""

    q: Words = Field(
        examples=["red circle"], description='Keywords as in a web search: "a phrase", or, -not.'
    )
    filter: Filters = ()
    where: Where = ""
    offset: Offset = 0
    limit: Rows = DEFAULT_HITS


class PictureForm(Parameters):
    """A picture."""

    image: File = Field(description="The picture's file.")


class Edits(Input):
    """Fields of a video and what they become; null takes a value away, the others stay."""

    title: Words | None = Field(None, examples=["A walk on the beach"])
    description: str | None = None
    collection: str | None = None
    tags: list[str] | None = Field(
        None, description="All tags, in place of those it had.", examples=[["beach", "summer"]]
    )
    recorded_at: str | None = Field(
        None, description="A date, or a date and time; UTC where it names no zone."
    )
    metadata: dict[str, str | bool | int | FiniteFloat | None] = Field(
        {}, description="Keys and what they become; null takes a key away, the others stay."
    )


class LinesQuery(Parameters):
    """What is looked for in the subtitles."""

    q: Words = Field("", description='Keywords as in a web search: "a phrase", or, -not.')


class SuggestionsQuery(Parameters):
    """What was typed so far."""

    prefix: str = Field(
        "", max_length=SUGGEST_LENGTH, examples=["tag:be"], description="The word being typed."
    )
