"""Batches of pictures and captions to train the tiny model on."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from string import ascii_lowercase
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from workers.tiny.drawing import BACKGROUNDS, COLOURS, SHAPES, TEXTURES, Picture, draw
from workers.tiny.language import Claim, sample_claim, say
from workers.tiny.world import (
    ASPECTS,
    COLUMNS,
    ROWS,
    SIZES,
    column,
    row,
    sample_seen,
    sample_variant,
    size_word,
)

TRAITS = (*SHAPES, *COLOURS, *SIZES, *TEXTURES)
"""What is true or false of each cell of a picture; see `Batch.traits`."""


class Batch(NamedTuple):
    """Pictures, twice as many captions, and what is true of what."""

    images: Tensor
    """(n, side, side, 3) 0 to 255."""
    tokens: Tensor
    """(2 n, context length)."""
    truth: Tensor
    """(2 n, n) whether the caption is true of the picture."""
    traits: Tensor
    """(n, traits, 3, 3) whether the cell at (row, column) has a shape of that trait."""
    backgrounds: Tensor
    """(n,) places in `BACKGROUNDS`."""


class Batches(IterableDataset[Batch]):
    """Endless batches, the same ones for the same seed.

    Pictures come in families that differ by one trait from each other, so that a batch holds for
    each picture the very ones it is easily mistaken for. Each has a short caption, as people type
    them, and a full one.
    """

    def __init__(
        self, tokenizer: Callable[[list[str]], Tensor], side: int, *, families: int, members: int
    ) -> None:
        self._tokenizer = tokenizer
        self._side = side
        self._families = families
        self._members = members

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        random = Random(worker.seed if worker else torch.initial_seed())
        while True:
            yield self._sample(random)

    def _sample(self, random: Random) -> Batch:
        pictures: list[Picture] = []
        images: list[NDArray[np.uint8]] = []
        claims: list[Claim] = []
        for _ in range(self._families):
            aspect = random.choice(ASPECTS)
            family = [sample_seen(random, aspect)]
            while len(family) < self._members:
                family.append(sample_variant(random, random.choice(family), aspect))
            pictures += family
            images += [self._photograph(random, picture, aspect) for picture in family]
            claims += [
                _telling_claim(random, picture, family, full=full)
                for picture in family
                for full in (False, True)
            ]
        texts = [_with_noise(random, say(random, claim)) for claim in claims]
        backgrounds = list(BACKGROUNDS)
        return Batch(
            torch.from_numpy(np.stack(images)),
            self._tokenizer(texts),
            torch.from_numpy(truth_table(claims, pictures)),
            torch.from_numpy(np.stack([_traits(picture) for picture in pictures])),
            torch.tensor([backgrounds.index(picture.background) for picture in pictures]),
        )

    def _photograph(self, random: Random, picture: Picture, aspect: float) -> NDArray[np.uint8]:
        height = random.randint(90, 150)
        image = degrade(random, draw(picture, round(height * aspect), height))
        method = random.choice((cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_LINEAR))
        return np.asarray(cv2.resize(image, (self._side, self._side), interpolation=method))


def _telling_claim(
    random: Random, picture: Picture, family: Sequence[Picture], *, full: bool
) -> Claim:
    """Something true of a picture and, if chance finds such, of few others of its family.

    By chance, what tells it from them is seldom said: where things are, above all.
    """
    claims = [sample_claim(random, picture, full=full) for _ in range(3)]
    return min(claims, key=lambda claim: sum(map(claim.is_true, family)))


def truth_table(claims: Sequence[Claim], pictures: Sequence[Picture]) -> NDArray[np.bool_]:
    """(claims, pictures) whether each claim is true of each picture."""
    return np.array([[claim.is_true(picture) for picture in pictures] for claim in claims])


def degrade(random: Random, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Do to a picture, by chance, what light, cameras and codecs do.

    Args:
        image: (height, width, 3) red, green and blue.
    """
    result: NDArray[Any] = image
    if random.random() < 0.15:
        left, right = random.uniform(0.75, 1.0), random.uniform(0.75, 1.1)
        light = np.linspace(left, right, image.shape[1], dtype=np.float32)[None, :, None]
        result = np.clip(result * light, 0, 255).astype(np.uint8)
    if random.random() < 0.25:
        gain, offset = random.uniform(0.65, 1.1), random.uniform(0, 15)
        result = cv2.convertScaleAbs(result, alpha=gain, beta=offset)
    if random.random() < 0.08:
        length = random.randint(2, 4)
        result = cv2.blur(result, random.choice(((length, 1), (length, 1), (1, length))))
    if random.random() < 0.1:
        result = cv2.GaussianBlur(result, (0, 0), random.uniform(0.4, 0.8))
    if random.random() < 0.2:
        quality = [cv2.IMWRITE_JPEG_QUALITY, random.randint(50, 95)]
        result = np.asarray(
            cv2.imdecode(cv2.imencode(".jpg", result, quality)[1], cv2.IMREAD_COLOR)
        )
    if random.random() < 0.1:
        noise = np.random.default_rng(random.getrandbits(32)).standard_normal(image.shape)
        result = np.clip(result + noise * random.uniform(2, 8), 0, 255).astype(np.uint8)
    return np.asarray(result, dtype=np.uint8)


def _with_noise(random: Random, text: str) -> str:
    """Put in a word of no meaning, now and then, so that the model learns to read past them."""
    if random.random() > 0.04:
        return text
    words = text.split(" ")
    noise = "".join(random.choices(ascii_lowercase, k=random.randint(3, 8)))
    words.insert(random.randrange(len(words) + 1), noise)
    return " ".join(words)


def _traits(picture: Picture) -> NDArray[np.float32]:
    traits = np.zeros((len(TRAITS), len(ROWS), len(COLUMNS)), dtype=np.float32)
    for shape in picture.shapes:
        cell = ROWS.index(row(shape)), COLUMNS.index(column(shape))
        for trait in (shape.kind, shape.colour, size_word(shape.size), shape.texture):
            traits[TRAITS.index(trait), *cell] = 1
    return traits
