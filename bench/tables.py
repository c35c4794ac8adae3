"""What tables have in common: how long answers took, how right they were, and rows as they come."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Times:
    """How long answers took; as text, the cells of the median and the slowest.

    On a machine that does other work besides, the least is nearest to what an answer itself takes.
    """

    least_ms: float
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        """The times of answers that took so long each."""
        return cls(*(float(ms) for ms in np.percentile(1000 * np.array(seconds), [0, 50, 99])))

    def __str__(self) -> str:
        return f"{self.p50_ms:.1f} | {self.p99_ms:.1f}"


@dataclass(frozen=True)
class Figures:
    """How well and how quickly questions are answered."""

    recall: float
    times: Times


def show(line: str) -> None:
    """Print a line of a table at once, since the next one may take long."""
    print(line, flush=True)
