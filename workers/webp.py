"""Decodes animated WebP by Pillow, because FFmpeg cannot."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from PIL import Image

from app.errors import MediaError, UnreadableError
from workers.analysis import VideoInfo
from workers.container import MAX_PIXELS, read_head
from workers.frames import DecodedFrame, View

_SHORTEST_MS = 11
_USUAL_MS = 100
"""Browsers show a frame that claims to last less than the one for the other."""


class AnimatedWebp:
    """An animated WebP open for one decode pass; it is used as `workers.video.Video` is."""

    def __init__(self, path: Path, on_work: Callable[[], None] = lambda: None) -> None:
        """Open a file; `on_work` is called with every frame.

        Raises:
            MediaError: It cannot be decoded; the message is the reason.
            UnreadableError: It cannot be read now.
        """
        self.warning: str | None = None
        self.duration_s = 0.0
        self._on_work = on_work
        width, height = _canvas(read_head(path))
        if width * height > MAX_PIXELS:
            raise MediaError(f"is too large: {width} x {height} pixels")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                self._picture = Image.open(path, formats=["WEBP"])
        except (OSError, ValueError) as error:
            # What Pillow itself raises of a file has no number.
            if isinstance(error, OSError) and error.errno is not None:
                raise UnreadableError(f"cannot be read: {error.strerror}") from error
            raise MediaError("is damaged or incomplete: nothing could be decoded") from error
        self._frame_count: int = getattr(self._picture, "n_frames", 1)
        if self._frame_count == 1:
            self._picture.close()
            raise MediaError("is a still picture")
        self.info = VideoInfo(
            duration_s=None,
            width=width,
            height=height,
            fps=None,
            codec="webp",
            frame_count=self._frame_count,
            title=None,
            recorded_at=None,
            tags={},
            subtitles=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._picture.close()

    def __iter__(self) -> Iterator[DecodedFrame]:
        view: View | None = None
        for index in range(self._frame_count):
            try:
                self._picture.seek(index)
                pixels = np.asarray(self._picture.convert("RGBA"))
            except (OSError, EOFError, ValueError) as error:
                if view is None:
                    raise MediaError("is damaged: nothing could be decoded") from error
                self.warning = f"cut short: {self.duration_s:.1f} s could be read"
                return
            self._on_work()
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba")
            view = view or View.of(frame, None)
            shown_s = self.duration_s
            self.duration_s = round(shown_s + self._length_ms() / 1000, 6)
            yield DecodedFrame(index, shown_s, True, view, frame)

    def _length_ms(self) -> int:
        length_ms = int(self._picture.info.get("duration", 0))
        return length_ms if length_ms >= _SHORTEST_MS else _USUAL_MS


def _canvas(head: bytes) -> tuple[int, int]:
    """Width and height in pixels, from a WebP's extended header."""
    return (
        int.from_bytes(head[24:27], "little") + 1,
        int.from_bytes(head[27:30], "little") + 1,
    )
