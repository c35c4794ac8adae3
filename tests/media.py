"""Writes small videos for tests, with PyAV."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

MILLISECONDS = Fraction(1, 1000)


def plain(colour: tuple[int, int, int], width: int = 160, height: int = 90) -> Pixels:
    """A picture of one colour, (height, width, 3) red, green and blue."""
    return np.full((height, width, 3), colour, dtype=np.uint8)


def quadrants(width: int = 160, height: int = 90) -> Pixels:
    """Red, green, blue and white, from the top left in reading order."""
    picture = plain((255, 255, 255), width, height)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, : width // 2] = (0, 0, 255)
    return picture


def place(seed: int, width: int = 160, height: int = 90) -> Pixels:
    """A picture full of contrast that looks like no other: large blocks of random colours."""
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 8, 3), dtype=np.uint8)
    return np.repeat(np.repeat(blocks, height // 5, axis=0), width // 8, axis=1)


def shot(seed: int, frames: int, width: int = 160, height: int = 90) -> list[Pixels]:
    """A place seen by a camera that moves by a pixel every second, at 25 frames a second."""
    return [np.roll(place(seed, width, height), index // 25, axis=1) for index in range(frames)]


def write_clip(
    path: Path,
    pictures: Iterable[Pixels],
    *,
    fps: int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times_s: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
    muxer_options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    sample_aspect: Fraction | None = None,
    turn: dict[str, Any] | None = None,
) -> Path:
    """Write pictures as a video whose format its name tells.

    Args:
        times_s: When each picture is shown; without, they follow each other at `fps`.
        turn: Arguments of PyAV's `set_display_rotation`.
    """
    with av.open(str(path), "w", container_options=muxer_options or {}) as container:
        container.metadata.update(metadata or {})
        stream: VideoStream | None = None
        for index, picture in enumerate(pictures):
            if stream is None:
                stream = cast(VideoStream, container.add_stream(codec, fps, options=options or {}))
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = pix_fmt
                if times_s is not None:
                    stream.codec_context.time_base = MILLISECONDS
                if sample_aspect is not None:
                    stream.codec_context.sample_aspect_ratio = sample_aspect
                if turn is not None:
                    stream.set_display_rotation(**turn)
            channels = "rgba" if picture.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(picture, format=channels)
            if times_s is not None:
                frame.time_base, frame.pts = MILLISECONDS, round(times_s[index] * 1000)
            container.mux(stream.encode(frame.reformat(format=pix_fmt)))
        if stream is not None:
            container.mux(stream.encode(None))
    return path
