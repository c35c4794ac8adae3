"""What can be said of a picture: claims, whether they are true, and the words for them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations
from random import Random

from workers.tiny.drawing import COLOURS, Picture, Shape
from workers.tiny.world import column, is_held_out, row, size_word

NOUNS = {
    "circle": (("circle", "circles"), ("disc", "discs"), ("ball", "balls")),
    "square": (("square", "squares"), ("box", "boxes")),
    "triangle": (("triangle", "triangles"),),
    "star": (("star", "stars"),),
    "cross": (("cross", "crosses"), ("plus", "pluses")),
    "ring": (("ring", "rings"), ("donut", "donuts")),
    "heart": (("heart", "hearts"),),
    "diamond": (("diamond", "diamonds"), ("rhombus", "rhombuses")),
}
"""Kind of shape to its names, in singular and plural, the commonest first."""

ANYTHING = (("shape", "shapes"), ("thing", "things"), ("object", "objects"))
ADJECTIVES = {colour: (colour,) for colour in COLOURS} | {
    "grey": ("grey", "gray"),
    "purple": ("purple", "violet"),
    "cyan": ("cyan", "turquoise"),
    "small": ("small", "little", "tiny"),
    "medium": ("medium",),
    "large": ("large", "big", "huge"),
    "plain": ("plain", "solid"),
    "striped": ("striped", "stripy"),
    "dotted": ("dotted", "spotted"),
    "checked": ("checked", "checkered"),
}
PLACES: dict[tuple[str | None, str | None], tuple[str, ...]] = {
    ("left", None): ("on the left", "at the left", "on the left side", "to the left", "left"),
    ("right", None): ("on the right", "at the right", "on the right side", "to the right", "right"),
    (None, "top"): ("at the top", "on top", "in the upper part", "top"),
    (None, "bottom"): ("at the bottom", "in the lower part", "bottom"),
    ("centre", "centre"): ("in the centre", "in the center", "in the middle", "at the centre"),
    ("left", "top"): ("in the top left corner", "at the top left", "top left", "upper left"),
    ("right", "top"): ("in the top right corner", "at the top right", "top right", "upper right"),
    ("left", "bottom"): ("in the bottom left corner", "at the bottom left", "lower left"),
    ("right", "bottom"): ("in the bottom right corner", "at the bottom right", "lower right"),
}
"""(column, row) to the words for it; places that have no short words are left out."""

RELATIONS = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above", "over"),
    "below": ("below", "under", "beneath"),
}
NUMBERS = {1: ("one", "a single", "1"), 2: ("two", "2"), 3: ("three", "3"), 4: ("four", "4")}
BACKDROPS = (
    "on a {} background",
    "on {}",
    "against a {} background",
    "in front of a {} wall",
    "with a {} background",
    "{} background",
)
JOINERS = (" and ", " and ", " and ", ", ", " with ", " next to ")
OPENINGS = (
    *[""] * 8,
    "a picture of ",
    "an image of ",
    "a photo of ",
    "a video of ",
    "a frame with ",
    "a scene with ",
    "there is ",
    "show me ",
    "find ",
)
EMPTY = ("nothing", "an empty picture", "an empty frame", "an empty background", "empty")

_RELATION_MARGIN = 0.12
"""How far the centres of two shapes are apart at least, for one to lie left of the other."""


@dataclass(frozen=True)
class Thing:
    """What is claimed of some shape, or of exactly `count` shapes; None: nothing is claimed."""

    kind: str | None = None
    colour: str | None = None
    size: str | None = None
    texture: str | None = None
    column: str | None = None
    row: str | None = None
    count: int | None = None

    def fits(self, shape: Shape) -> bool:
        """Whether a shape is as claimed, their number aside."""
        return (
            self.kind in (None, shape.kind)
            and self.colour in (None, shape.colour)
            and self.texture in (None, shape.texture)
            and (self.size is None or self.size == size_word(shape.size))
            and (self.column is None or self.column == column(shape))
            and (self.row is None or self.row == row(shape))
        )


@dataclass(frozen=True)
class Claim:
    """The things in a picture, how the first lies to the second, and what they are drawn on."""

    things: tuple[Thing, ...] = ()
    relation: str | None = None
    background: str | None = None
    empty: bool = False

    def is_true(self, picture: Picture) -> bool:
        """Whether a picture is as claimed. Two things are never one and the same shape."""
        if self.background not in (None, picture.background) or (self.empty and picture.shapes):
            return False
        groups = [
            [index for index, shape in enumerate(picture.shapes) if thing.fits(shape)]
            for thing in self.things
        ]
        for thing, group in zip(self.things, groups, strict=True):
            if not group or thing.count not in (None, len(group)):
                return False
        if len(groups) < 2:
            return True
        return any(
            all(index in group for index, group in zip(chosen, groups, strict=True))
            and self.relation in (None, *relations(*(picture.shapes[i] for i in chosen[:2])))
            for chosen in permutations(range(len(picture.shapes)), len(groups))
        )

    def is_held_out(self) -> bool:
        """Whether it says two words of one shape that training never shows together."""
        return any(
            is_held_out(thing.kind, thing.colour, thing.size, thing.texture, self.background)
            for thing in self.things
        )


def relations(first: Shape, second: Shape) -> list[str]:
    """How the first shape clearly lies to the second."""
    right, down = first.x - second.x, first.y - second.y
    distances = {"left of": -right, "right of": right, "above": -down, "below": down}
    return [name for name, distance in distances.items() if distance > _RELATION_MARGIN]


def sample_claim(random: Random, picture: Picture, *, full: bool) -> Claim:
    """Something true of a picture.

    Args:
        full: Tell kind and colour of up to three sorts of shapes and mostly the background, instead
            of the little that people type.
    """
    background = picture.background if random.random() < (0.85 if full else 0.3) else None
    if not picture.shapes:
        return Claim(background=background, empty=True)
    if not full and random.random() < 0.03:
        return Claim(background=picture.background)
    wanted = 3 if full else random.choice((1, 1, 2))
    things: list[Thing] = []
    examples: list[Shape] = []
    left = list(picture.shapes)
    while left and len(things) < wanted:
        examples.append(random.choice(left))
        things.append(_sample_thing(random, examples[-1], picture, full=full))
        left = [shape for shape in left if not things[-1].fits(shape)]
    relation = None
    if len(things) == 2 and all(thing.count is None for thing in things) and random.random() < 0.4:
        relation = random.choice([None, *relations(*examples)])
    return Claim(tuple(things), relation, background)


def _sample_thing(random: Random, shape: Shape, picture: Picture, *, full: bool) -> Thing:
    """Something true of a shape, and of how many there are like it."""
    place: tuple[str | None, str | None] = (None, None)
    if random.random() < 0.5:
        beside, upright = column(shape), row(shape)
        places = ((beside, None), (None, upright), (beside, upright), (beside, upright))
        place = random.choice([place, *(words for words in places if words in PLACES)])
    texture_chance = 0.06 if shape.texture == "plain" else 0.6
    thing = Thing(
        kind=shape.kind if full or random.random() < 0.85 else None,
        colour=shape.colour if full or random.random() < 0.8 else None,
        size=size_word(shape.size) if random.random() < 0.3 else None,
        texture=shape.texture if random.random() < texture_chance else None,
        column=place[0],
        row=place[1],
    )
    alike = sum(thing.fits(other) for other in picture.shapes)
    says_count = random.random() < (0.8 if alike > 1 else 0.08)
    return replace(thing, count=alike) if says_count else thing


def say(random: Random, claim: Claim) -> str:
    """Put a claim into words, in one of the many ways that people would."""
    with_articles = random.random() < 0.7
    if claim.empty:
        said = random.choice(EMPTY)
    else:
        between = RELATIONS.get(claim.relation or "")
        joiner = f" {random.choice(between)} " if between else random.choice(JOINERS)
        said = joiner.join(_say_thing(random, thing, with_articles) for thing in claim.things)
    backdrop = ""
    if claim.background is not None:
        is_all = not claim.things and random.random() < 0.7
        backdrop = BACKDROPS[-1] if is_all else random.choice(BACKDROPS)
        backdrop = backdrop if with_articles else backdrop.replace(" a ", " ")
        backdrop = backdrop.format(random.choice(ADJECTIVES[claim.background]))
    text = f"{random.choice(OPENINGS)}{said} {backdrop}".strip()
    return re.sub(r"\ba (?=[aeiou])", "an ", text)


def _say_thing(random: Random, thing: Thing, with_articles: bool) -> str:
    names = NOUNS[thing.kind] if thing.kind else ANYTHING
    singular, plural = names[0] if random.random() < 0.7 else random.choice(names)
    traits = [trait for trait in (thing.size, thing.texture, thing.colour) if trait is not None]
    adjectives = [random.choice(ADJECTIVES[trait]) for trait in traits]
    words = [*adjectives, singular if thing.count in (None, 1) else plural]
    if thing.count is not None:
        words.insert(0, random.choice(NUMBERS[thing.count]))
    elif thing.kind is None and len(adjectives) == 1 and random.random() < 0.5:
        words = random.choice((["something", *adjectives], adjectives))
    elif with_articles:
        words.insert(0, "the" if random.random() < 0.06 else "a")
    place = PLACES.get((thing.column, thing.row))
    return " ".join([*words, random.choice(place)] if place else words)


@cache
def vocabulary() -> frozenset[str]:
    """Every word that `say` may say, in lower case."""
    return frozenset(word for phrase in _phrases() for word in re.findall(r"\w+", phrase))


def _phrases() -> Iterator[str]:
    yield from ("a", "an", "the", "something")
    for table in (ADJECTIVES, PLACES, RELATIONS, NUMBERS):
        for phrases in table.values():
            yield from phrases
    for names in (*NOUNS.values(), ANYTHING):
        for name in names:
            yield from name
    for phrases in (BACKDROPS, JOINERS, OPENINGS, EMPTY):
        yield from phrases
