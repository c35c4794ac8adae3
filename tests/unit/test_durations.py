"""Durations and counts as people read them."""

import pytest

from app.wording import counts, duration


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (7200, "2 h"),
        (7259, "2 h"),
        (100_000, "1 d 3 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_counts_leave_zeros_out() -> None:
    assert counts({"new": 1204, "moved": 0, "changed": 1}) == "1 changed, 1,204 new"
