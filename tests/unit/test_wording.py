"""Times as the command line writes them."""

import pytest

from app.cli.wording import clock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (9.96, "0:10.0"), (59.97, "1:00.0"), (61.25, "1:01.2"), (3725.5, "1:02:05.5")],
)
def test_seconds_become_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
