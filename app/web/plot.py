"""How similar the frames of a video are to a question, drawn over its time."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.watching import Point

WIDTH, HEIGHT = 1000, 100

LEAST_SPAN = 0.1
"""Similarities that lie closer together than this are not drawn as mountains and valleys."""


@dataclass(frozen=True)
class Plot:
    """A curve as SVG path data in a box of WIDTH by HEIGHT, and what its edges stand for."""

    curve: str
    area: str
    lowest: float
    highest: float


def plot(points: Sequence[Point], duration_s: float) -> Plot | None:
    """The curve of the points that have a similarity, or None if there is none."""
    known = [(point.t_s, point.similarity) for point in points if point.similarity is not None]
    if not known:
        return None
    highest = max(similarity for _, similarity in known)
    lowest = min(min(similarity for _, similarity in known), highest - LEAST_SPAN)
    # The first and the last frame stand for what is before and after them.
    known = [(0.0, known[0][1]), *known, (duration_s, known[-1][1])]
    steps = [
        f"{_x(t_s, duration_s):.1f} {HEIGHT * (highest - similarity) / (highest - lowest):.1f}"
        for t_s, similarity in known
    ]
    curve = "M" + " L".join(steps)
    return Plot(curve, f"{curve} V{HEIGHT} H0 Z", lowest, highest)


def _x(t_s: float, duration_s: float) -> float:
    return WIDTH * min(1.0, t_s / duration_s) if duration_s > 0 else 0.0
