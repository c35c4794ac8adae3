"""When the frames of a file are shown, by a player's clock."""

from fractions import Fraction
from typing import cast

import av
from av.container import InputContainer
from av.video.stream import VideoStream

_CLOCK_SET_BACK_S = 10.0
"""A time stamp this far behind the one before it begins another recording; less is a slip."""


class Clock:
    """Turns presentation times into what a player's clock shows: seconds since the start.

    The start is the container's, that of its earliest stream: where the sound begins before the
    pictures do, a player's clock runs with the sound.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.end_s = 0.0
        self._now_s = 0.0
        self._time_base = stream.time_base or Fraction(1, av.time_base)
        start = cast(int | None, container.start_time)
        self._start_s = None if start is None else start / av.time_base
        rate = stream.average_rate or stream.guessed_rate
        self._usual_frame_s = float(1 / rate) if rate else 0.04

    def at(self, stamp: int, time_base: Fraction) -> float:
        """What the clock shows at a time stamp of any stream."""
        stamp_s = stamp * time_base.numerator / time_base.denominator
        return round(stamp_s - (self._start_s or 0.0), 6)

    def read(self, frame: av.VideoFrame) -> float:
        """When a frame appears; the times of frames read in their order never decrease."""
        shown_s = self.end_s if frame.pts is None else self.at(frame.pts, self._time_base)
        if self._start_s is None:
            self._start_s, shown_s = shown_s, 0.0
        if shown_s < self._now_s - _CLOCK_SET_BACK_S:
            # Recordings were joined and the time stamps begin anew, but the clock goes on.
            self._start_s += shown_s - self.end_s
            shown_s = self.end_s
        self._now_s = max(self._now_s, shown_s)
        # Not by Fraction's own arithmetic, which takes longer than all else here.
        frame_s = frame.duration * self._time_base.numerator / self._time_base.denominator
        frame_s = frame_s or self._usual_frame_s
        self.end_s = max(self.end_s, round(self._now_s + frame_s, 6))
        return self._now_s
