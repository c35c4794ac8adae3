"""Codes: `python -m bench.codes` shows how few candidates by each code hold what is nearest.

A code has a bit for the sign of each dimension, or two, which say whether its value is above a
threshold and above minus the threshold. Candidates are those of the least Hamming distance, all of
them compared, so that no index has a part in it. What they are held against is the cosine. Besides
drawn vectors there are such of models: words that ask drawings by the tiny one, and captions and
photographs that ask photographs (SCENEQL_TEST_VECTORS), since a text is far from every picture, and
a code that is good where question and frame are near may be bad there.
"""

import os
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.cutoffs import drawings, photographs
from bench.drawn import draw
from bench.exact import Matrix, similarities, unit
from bench.machine import INGEST, header
from bench.tables import show

THRESHOLDS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6)
"""In root mean squares of a vector of length 1; the sign alone has 0."""
TIMES_AS_MANY = (1, 2, 4, 8, 16, 32)
"""How many candidates there are for each of the nearest."""


@dataclass(frozen=True)
class Compared:
    """Questions and frames as unit vectors, (questions, dim) and (frames, dim)."""

    name: str
    questions: Matrix
    frames: Matrix

    @property
    def k(self) -> int:
        """How many of the nearest frames are looked for: of a few frames a tenth at most."""
        return min(10, len(self.frames) // 10)

    @property
    def counts(self) -> list[int]:
        """How many candidates there are, each in turn, as long as that is not all."""
        return [times * self.k for times in TIMES_AS_MANY if times * self.k < len(self.frames)]

    def are_nearest(self) -> NDArray[np.bool_]:
        """(questions, frames) which frames are among the k nearest, by the cosine."""
        cosines = np.hstack(list(similarities(self.questions, _parts(self.frames))))
        nearest = np.argpartition(-cosines, self.k, axis=1)[:, : self.k]
        marks = np.zeros(cosines.shape, np.bool_)
        np.put_along_axis(marks, nearest, True, axis=1)
        return marks


def code(vectors: Matrix, threshold: float) -> Matrix:
    """(n, bits) each bit as -1 or 1: of signs dim bits, of two thresholds twice as many.

    With 0.4 it is the code of ternary_quantize() in sql/, which says how it is made.
    """
    above = threshold / np.sqrt(vectors.shape[1])
    bits = [vectors > above, vectors > -above] if threshold else [vectors > 0]
    return np.where(np.hstack(bits), 1, -1).astype(np.float32)


def held(compared: Compared, are_nearest: NDArray[np.bool_], threshold: float) -> dict[int, float]:
    """What share of the nearest is among the candidates, by how many of those there are."""
    asked = code(compared.questions, threshold)
    agreeing = np.hstack([asked @ code(part, threshold).T for part in _parts(compared.frames)])
    by_code = np.argsort(-agreeing, axis=1, kind="stable")
    found = np.take_along_axis(are_nearest, by_code, axis=1)
    return {
        count: float(found[:, :count].sum(axis=1).mean() / compared.k) for count in compared.counts
    }


def report(compared: Compared, write: Callable[[str], None]) -> dict[float, dict[int, float]]:
    """Write a row for each threshold; returns by it what so many candidates hold."""
    write(
        f"\n{compared.name}: {len(compared.questions)} questions, {len(compared.frames):,} frames; "
        f"the share of the nearest {compared.k}\n"
    )
    write("| code | " + " | ".join(f"{count} candidates" for count in compared.counts) + " |")
    write("| --- |" + " ---: |" * len(compared.counts))
    are_nearest = compared.are_nearest()
    found = {threshold: held(compared, are_nearest, threshold) for threshold in THRESHOLDS}
    for threshold, shares in found.items():
        name = f"two bits, {threshold}" if threshold else "signs"
        write(f"| {name} | " + " | ".join(f"{share:.3f}" for share in shares.values()) + " |")
    return found


def drawn_library(frames: int, questions: int) -> Compared:
    """Vectors as the libraries of other benchmarks have them, and questions of their kind."""
    drawn = draw(frames)
    stored = np.concatenate([unit(part) for part in drawn.vectors()])
    return Compared("drawn vectors", unit(drawn.questions(questions)), stored)


def of_models() -> Iterator[Compared]:
    """Words that ask drawings, and what asks photographs where their vectors are there."""
    asked = drawings()
    yield Compared(asked.name, unit(asked.questions), unit(asked.frames))
    if folder := os.environ.get("SCENEQL_TEST_VECTORS"):
        of_photographs = photographs(Path(folder))
        pictures, captions = unit(of_photographs.questions), unit(of_photographs.frames)
        yield Compared("captions ask photographs, LiT", captions, pictures)
        # Each is the nearest to itself, by every code.
        yield Compared("photographs ask photographs, LiT", pictures, pictures)


def _parts(vectors: Matrix) -> Iterator[Matrix]:
    for start in range(0, len(vectors), 10_000):
        yield vectors[start : start + 10_000]


def main() -> None:
    """Print a table for each set."""
    parser = ArgumentParser(description="How few candidates by each code hold what is nearest.")
    parser.add_argument("--frames", type=int, default=300_000, help="of the drawn vectors")
    parser.add_argument("--questions", type=int, default=100, help="of the drawn vectors")
    given = parser.parse_args()
    show(header(INGEST))
    report(drawn_library(given.frames, given.questions), show)
    for compared in of_models():
        report(compared, show)


if __name__ == "__main__":
    main()
