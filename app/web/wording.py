"""How numbers and times are written on the page."""

import json
from collections.abc import Callable, Sequence
from math import ceil, floor
from typing import Any

from app.watching import Point
from app.wording import counts, duration, rate


def clock(seconds: float) -> str:
    """A position in a video as people write it: 0:07, 12:30, 1:02:03."""
    minutes, whole = divmod(floor(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes}:{whole:02}"


def span(start_s: float, end_s: float) -> str:
    """A stretch of a video by its ends, or just 0:07 where it lasts less than a second."""
    start, end = clock(start_s), clock(end_s)
    return start if start == end else f"{start}\N{EN DASH}{end}"


def fragment(seconds: float) -> str:
    """A position for a media fragment (`#t=12.346`), never before the frame it means."""
    return f"{ceil(seconds * 1000) / 1000:.3f}"


def position(seconds: float) -> str:
    """A position for an address, as 12.5 or 90, never before the frame it means."""
    return f"{ceil(round(seconds * 1000, 3)) / 1000:.3f}".rstrip("0").rstrip(".")


def share(seconds: float, whole_s: float) -> str:
    """Where a position lies in a video, as an SVG length: 12.5%."""
    return f"{100 * min(1.0, seconds / whole_s) if whole_s > 0 else 0:.3f}%"


def frames(points: Sequence[Point]) -> str:
    """Time, number and similarity of frames as JSON, for the player's script."""
    return json.dumps(
        [
            [point.t_s, point.frame_no]
            if point.similarity is None
            else [point.t_s, point.frame_no, round(point.similarity, 4)]
            for point in points
        ],
        separators=(",", ":"),
    )


def count(number: int, noun: str) -> str:
    """A counted noun: `1 video`, `1,204 videos`."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


FILTERS: dict[str, Callable[..., Any]] = {
    "clock": clock,
    "span": span,
    "fragment": fragment,
    "position": position,
    "share": share,
    "frames": frames,
    "count": count,
    "counts": counts,
    "duration": duration,
    "rate": rate,
}
