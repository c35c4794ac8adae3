"""Threads that have to do with the same thing take turns; others do not wait for each other."""

import threading

import pytest

from workers.turns import Turns

TIMEOUT_S = 60


class ToldToStopError(Exception):
    """Somebody has told the thread that waits to stop."""


def not_expected() -> None:
    raise AssertionError("waited for nobody")


def test_nobody_waits_for_another_thing() -> None:
    turns = Turns()

    with turns.turn("one", not_expected), turns.turn("two", not_expected):
        pass
    with turns.turn("one", not_expected):
        pass


def test_who_waits_has_the_thing_when_the_other_is_done_with_it() -> None:
    turns = Turns()
    waits, has_it = threading.Event(), threading.Event()

    def wait() -> None:
        with turns.turn("one", waits.set):
            has_it.set()

    with turns.turn("one", not_expected):
        other = threading.Thread(target=wait)
        other.start()
        assert waits.wait(TIMEOUT_S)
        assert not has_it.wait(0.2), "two had the same thing"

    assert has_it.wait(TIMEOUT_S)
    other.join()


def test_who_waits_can_be_told_to_stop() -> None:
    turns = Turns()

    def stop() -> None:
        raise ToldToStopError

    with (
        turns.turn("one", not_expected),
        pytest.raises(ToldToStopError),
        turns.turn("one", stop),
    ):
        pass

    with turns.turn("one", not_expected):
        pass
