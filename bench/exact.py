"""The nearest of all vectors, measured beside the database, and which hits are as near as those."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float32]

K = 10
"""How many are asked for."""

TOLERANCE = 1e-5
"""What a right hit's similarity may be below the exact tenth.

Both are of the same vectors in half precision, but the database and numpy add up in another order,
which makes 3e-7. Of a hundred thousand vectors the eleventh is 1.6e-3 below the tenth, at the
median.
"""


def unit(vectors: NDArray[np.floating[Any]]) -> Matrix:
    """The vectors (n, dim) made as long as one, which in half precision they are only about."""
    single = vectors.astype(np.float32)
    single /= np.linalg.norm(single, axis=1, keepdims=True)
    return single


def similarities(questions: Matrix, parts: Iterable[NDArray[np.floating[Any]]]) -> Iterator[Matrix]:
    """(questions, vectors of the part) the cosines, for each part of all vectors in turn."""
    asked = unit(questions)
    for part in parts:
        yield asked @ unit(part).T


def nearest(similarities: Matrix, k: int = K) -> Matrix:
    """(..., k) the highest of each row; the lowest of them, as the exact tenth, comes first."""
    return np.partition(similarities, -k)[..., -k:]


def right_hits(found: ArrayLike, tenth: float) -> int:
    """How many hits are right: the similarity of such a one is not below the exact tenth."""
    return int(np.sum(np.asarray(found, np.float64) >= tenth - TOLERANCE))
