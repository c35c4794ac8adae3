"""Decoders that threads take in turn: one file each, and the next as soon as one is given back."""

import threading
from pathlib import Path
from typing import Any

import pytest

from workers.decoder import Decoder
from workers.decoders import Decoders

TIMEOUT_S = 60


class Stub(Decoder):
    """Stands for a decoder, of which only its end is of interest."""

    def __init__(self) -> None:
        super().__init__(memory_mb=1, frame_timeout_s=1)
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

    def describe(self, path: Path) -> Any:
        return f"{path} described"


@pytest.fixture
def only() -> Stub:
    return Stub()


def test_a_decoder_is_lent_to_one_file_at_a_time(only: Stub) -> None:
    decoders = Decoders([only])
    is_lent = threading.Event()

    def borrow() -> None:
        with decoders.lent():
            is_lent.set()

    with decoders.lent():
        other = threading.Thread(target=borrow)
        other.start()
        assert not is_lent.wait(0.2), "two files had the same decoder"

    assert is_lent.wait(TIMEOUT_S)
    other.join()


def test_a_decoder_that_is_given_back_early_serves_the_next_file(only: Stub) -> None:
    decoders = Decoders([only])

    with decoders.lent() as loan:
        loan.give_back()
        with decoders.lent() as other:
            assert other.decoder is only
    # Given back by both files, it is there once.
    with decoders.lent():
        decoders.close()

    assert not only.is_closed


def test_it_is_given_back_by_a_file_that_fails(only: Stub) -> None:
    decoders = Decoders([only])

    with pytest.raises(ValueError, match="damaged"), decoders.lent():
        raise ValueError("damaged")

    assert decoders.describe(Path("next.mp4")) == "next.mp4 described"  # type: ignore[comparison-overlap]


def test_only_those_that_no_file_has_are_closed() -> None:
    free, taken = Stub(), Stub()
    decoders = Decoders([taken, free])

    with decoders.lent():
        decoders.close()

    assert (taken.is_closed, free.is_closed) == (False, True)
