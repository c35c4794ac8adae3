"""The small world of the tiny model: drawings, claims about them, and what training holds out."""

from random import Random

import numpy as np
import pytest

from workers.tiny.drawing import BACKGROUNDS, COLOURS, SHAPES, TEXTURES, Picture, Shape, draw
from workers.tiny.exam import set_exam
from workers.tiny.examples import truth_table
from workers.tiny.language import Claim, Thing, sample_claim, say, vocabulary
from workers.tiny.world import is_held_out, sample_seen, sample_variant, size_word

RED_CIRCLE_LEFT = Shape("circle", "red", x=0.2, y=0.5, size=0.3)
BLUE_SQUARE_RIGHT = Shape("square", "blue", x=0.8, y=0.5, size=0.3)
SCENE = Picture("white", (RED_CIRCLE_LEFT, BLUE_SQUARE_RIGHT))


def test_a_shape_is_drawn_where_it_lies_in_its_colour() -> None:
    image = draw(SCENE, 160, 90)
    assert image.shape == (90, 160, 3)
    assert tuple(image[45, 32]) == COLOURS["red"]
    assert tuple(image[45, 128]) == COLOURS["blue"]
    assert tuple(image[45, 80]) == COLOURS["white"]


def test_a_shape_that_leaves_the_picture_is_cut_off() -> None:
    half_out = Shape("circle", "red", x=0.0, y=0.5, size=0.5)
    image = draw(Picture("white", (half_out,)), 160, 90)
    assert tuple(image[45, 0]) == COLOURS["red"]
    gone = Shape("circle", "red", x=-1.0, y=0.5, size=0.5)
    assert (draw(Picture("white", (gone,)), 160, 90) == COLOURS["white"]).all()


@pytest.mark.parametrize("texture", TEXTURES[1:])
def test_a_texture_lets_the_background_through(texture: str) -> None:
    def ink(name: str) -> int:
        shape = Shape("square", "black", x=0.5, y=0.5, size=0.8, texture=name)
        return int((draw(Picture("white", (shape,)), 200, 200) < 128).sum())

    assert 0.3 * ink("plain") < ink(texture) < 0.9 * ink("plain")


def test_all_kinds_look_different() -> None:
    drawn = {
        kind: draw(Picture("white", (Shape(kind, "black", x=0.5, y=0.5, size=0.8),)), 64, 64)
        for kind in SHAPES
    }
    for kind, image in drawn.items():
        for other, other_image in drawn.items():
            if kind != other:
                differing = np.mean(image != other_image)
                assert differing > 0.02, f"{kind} and {other} share all but {differing:.1%}"


@pytest.mark.parametrize(
    "claim",
    [
        Claim((Thing("circle", "red"),)),
        Claim((Thing("circle", column="left"),), background="white"),
        Claim((Thing("circle"), Thing("square")), relation="left of"),
        Claim((Thing(size="medium", count=2),)),
        Claim(background="white"),
    ],
)
def test_true_claims(claim: Claim) -> None:
    assert claim.is_true(SCENE)


@pytest.mark.parametrize(
    "claim",
    [
        Claim((Thing("square", "red"),)),
        Claim((Thing("circle", column="right"),)),
        Claim((Thing("circle"), Thing("square")), relation="right of"),
        Claim((Thing("circle"), Thing("circle", "red"))),
        Claim((Thing("circle", count=2),)),
        Claim((Thing("circle", "red"),), background="black"),
        Claim(empty=True),
    ],
)
def test_false_claims(claim: Claim) -> None:
    assert not claim.is_true(SCENE)


def test_whatever_is_claimed_of_a_picture_is_true_and_said_in_known_words() -> None:
    random = Random(0)
    for _ in range(300):
        picture = sample_seen(random, aspect=16 / 9)
        claim = sample_claim(random, picture, full=random.random() < 0.5)
        assert claim.is_true(picture)
        unknown = set(say(random, claim).replace(",", "").split()) - vocabulary()
        assert unknown == set()


def test_training_shows_no_pair_of_words_that_is_held_out() -> None:
    random = Random(0)
    for _ in range(300):
        picture = sample_variant(random, sample_seen(random, 4 / 3), 4 / 3)
        for s in picture.shapes:
            words = s.kind, s.colour, size_word(s.size), s.texture, picture.background
            assert not is_held_out(*words), f"training shows {words}"


def test_a_fair_share_of_the_pairs_is_held_out() -> None:
    of_kinds = [
        *((kind, colour, None, None, None) for kind in SHAPES for colour in COLOURS),
        *((kind, None, size, None, None) for kind in SHAPES for size in ("small", "large")),
        *((kind, None, None, texture, None) for kind in SHAPES for texture in TEXTURES[1:]),
    ]
    backgrounds = [
        (None, colour, None, None, background) for colour in COLOURS for background in BACKGROUNDS
    ]
    for pairs in (of_kinds, backgrounds):
        held_out = [pair for pair in pairs if is_held_out(*pair)]
        assert 0.03 < len(held_out) / len(pairs) < 0.15


def test_each_caption_of_the_exam_is_true_of_its_own_picture_only() -> None:
    questions = set_exam(seed=0)
    assert len({question.text for question in questions}) == 200
    truth = truth_table([q.claim for q in questions], [q.picture for q in questions])
    assert (truth == np.eye(200, dtype=bool)).all()
    assert all(question.claim.is_held_out() for question in questions)
