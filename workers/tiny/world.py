"""Samples pictures of the small world: to train on, and to be told apart."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from random import Random

from workers.tiny.drawing import BACKGROUNDS, COLOURS, SHAPES, TEXTURES, Picture, Shape

ASPECTS = (16 / 9, 16 / 9, 16 / 9, 4 / 3, 4 / 3, 1.0, 9 / 16)
"""Width by height of the frames, the commonest ones most often."""

SIZES = {"small": (0.16, 0.22), "medium": (0.28, 0.38), "large": (0.47, 0.66)}
"""Size word to the range that sizes are sampled from; see `Shape.size`."""

COLUMNS = ("left", "centre", "right")
ROWS = ("top", "centre", "bottom")

_THIRDS = ((0.06, 0.3), (0.42, 0.58), (0.7, 0.94))
"""Ranges that the centres of shapes are sampled from, so that a place has one name only."""

_COUNT_WEIGHTS = (4, 44, 40, 7, 5)
_MAX_COUNT = len(_COUNT_WEIGHTS) - 1
_CHANGE_WEIGHTS = {"colour": 2, "kind": 2, "place": 3, "size": 1, "texture": 1, "count": 1}
_HELD_OUT_OF_256 = 20
_UNMARKED = ("medium", "plain")
"""What a shape is when nothing is said of it."""


def size_word(size: float) -> str:
    """The word for a size; the bounds lie between the sampled ranges."""
    if size < 0.24:
        return "small"
    return "medium" if size < 0.42 else "large"


def column(shape: Shape) -> str:
    """Where a shape's centre lies from side to side."""
    return COLUMNS[_third(shape.x)]


def row(shape: Shape) -> str:
    """Where a shape's centre lies from top to bottom."""
    return ROWS[_third(shape.y)]


def _third(position: float) -> int:
    return (position >= 0.36) + (position >= 0.64)


def is_held_out(
    kind: str | None,
    colour: str | None,
    size: str | None,
    texture: str | None,
    background: str | None,
) -> bool:
    """Whether training never shows two of these words together.

    A hash picks about one in thirteen of the pairs colour and kind, size and kind, texture and
    kind, and colour and background. None: the word is not said.
    """
    pairs = [(colour, kind), (size, kind), (texture, kind), (colour, background)]
    return any(_is_picked(*pair) for pair in pairs if None not in pair and pair[0] not in _UNMARKED)


@cache
def _is_picked(first: str, second: str) -> bool:
    role = "kind" if second in SHAPES else "background"
    return sha256(f"{first} {role} {second}".encode()).digest()[0] < _HELD_OUT_OF_256


def sample_picture(random: Random, aspect: float) -> Picture:
    """A picture of up to four shapes that neither overlap nor vanish in the background.

    One or two shapes may be of any sort; more are alike, to be counted.

    Args:
        aspect: Width by height of the frame that the picture is meant for.
    """
    background = random.choice(list(BACKGROUNDS))
    count = random.choices(range(_MAX_COUNT + 1), weights=_COUNT_WEIGHTS)[0]
    while True:
        shapes = [_sample_shape(random, background, crowd=count) for _ in range(count)]
        if count > 2 or (count == 2 and random.random() < 0.25):
            shapes = [replace(shapes[0], x=shape.x, y=shape.y) for shape in shapes]
        if _fits(shapes, aspect):
            return Picture(background, tuple(shapes))


def sample_seen(random: Random, aspect: float) -> Picture:
    """A picture for training: no pair of words that is held out is true of it."""
    while True:
        picture = sample_picture(random, aspect)
        if not _shows_held_out(picture):
            return picture


def sample_variant(random: Random, picture: Picture, aspect: float) -> Picture:
    """A picture for training that differs from the given one in one respect.

    To tell such pictures apart is to learn which word belongs to which shape. Where chance finds
    none in some attempts, the picture is a fresh one.
    """
    for _ in range(20):
        variant = _change(random, picture)
        if (
            variant != picture
            and all(shape.colour != variant.background for shape in variant.shapes)
            and _fits(variant.shapes, aspect)
            and not _shows_held_out(variant)
        ):
            return variant
    return sample_seen(random, aspect)


