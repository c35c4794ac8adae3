"""Puts questions to the database one after the other, and tells how right and quick it answers."""

import time
from collections.abc import Sequence

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import HalfVector

from bench.exact import K, right_hits
from bench.tables import Figures, Times


def ask(
    connection: psycopg.Connection,
    query: str,
    questions: NDArray[np.float32],
    furthest: Sequence[float],
    k: int = K,
) -> Figures:
    """Put the questions to a query of `vector` and `k` that gives similarities.

    A hit is right if it is as near as the furthest of the k exact ones, whose similarity is told
    for each question.
    """
    right, seconds = 0, []
    for vector, last in zip(questions, furthest, strict=True):
        parameters = {"vector": HalfVector(vector), "k": k}
        started = time.perf_counter()
        found = connection.execute(query, parameters).fetchall()
        seconds.append(time.perf_counter() - started)
        right += right_hits(found, last)
    return Figures(right / (k * len(questions)), Times.of(seconds))
