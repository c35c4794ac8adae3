"""One decoded frame, and the pictures that are made of it."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from io import BytesIO
from typing import Any, Literal

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

SMALL_SIDE = 96
"""Longer side of a frame as scene detection sees it, in pixels."""

MAX_SIDE = 1280
"""Longer side of the pictures taken from a video, in pixels: models look at 256 to 512 of them."""

THUMBNAIL_PX = 320
THUMBNAIL_QUALITY = 80

Pixels = NDArray[np.uint8]
Interpolation = Literal["POINT", "AREA", "BICUBIC"]


@dataclass(frozen=True, slots=True)
class View:
    """How the frames of a stream are to be shown.

    `sample_aspect` is the width of a pixel over its height, `turn` brings a picture upright, and
    `small_size` is the width and height of `DecodedFrame.small`, the same for the whole stream even
    where the resolution changes on the way.
    """

    sample_aspect: Fraction
    turn: Image.Transpose | None
    small_size: tuple[int, int]
    scaler: VideoReformatter
    luma_scaler: VideoReformatter

    @classmethod
    def of(cls, first: av.VideoFrame, sample_aspect: Fraction | None) -> "View":
        """The view that a stream's first frame and its declared sample aspect ratio ask for."""
        plausible = sample_aspect is not None and Fraction(1, 8) < sample_aspect < 8
        return cls(
            sample_aspect=sample_aspect if sample_aspect and plausible else Fraction(1),
            turn=_turn(first),
            small_size=_fit(first.width, first.height, SMALL_SIDE),
            # Two: each remembers how it scaled last, which takes longer to set up than to do.
            scaler=VideoReformatter(),
            luma_scaler=VideoReformatter(),
        )

    def shown_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height on the screen of a frame stored with these."""
        width = max(1, round(width * self.sample_aspect))
        return (height, width) if self.turn in _SIDEWAYS else (width, height)


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A frame as it came from the decoder.

    `index` counts the frames that were decoded, from 0; `t_s` is what a player's clock shows when
    the frame appears, in seconds.
    """

    index: int
    t_s: float
    key_frame: bool
    view: View
    stored: av.VideoFrame

    def small(self) -> Pixels:
        """The frame as scene detection sees it: every so many pixels one, as they are stored.

        Point sampling reads only the pixels it returns, in 0.1 ms at any resolution. PySceneDetect
        finds the same cuts in them as in averaged frames of 256 pixels, in a third of the time.

        Returns:
            (height, width, 3) blue, green, red; no side longer than SMALL_SIDE.
        """
        width, height = self.view.small_size
        return _bgr(self.stored, width, height, "POINT", self.view.scaler)

    def luma(self, side: int) -> Pixels:
        """Brightness of the upright picture, averaged down to `side` by `side` pixels."""
        bgr = _bgr(self.stored, side, side, "AREA", self.view.luma_scaler)
        return np.asarray(self._upright(Image.fromarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))))

    def image(self) -> Image.Image:
        """The picture as a player shows it: upright, RGB, no side longer than MAX_SIDE."""
        frame = self.compact()
        width = max(1, round(frame.stored.width * frame.view.sample_aspect))
        bgr = _bgr(frame.stored, width, frame.stored.height, "BICUBIC", VideoReformatter())
        return self._upright(Image.fromarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)))

    def compact(self) -> "DecodedFrame":
        """The frame itself, or a copy in the same format where it has a side over MAX_SIDE.

        A frame of 4K holds 12 to 25 MB of the decoder's memory, its copy 1.4 to 2.8.
        """
        shown_width = round(self.stored.width * self.view.sample_aspect)
        if max(shown_width, self.stored.height) <= MAX_SIDE:
            return self
        width, height = _fit(shown_width, self.stored.height, MAX_SIDE)
        smaller = scaled(self.stored, width, height, None, "AREA", VideoReformatter())
        return replace(self, stored=smaller, view=replace(self.view, sample_aspect=Fraction(1)))

    def _upright(self, picture: Image.Image) -> Image.Image:
        return picture if self.view.turn is None else picture.transpose(self.view.turn)


def jpeg(image: Image.Image) -> bytes:
    """The thumbnail of a frame: a JPEG whose longer side has at most THUMBNAIL_PX pixels."""
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    data = BytesIO()
    small.save(data, "JPEG", quality=THUMBNAIL_QUALITY)
    return data.getvalue()


def _fit(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height in the same proportion, neither over `side` nor under 1."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _bgr(
    frame: av.VideoFrame,
    width: int,
    height: int,
    interpolation: Interpolation,
    scaler: VideoReformatter,
) -> Pixels:
    """The stored picture in 8 bits, scaled; what is transparent shows white, as on a page."""
    if not has_alpha(frame.format.name):
        return _as_array(scaled(frame, width, height, "bgr24", interpolation, scaler))
    bgra = _as_array(scaled(frame, width, height, "bgra", interpolation, scaler))
    alpha = bgra[..., 3:].astype(np.uint16)
    return ((bgra[..., :3] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)


def scaled(
    frame: av.VideoFrame,
    width: int,
    height: int,
    pixel_format: str | None,
    interpolation: Interpolation,
    scaler: VideoReformatter,
) -> av.VideoFrame:
    """Scale and convert on the calling thread.

    swscale refuses frames tagged with a colour space it does not know, such as the reserved ones
    that some encoders write: those are taken for BT.709, which is what players do.
    """
    try:
        return scaler.reformat(
            frame, width, height, pixel_format, interpolation=interpolation, threads=1
        )
    except MemoryError:
        raise
    except av.FFmpegError:
        frame.colorspace = Colorspace.ITU709
        return scaler.reformat(
            frame, width, height, pixel_format, interpolation=interpolation, threads=1
        )


def _as_array(frame: av.VideoFrame) -> Pixels:
    return np.asarray(frame.to_ndarray(), dtype=np.uint8)


@cache
def has_alpha(pixel_format: str) -> bool:
    return any(component.is_alpha for component in av.VideoFormat(pixel_format).components)


_TURNS = {
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""Linear part of a display matrix, by rows, to Pillow's name for it (turned counter-clockwise)."""

_SIDEWAYS = {
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.TRANSVERSE,
}


def _turn(frame: av.VideoFrame) -> Image.Transpose | None:
    """What brings a frame upright, from the display matrix: nine numbers, 16.16 fixed point."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    a, b, _, c, d, *_ = np.frombuffer(matrix, dtype=np.int32).tolist()
    return _TURNS.get((_sign(a), _sign(b), _sign(c), _sign(d)))


def _sign(fixed_point: int) -> int:
    """-1, 0 or 1; less than a half counts as 0, so that a slight tilt is let be."""
    return round(max(-1.0, min(1.0, fixed_point / 65536)))
