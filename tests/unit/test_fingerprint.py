"""Perceptual hashes: alike for pictures that look alike, and only for those."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.sampling import Sampling
from workers.analysis import Fingerprint
from workers.fingerprint import LUMA_SIDE, phash
from workers.scenes import analyse

EXAMPLES = os.environ.get("SCENEQL_TEST_MEDIA")
Luma = NDArray[np.uint8]


def luma(seed: int) -> Luma:
    """Soft shapes of all sizes, which is what the brightness of real pictures is made of."""
    noise = np.random.default_rng(seed).normal(128, 60, (18, 32))
    return as_bytes(cv2.resize(noise, (640, 360), interpolation=cv2.INTER_CUBIC))


def as_bytes(picture: Any) -> Luma:
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)


def fingerprint(picture: Luma) -> int:
    small = cv2.resize(picture, (LUMA_SIDE, LUMA_SIDE), interpolation=cv2.INTER_AREA)
    return phash(as_bytes(small))


def differing_bits(first: int, second: int) -> int:
    return (first ^ second).bit_count()


def test_a_fingerprint_uses_all_of_its_64_bits() -> None:
    prints = [fingerprint(luma(seed)) for seed in range(50)]

    assert all(0 <= print_ < 2**64 for print_ in prints)
    assert np.bitwise_or.reduce(np.array(prints, dtype=np.uint64)) == 2**64 - 1


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: cv2.resize(picture, (320, 240)),
        lambda picture: cv2.GaussianBlur(picture, (9, 9), 0),
        lambda picture: picture * 0.7 + 30,
        lambda picture: cv2.imdecode(
            cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], cv2.IMREAD_GRAYSCALE
        ),
    ],
    ids=["scaled", "blurred", "paler", "compressed"],
)
def test_a_copy_that_was_worked_over_is_recognised(change: Callable[[Luma], Any]) -> None:
    distances = [
        differing_bits(fingerprint(luma(seed)), fingerprint(as_bytes(change(luma(seed)))))
        for seed in range(20)
    ]

    assert max(distances) <= 6


def test_different_pictures_differ_in_about_half_of_the_bits() -> None:
    prints = [fingerprint(luma(seed)) for seed in range(20)]

    distances = [differing_bits(a, b) for i, a in enumerate(prints) for b in prints[:i]]

    assert min(distances) > 14
    assert 28 < np.mean(distances) < 36


def test_a_picture_of_one_colour_has_a_fingerprint() -> None:
    grey = np.full((90, 160), 128, dtype=np.uint8)

    assert 0 <= fingerprint(grey) < 2**64


@pytest.mark.skipif(EXAMPLES is None, reason="SCENEQL_TEST_MEDIA names no folder of clips")
def test_the_same_clip_in_two_codecs_has_much_the_same_fingerprints() -> None:
    originals = sorted(Path(str(EXAMPLES)).glob("learning-area/*.mp4"))
    assert originals
    for original in originals:
        first, second = fingerprints(original), fingerprints(original.with_suffix(".webm"))

        distances = [differing_bits(a.phash, b.phash) for a, b in zip(first, second, strict=True)]
        assert np.median(distances) <= 4, original


def fingerprints(path: Path) -> tuple[Fingerprint, ...]:
    sampling = Sampling.parse("scenes:1")
    return analyse(path, sampling, on_sample=lambda _: None).fingerprints
