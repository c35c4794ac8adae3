"""Durations, counts and rates as people read them, on the page and in a terminal."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from app.care import Rate

UNKNOWN = "-"
UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units: 45 s, 3 min 20 s, 2 h, 1 d 4 h; unknown is `-`."""
    if seconds is None:
        return UNKNOWN
    left = max(0, round(seconds))
    for (size, unit), (smaller, smaller_unit) in pairwise(UNITS):
        if left >= size:
            whole, rest = divmod(left, size)
            rest //= smaller
            return f"{whole} {unit} {rest} {smaller_unit}" if rest else f"{whole} {unit}"
    return f"{left} s"


def counts(by_kind: Mapping[str, Any]) -> str:
    """Counts by kind, such as `2 failed, 1,204 indexed`; zeros are left out."""
    return ", ".join(
        f"{value:,} {kind}" if isinstance(value, int) else f"{kind}: {value}"
        for kind, value in sorted(by_kind.items())
        if value not in (0, None)
    )


def rate(value: Rate) -> str:
    """Videos a minute and seconds of video a second; unknown is `-`."""
    if value.videos_per_minute is None:
        return UNKNOWN
    videos = f"{value.videos_per_minute:,.1f} videos a minute"
    if value.video_s_per_s is None:
        return videos
    return f"{videos}, {value.video_s_per_s:,.1f} s of video a second"
