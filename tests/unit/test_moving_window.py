"""How often a client may do something, by a clock that the tests set."""

from collections.abc import Callable

import pytest

from app.web.moving_window import MovingWindow


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def set_to(seconds: float) -> None:
        monkeypatch.setattr("app.web.moving_window.time.monotonic", lambda: seconds)

    set_to(0)
    return set_to


def test_one_more_is_let_in_when_the_first_is_a_window_old(
    set_clock: Callable[[float], None],
) -> None:
    window = MovingWindow(most=2)
    assert window.wait_s("a", count=True) == 0
    set_clock(50)
    assert window.wait_s("a", count=True) == 0

    assert window.wait_s("a", count=True) == 10
    set_clock(60)
    assert window.wait_s("a", count=True) == 0
    assert window.wait_s("a", count=True) == 50


def test_what_is_only_asked_or_refused_is_not_counted(set_clock: Callable[[float], None]) -> None:
    window = MovingWindow(most=1)

    assert [window.wait_s("a", count=False) for _ in range(3)] == [0, 0, 0]
    assert window.wait_s("a", count=True) == 0
    assert [window.wait_s("a", count=True) for _ in range(3)] == [60, 60, 60]
    set_clock(60)
    assert window.wait_s("a", count=True) == 0


def test_who_has_left_is_forgotten(set_clock: Callable[[float], None]) -> None:
    window = MovingWindow(most=5)
    for number in range(1000):
        window.wait_s(f"gone {number}", count=number % 2 == 0)

    set_clock(59)
    window.wait_s("here", count=True)
    set_clock(61)
    window.wait_s("new", count=True)

    assert set(window._times) == {"here", "new"}
