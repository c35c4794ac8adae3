"""An exam for the tiny model: captions with pairs of words that training held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image

from workers.model import Model
from workers.tiny.drawing import Picture, draw
from workers.tiny.language import Claim, sample_claim, say
from workers.tiny.world import ASPECTS, sample_picture


@dataclass(frozen=True)
class Question:
    """A caption, the picture it is true of, and the width by height of that picture's frame."""

    text: str
    claim: Claim
    picture: Picture
    aspect: float


def set_exam(seed: int, count: int = 200) -> list[Question]:
    """Questions whose captions differ, each true of its own picture and of no other one.

    Every caption names at least one pair of words that training never showed together.
    """
    random = Random(seed)
    questions: list[Question] = []
    while len(questions) < count:
        aspect = random.choice(ASPECTS)
        picture = sample_picture(random, aspect)
        claim = sample_claim(random, picture, full=True)
        question = Question(say(random, claim), claim, picture, aspect)
        if claim.is_held_out() and not any(_alike(question, other) for other in questions):
            questions.append(question)
    return questions


def _alike(one: Question, other: Question) -> bool:
    """Whether a caption would do for the other's picture, too."""
    return (
        one.text == other.text
        or one.claim.is_true(other.picture)
        or other.claim.is_true(one.picture)
    )


def frame_of(question: Question, height: int = 180) -> Image.Image:
    """The question's picture as a frame of a video."""
    return Image.fromarray(draw(question.picture, round(height * question.aspect), height))


def recall(model: Model, questions: Sequence[Question]) -> tuple[float, float]:
    """The share of captions whose picture comes first, and of pictures whose caption does."""
    texts = model.encode_texts([question.text for question in questions])
    images = model.encode_images([frame_of(question) for question in questions])
    similarity = texts @ images.T
    own = np.arange(len(questions))
    by_text, by_image = similarity.argmax(axis=1) == own, similarity.argmax(axis=0) == own
    return float(by_text.mean()), float(by_image.mean())
