"""What the JSON API is asked and what it answers."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, FiniteFloat, PlainValidator, WithJsonSchema
from werkzeug.datastructures import FileStorage

from app.asking import EVEN_WEIGHT, MAX_GAP_S, MAX_LIMIT, Group, Sort
from app.questions import MAX_TEXT_LENGTH
from app.suggestions import MAX_LENGTH as SUGGEST_LENGTH
from app.typed_filters import MOST as MOST_FILTERS
from app.web.contract import Answer, Input, Parameters

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
Seconds = Annotated[float, Field(description="Seconds on a player's clock.")]


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


class Then(Answer):
    """What follows a hit: the frame that answers what was asked to happen next."""

    scene_no: int
    frame_no: int
    t_s: Seconds
    similarity: float
    z: float | None


class Hit(Answer):
    """A scene or a frame that answers the question, shown by its best frame.

    With what follows, the start and the end are those of both scenes together.
    """

    video_id: int
    title: str
    path: str
    collection: str | None
    tags: tuple[str, ...]
    recorded_at: datetime | None
    duration_s: float
    scene_no: int
    start_s: Seconds
    end_s: Seconds
    frame_no: int
    t_s: Seconds
    said: str | None = Field(description="The subtitles that are shown in the scene.")
    similarity: float | None = Field(description="Cosine similarity, from -1 to 1.")
    z: float | None = Field(
        description="How many deviations the similarity lies above that of frames that do not "
        "answer; null in a library too small to tell."
    )
    matched_by: tuple[str, ...] = Field(description="Of picture, words, subtitles: what was found.")
    is_exact: bool = Field(description="Whether every frame was compared; else the index was used.")
    indexed_at: datetime
    then: Then | None = Field(description="With `then`: what follows.")
    thumbnail_url: str
    media_url: str


class SearchAnswer(Answer):
    """The hits, best first, and what a person should know about them."""

    hits: list[Hit]
    token: UUID | None = Field(description="With keep: for /api/pages/TOKEN.")
    total: int | None = Field(description="With keep: how many hits are kept.")
    unknown_words: tuple[str, ...] = Field(description="Words that the model never saw.")
    model: str
    warnings: tuple[str, ...]
    seconds: float
    image_key: str | None = Field(
        description="The key of the picture that was sent: in SQL image_vector(image_key)."
    )


class HitsPage(Answer):
    """Some hits of a kept answer, and how many it has in all."""

    hits: list[Hit]
    total: int


class VideoCard(Answer):
    """A video as lists show it; one that is not present has no file that could be watched."""

    id: int
    title: str
    path: str | None
    present: bool
    collection: str | None
    tags: tuple[str, ...]
    recorded_at: datetime | None
    duration_s: float | None
    status: str
    error: str | None
    scenes: int
    frames: int
    cover_frame_no: int | None
    indexed_at: datetime
    thumbnail_url: str | None
    media_url: str


class VideosPage(Answer):
    """Some videos, and how many there are in all."""

    videos: list[VideoCard]
    total: int
    limit: int
    offset: int


class Video(Answer):
    """All that is known of a video; `edited` names what people set."""

    id: int
    title: str
    description: str | None
    collection: str | None
    recorded_at: datetime | None
    tags: list[str]
    metadata: dict[str, Any]
    status: str
    error: str | None
    warning: str | None
    duration_s: float | None
    width: int | None
    height: int | None
    fps: float | None
    codec: str | None
    frame_count: int
    sampling: str | None
    indexed_at: datetime
    edited: list[str]
    files: list[str]


class Scene(Answer):
    """A scene, and the frame in its middle."""

    scene_no: int
    start_s: Seconds
    end_s: Seconds
    frame_no: int
    thumbnail_url: str


class Scenes(Answer):
    """The scenes of a video, in their order."""

    scenes: list[Scene]


class LinesQuery(Parameters):
    """What is looked for in the subtitles."""

    q: Words = Field("", description='Keywords as in a web search: "a phrase", or, -not.')


class Line(Answer):
    """A line of the subtitles."""

    start_s: Seconds
    end_s: Seconds
    said: str
    is_match: bool = Field(description="Whether it has the keywords that were given.")


class Lines(Answer):
    """The subtitles of a video, in their order."""

    lines: list[Line]


class SimilarVideo(Answer):
    """A video that shows what another one shows; the scene is where it does so most."""

    video_id: int
    title: str
    path: str
    similarity: float
    scene_no: int
    start_s: Seconds
    end_s: Seconds
    frame_no: int
    t_s: Seconds
    like_frame_no: int = Field(description="The frame of the video that was asked about.")
    is_exact: bool


class SimilarVideos(Answer):
    """The videos that are like one, best first."""

    videos: list[SimilarVideo]


class Copy(Answer):
    """Where a video contains a part of another; `from_s` to `to_s` is in the one asked about."""

    video_id: int
    title: str
    path: str
    start_s: Seconds
    end_s: Seconds
    from_s: Seconds
    to_s: Seconds
    speed: float
    is_mirrored: bool
    agreement: float = Field(description="1 where all fingerprints are equal, 0 where none is.")


class Copies(Answer):
    """Where other videos contain parts of one."""

    copies: list[Copy]


class SaidLine(Answer):
    """A line of subtitles, and the indexed frame nearest to it."""

    video_id: int
    title: str
    path: str
    scene_no: int | None
    line_no: int
    start_s: Seconds
    end_s: Seconds
    said: str
    frame_no: int | None
    relevance: float


class SaidLines(Answer):
    """The lines that match, best first, and how many there are in all."""

    lines: list[SaidLine]
    total: int


class Picture(Answer):
    """A picture that can be asked with: `image=KEY`, or search_image('KEY') in SQL."""

    key: str


class SuggestionsQuery(Parameters):
    """What was typed so far."""

    prefix: str = Field(
        "", max_length=SUGGEST_LENGTH, examples=["tag:be"], description="The word being typed."
    )


class Suggestion(Answer):
    """What may be put in place of the word being typed; after a name a value is still to come."""

    text: str
    note: str = Field(description="What it stands for.")
    is_name: bool
    videos: int | None = Field(description="How many videos have it.")


class Suggestions(Answer):
    """What may be meant, the likeliest first."""

    suggestions: list[Suggestion]


class Status(Answer):
    """How the library and the processes around it stand."""

    videos: dict[str, int] = Field(description="How many videos are in each state.")
    scenes: int
    frames: int
    model: str | None
    model_warning: str | None
    database_bytes: int
    queue: dict[str, int] = Field(description="How many jobs are in each state.")
    embedder_running: bool