def _shows_held_out(picture: Picture) -> bool:
    return any(
        is_held_out(s.kind, s.colour, size_word(s.size), s.texture, picture.background)
        for s in picture.shapes
    )


def _change(random: Random, picture: Picture) -> Picture:
    """Change the background, one shape or their number, mirror the picture, or swap a trait."""
    if not picture.shapes or random.random() < 0.1:
        return replace(picture, background=random.choice(list(BACKGROUNDS)))
    shapes = list(picture.shapes)
    if len(shapes) > 1 and random.random() < 0.45:
        one, other = random.sample(range(len(shapes)), 2)
        shapes[one], shapes[other] = _swap(random, shapes[one], shapes[other])
        return replace(picture, shapes=tuple(shapes))
    if random.random() < 0.15:
        return replace(picture, shapes=_mirror(random, shapes))
    index = random.randrange(len(shapes))
    fresh = _sample_shape(random, picture.background, crowd=len(shapes))
    [change] = random.choices(list(_CHANGE_WEIGHTS), list(_CHANGE_WEIGHTS.values()))
    match change:
        case "colour":
            shapes[index] = replace(shapes[index], colour=fresh.colour)
        case "kind":
            shapes[index] = replace(shapes[index], kind=fresh.kind)
        case "place":
            shapes[index] = replace(shapes[index], x=fresh.x, y=fresh.y)
        case "size":
            shapes[index] = replace(shapes[index], size=fresh.size)
        case "texture":
            shapes[index] = replace(shapes[index], texture=fresh.texture)
        case "count" if len(shapes) < _MAX_COUNT and random.random() < 0.5:
            shapes.append(replace(shapes[index], x=fresh.x, y=fresh.y))
        case "count":
            del shapes[index]
    return replace(picture, shapes=tuple(shapes))


def _mirror(random: Random, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    if random.random() < 0.5:
        return tuple(replace(shape, x=1 - shape.x) for shape in shapes)
    return tuple(replace(shape, y=1 - shape.y) for shape in shapes)


def _swap(random: Random, one: Shape, other: Shape) -> tuple[Shape, Shape]:
    match random.choice(("colour", "kind", "place", "size")):
        case "colour":
            return replace(one, colour=other.colour), replace(other, colour=one.colour)
        case "kind":
            return replace(one, kind=other.kind), replace(other, kind=one.kind)
        case "place":
            return replace(one, x=other.x, y=other.y), replace(other, x=one.x, y=one.y)
        case _:
            return replace(one, size=other.size), replace(other, size=one.size)


def _sample_shape(random: Random, background: str, *, crowd: int) -> Shape:
    sizes = ("small", "medium", "large") if crowd <= 2 else ("small", "medium")
    size = random.uniform(*SIZES[random.choice(sizes)])
    # A small shape has too few pixels to show a texture.
    is_plain = size_word(size) == "small" or random.random() < 0.8
    return Shape(
        kind=random.choice(SHAPES),
        colour=random.choice([name for name in COLOURS if name != background]),
        x=random.uniform(*random.choice(_THIRDS)),
        y=random.uniform(*random.choice(_THIRDS)),
        size=size,
        texture="plain" if is_plain else random.choice(TEXTURES[1:]),
    )


def _fits(shapes: Sequence[Shape], aspect: float) -> bool:
    """Whether no shape touches another, and each shows five sixths of its width and height."""
    x_scale, y_scale = max(aspect, 1.0), max(1 / aspect, 1.0)
    for index, shape in enumerate(shapes):
        x, y = shape.x * x_scale, shape.y * y_scale
        if min(x, x_scale - x, y, y_scale - y) < shape.size / 3:
            return False
        for other in shapes[:index]:
            apart = max(abs(x - other.x * x_scale), abs(y - other.y * y_scale))
            if apart < (shape.size + other.size) / 2:
                return False
    return True
