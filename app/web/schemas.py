"""What the JSON API answers."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.web.contract import Answer

Seconds = Annotated[float, Field(description="Seconds on a player's clock.")]


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
