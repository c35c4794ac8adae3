"""Draws the small world that the tiny CLIP knows: coloured shapes on a plain background."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (215, 30, 35),
    "orange": (250, 135, 20),
    "yellow": (250, 220, 40),
    "green": (40, 155, 60),
    "cyan": (50, 205, 220),
    "blue": (35, 75, 210),
    "purple": (130, 45, 165),
    "pink": (250, 150, 190),
    "brown": (115, 70, 35),
    "black": (15, 15, 15),
    "grey": (135, 135, 135),
    "white": (245, 245, 245),
}
"""Name to red, green and blue, 0 to 255."""

BACKGROUNDS = COLOURS
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring", "heart", "diamond")
TEXTURES = ("plain", "striped", "dotted", "checked")

_SUBPIXEL_BITS = 4
_RING_HOLE = 0.55
"""Diameter of a ring's hole as a share of the ring's."""


@dataclass(frozen=True)
class Shape:
    """One drawn thing.

    `x` and `y` place its centre, 0 to 1 of the picture's width and height; `size` is its width and
    height as a share of the picture's shorter side. A texture's gaps let the background through.
    """

    kind: str
    colour: str
    x: float
    y: float
    size: float
    texture: str = "plain"


@dataclass(frozen=True)
class Picture:
    """Shapes on a background, drawn in their order: a later one covers an earlier one."""

    background: str
    shapes: tuple[Shape, ...] = ()


def draw(picture: Picture, width: int, height: int) -> NDArray[np.uint8]:
    """Draw a picture, anti-aliased.

    Returns:
        (height, width, 3) red, green and blue.

    Raises:
        KeyError: A shape, colour or texture is none of those named in this module.
    """
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = BACKGROUNDS[picture.background]
    for shape in picture.shapes:
        _draw_shape(canvas, shape)
    return canvas


def _draw_shape(canvas: NDArray[np.uint8], shape: Shape) -> None:
    """Blend one shape into the canvas; what lies outside of the picture is cut off."""
    height, width = canvas.shape[:2]
    diameter = shape.size * min(width, height)
    left, top = shape.x * width - diameter / 2, shape.y * height - diameter / 2
    x0, y0 = max(0, int(left) - 1), max(0, int(top) - 1)
    x1, y1 = min(width, int(left + diameter) + 3), min(height, int(top + diameter) + 3)
    if x0 >= x1 or y0 >= y1:
        return
    # Unit coordinates (0 to 1 across the shape) of the pixel centres of the part that shows.
    u = (np.arange(x0, x1, dtype=np.float32) + 0.5 - left) / diameter
    v = (np.arange(y0, y1, dtype=np.float32) + 0.5 - top) / diameter
    mask = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
    for outline, ink in _OUTLINES[shape.kind]:
        corners = outline * diameter + (left - x0 - 0.5, top - y0 - 0.5)
        fixed_point = np.round(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [fixed_point], ink, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    alpha = mask.astype(np.float32) / 255 * _TEXTURE_COVER[shape.texture](u[None, :], v[:, None])
    part = canvas[y0:y1, x0:x1]
    ink_colour = np.array(COLOURS[shape.colour], dtype=np.float32)
    part[:] = np.round(part + alpha[..., None] * (ink_colour - part)).astype(np.uint8)


def _regular(
    corners: int, *, start_deg: float, radii: tuple[float, ...] = (0.5,)
) -> NDArray[np.float64]:
    """Corners around the unit square's centre; `radii` repeat from corner to corner."""
    angle = np.deg2rad(start_deg) + 2 * np.pi * np.arange(corners) / corners
    radius = np.resize(radii, corners)
    return 0.5 + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _heart() -> NDArray[np.float64]:
    """The well-known sine-cubed heart curve, fitted to the unit square."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    curve = np.stack([x, y], axis=1)
    low, high = curve.min(axis=0), curve.max(axis=0)
    fitted: NDArray[np.float64] = (curve - low) / (high - low)
    return fitted


def _outlines() -> dict[str, tuple[tuple[NDArray[np.float64], int], ...]]:
    """Each kind's polygons in the unit square, with the ink they are filled with in this order."""
    disc = _regular(64, start_deg=0)
    third, two_thirds = 0.33, 0.67
    cross = [
        (third, 0), (two_thirds, 0), (two_thirds, third), (1, third), (1, two_thirds),
        (two_thirds, two_thirds), (two_thirds, 1), (third, 1), (third, two_thirds),
        (0, two_thirds), (0, third), (third, third),
    ]  # fmt: skip
    return {
        "circle": ((disc, 255),),
        "square": ((np.array([(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)]), 255),),
        "triangle": ((np.array([(0.5, 0.05), (1, 0.95), (0, 0.95)]), 255),),
        "star": ((_regular(10, start_deg=-90, radii=(0.53, 0.22)), 255),),
        "cross": ((np.array(cross), 255),),
        "ring": ((disc, 255), (0.5 + (disc - 0.5) * _RING_HOLE, 0)),
        "heart": ((_heart(), 255),),
        "diamond": ((np.array([(0.5, 0), (0.9, 0.5), (0.5, 1), (0.1, 0.5)]), 255),),
    }


_OUTLINES = _outlines()

Floats = NDArray[np.float32]


def _plain(_u: Floats, _v: Floats) -> Floats:
    return np.ones((1, 1), dtype=np.float32)


def _striped(_u: Floats, v: Floats) -> Floats:
    return np.asarray(v * 7 % 2 < 1, dtype=np.float32)


def _checked(u: Floats, v: Floats) -> Floats:
    return np.asarray((u * 5 % 2 < 1) == (v * 5 % 2 < 1), dtype=np.float32)


def _dotted(u: Floats, v: Floats) -> Floats:
    return np.asarray((u * 4 % 1 - 0.5) ** 2 + (v * 4 % 1 - 0.5) ** 2 > 0.07, dtype=np.float32)


_TEXTURE_COVER = {"plain": _plain, "striped": _striped, "dotted": _dotted, "checked": _checked}
"""Texture to the share of ink at (u, v), each 0 to 1 across the shape."""
