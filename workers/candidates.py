"""The frames of a scene that may be indexed, kept while nobody knows yet how long it will be."""

from collections.abc import Sequence
from functools import cached_property

import cv2

from workers.frames import DecodedFrame, Pixels

_BLANK_CONTRAST = 5.0
_SAME_TIME_S = 1e-6


class Candidate:
    """A frame that may be indexed, and `small`, what scene detection saw of it."""

    def __init__(self, frame: DecodedFrame, small: Pixels) -> None:
        self.frame = frame
        self._small = small

    @property
    def t_s(self) -> float:
        return self.frame.t_s

    @cached_property
    def contrast(self) -> float:
        """The standard deviation, 0 to 128, of the colour that varies most over the picture."""
        return float(cv2.meanStdDev(self._small)[1].max())

    @property
    def blank(self) -> bool:
        """Whether the picture is all one colour, or nearly, as in the middle of a fade."""
        return self.contrast < _BLANK_CONTRAST

    def compact(self) -> None:
        """Let go of the decoder's memory if the frame is large."""
        self.frame = self.frame.compact()


class Candidates:
    """At most one frame of every `spacing_s` seconds, a blank one only where there is no other.

    Once there are more than `capacity` the spacing doubles, so that what is kept stays spread over
    a scene of any length; without a capacity all are kept.
    """

    def __init__(self, spacing_s: float, capacity: int | None = None) -> None:
        self.kept: list[Candidate] = []
        self._last: Candidate | None = None
        self._first_spacing_s = spacing_s
        self._spacing_s = spacing_s
        self._capacity = capacity

    def offer(self, candidate: Candidate) -> None:
        """Keep a frame if it is the first of its stretch of time, or less blank than that."""
        if self._last is not None and self._stretch(self._last) == self._stretch(candidate):
            if not self._last.blank or candidate.contrast <= self._last.contrast:
                return
            if self.kept:
                self.kept.pop()
        candidate.compact()
        self.kept.append(candidate)
        self._last = candidate
        if self._capacity is not None and len(self.kept) > self._capacity:
            self._thin_out()

    def take_until(self, end_s: float) -> list[Candidate]:
        """Remove and return the frames before a time, and begin again at the first spacing."""
        taken = [candidate for candidate in self.kept if candidate.t_s < end_s]
        self.kept = self.kept[len(taken) :]
        self._spacing_s = self._first_spacing_s
        return taken

    def _stretch(self, candidate: Candidate) -> int:
        return int((candidate.t_s + _SAME_TIME_S) / self._spacing_s)

    def _thin_out(self) -> None:
        self._spacing_s *= 2
        before, self.kept, self._last = self.kept, [], None
        for candidate in before:
            self.offer(candidate)


def spread(
    candidates: Sequence[Candidate], count: int, start_s: float, end_s: float
) -> list[Candidate]:
    """Up to `count` of a scene's frames, nearest to the middles of as many equal parts of it.

    Blank frames are left out; where all are blank, the least blank one is returned.
    """
    usable = [candidate for candidate in candidates if not candidate.blank]
    if not usable:
        return sorted(candidates, key=lambda c: c.contrast)[-1:]
    chosen: list[Candidate] = []
    first = 0
    for part in range(min(count, len(usable))):
        middle_s = start_s + (part + 0.5) * (end_s - start_s) / count
        # Each of the parts that follow needs a frame of its own.
        last = len(usable) - (min(count, len(usable)) - part)
        nearest = min(range(first, last + 1), key=lambda i: abs(usable[i].t_s - middle_s))
        chosen.append(usable[nearest])
        first = nearest + 1
    return chosen
