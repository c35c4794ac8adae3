"""Figures that are held against a limit, each on a line of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Ratio:
    """A figure and its limit, which it should reach, or not go beyond."""

    what: str
    value: float
    limit: float
    kind: Literal["at least", "at most"] = "at least"

    @property
    def is_met(self) -> bool:
        """Whether the figure is on the right side of its limit."""
        if self.kind == "at least":
            return self.value >= self.limit
        return self.value <= self.limit


def write_ratios(ratios: Sequence[Ratio], write: Callable[[str], None]) -> None:
    """A table with a line for each."""
    write("\n| what | value | limit | |\n| --- | ---: | --- | --- |")
    for one in ratios:
        verdict = "met" if one.is_met else "missed"
        write(f"| {one.what} | {one.value:.2f} | {one.kind} {one.limit:.2f} | {verdict} |")
