"""What decoding finds out about a file; plain values, which travel from one process to another."""

from dataclasses import dataclass
from datetime import datetime

from PIL import Image


@dataclass(frozen=True)
class VideoInfo:
    """What a file says about itself.

    Width and height are those on the screen, in pixels; `frame_count` may be an estimate; `tags`
    are the container's own, in lower case; `subtitles` tells whether it holds any as text.
    """

    duration_s: float | None
    width: int
    height: int
    fps: float | None
    codec: str
    frame_count: int | None
    title: str | None
    recorded_at: datetime | None
    tags: dict[str, str]
    subtitles: bool


@dataclass(frozen=True)
class Scene:
    """A stretch of a video, in seconds; the end is the start of the next, or the video's end."""

    scene_no: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Sample:
    """A frame to be indexed; `frame_no` is its index among the decoded frames.

    `thumbnail` is a small JPEG of the image.
    """

    frame_no: int
    t_s: float
    scene_no: int
    image: Image.Image
    thumbnail: bytes


@dataclass(frozen=True)
class Fingerprint:
    """The perceptual hash of the frame at a time, 0 to 2**64 - 1."""

    t_s: float
    phash: int


@dataclass(frozen=True)
class Analysis:
    """What one pass found out; the scenes tile the video from 0 to `duration_s`.

    `warning` says in one line what was wrong with a file that could be decoded all the same.
    """

    scenes: tuple[Scene, ...]
    fingerprints: tuple[Fingerprint, ...]
    frame_count: int
    duration_s: float
    warning: str | None


@dataclass(frozen=True)
class Subtitle:
    """A text without its styling, and when it is shown, in seconds on a player's clock."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Progress:
    """How far the current file has come; the number of all its frames is an estimate, if known."""

    frames: int
    all_frames: int | None


@dataclass(frozen=True)
class Decoded:
    """All that a file was decoded for, beside the samples that were handed out on the way."""

    info: VideoInfo
    analysis: Analysis
    subtitles: tuple[Subtitle, ...]


@dataclass(frozen=True)
class Described:
    """What a file and its subtitles say, without its pictures."""

    info: VideoInfo
    subtitles: tuple[Subtitle, ...]
