"""Who may wait for the embedder, and for how long."""

from contextlib import ExitStack

import pytest

from app.errors import BadRequestError, EmbedderTimeoutError
from app.patience import Patience

LONG_S = 60.0
SILENT_AFTER_S = 30.0


@pytest.fixture
def patience() -> Patience:
    """Two may wait as long as they want."""
    return Patience(at_most=2, silent_after_s=SILENT_AFTER_S)


def wait_in_vain(patience: Patience, wanted_s: float = LONG_S) -> None:
    with pytest.raises(EmbedderTimeoutError, match="no answer"), patience.waiting(wanted_s):
        raise EmbedderTimeoutError("no answer")


def waits(patience: Patience, people: int) -> list[float]:
    """How long so many may wait who do so at the same time."""
    with ExitStack() as stack:
        return [stack.enter_context(patience.waiting(LONG_S)) for _ in range(people)]


def test_all_may_wait_and_a_few_as_long_as_they_want(patience: Patience) -> None:
    assert waits(patience, 4) == [LONG_S, LONG_S, SILENT_AFTER_S, SILENT_AFTER_S]


def test_for_a_silent_embedder_only_a_few_wait(patience: Patience) -> None:
    wait_in_vain(patience)

    with pytest.raises(EmbedderTimeoutError, match="others wait for it already"):
        waits(patience, 3)

    wait_in_vain(patience)


def test_an_answer_ends_the_silence(patience: Patience) -> None:
    wait_in_vain(patience)
    waits(patience, 1)

    assert len(waits(patience, 8)) == 8


def test_who_waits_for_a_moment_does_not_find_the_embedder_silent(patience: Patience) -> None:
    wait_in_vain(patience, wanted_s=0.5)

    assert len(waits(patience, 8)) == 8


def test_whatever_a_wait_ends_by_another_may_wait_in_its_place(patience: Patience) -> None:
    wait_in_vain(patience)
    for _ in range(3):
        with pytest.raises(BadRequestError), patience.waiting(LONG_S):
            raise BadRequestError("no picture")

    assert waits(patience, 2) == [LONG_S, LONG_S]
