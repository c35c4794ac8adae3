"""Pictures of several videos on their way to vectors: full batches, each vector to its own."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workers import embedding
from workers.embedding import BATCH_SIZE, PICTURES_AHEAD, Batches, Embedding

TIMEOUT_S = 180


class Grey:
    """A model whose vector of a picture is its brightness; it notes its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def prepare(self, image: Image.Image) -> Any:
        return image.getpixel((0, 0))

    def encode_prepared(self, shades: list[int]) -> Any:
        assert self.may_go_on.wait(TIMEOUT_S)
        self.batches.append(shades)
        if 255 in shades:
            raise RuntimeError("too bright")
        return np.array([[shade] for shade in shades], dtype=np.float32)


@pytest.fixture
def model() -> Grey:
    return Grey()


@pytest.fixture
def at_work(model: Grey) -> Iterator[Embedding]:
    with Embedding(model) as at_work:  # type: ignore[arg-type]
        yield at_work
        model.may_go_on.set()


def shade(brightness: int) -> Image.Image:
    return Image.new("L", (2, 2), brightness)


def embed(at_work: Embedding, shades: Sequence[int]) -> list[tuple[str, int]]:
    """The items of a video, with what their vectors say, in the order they were handed on."""
    found: list[tuple[str, int]] = []
    with Batches[str](at_work, lambda item, vector: found.append((item, int(vector[0])))) as video:
        for one in shades:
            video.add(f"item {one}", shade(one))
    return found


def test_each_item_gets_its_own_vector_in_order(at_work: Embedding) -> None:
    assert embed(at_work, range(50)) == [(f"item {n}", n) for n in range(50)]


def test_a_video_alone_waits_for_nobody(at_work: Embedding, model: Grey) -> None:
    embed(at_work, range(BATCH_SIZE + 3))

    assert [len(batch) for batch in model.batches] == [BATCH_SIZE, 3]


def test_videos_share_batches(at_work: Embedding, model: Grey) -> None:
    with (
        Batches[int](at_work, lambda *_: None) as one,
        Batches[int](at_work, lambda *_: None) as other,
    ):
        for n in range(BATCH_SIZE // 2):
            one.add(n, shade(1))
            other.add(n, shade(2))

    half = BATCH_SIZE // 2
    assert [sorted(batch) for batch in model.batches] == [[1] * half + [2] * half]


def test_a_video_that_is_done_does_not_wait_for_long_for_others(
    at_work: Embedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "FILL_UP_S", 0.05)
    with Batches[int](at_work, lambda *_: None):
        found = embed(at_work, [7, 8])

    assert found == [("item 7", 7), ("item 8", 8)]


def test_pictures_of_a_video_that_failed_are_not_embedded(at_work: Embedding, model: Grey) -> None:
    def fail() -> None:
        with Batches[int](at_work, lambda *_: None) as video:
            video.add(0, shade(9))
            raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        fail()

    assert embed(at_work, [1]) == [("item 1", 1)]
    assert model.batches == [[1]]


def test_whoever_has_a_picture_in_a_batch_that_fails_is_told(at_work: Embedding) -> None:
    with pytest.raises(RuntimeError, match="too bright"):
        embed(at_work, [1, 255])

    assert embed(at_work, [2]) == [("item 2", 2)]


def test_no_more_pictures_are_held_than_the_model_will_soon_see(
    at_work: Embedding, model: Grey
) -> None:
    model.may_go_on.clear()
    added: list[int] = []
    is_full = threading.Event()

    def add() -> None:
        with Batches[int](at_work, lambda *_: None) as video:
            for n in range(PICTURES_AHEAD + 1):
                if n == PICTURES_AHEAD:
                    is_full.set()
                video.add(n, shade(1))
                added.append(n)

    thread = threading.Thread(target=add)
    thread.start()
    assert is_full.wait(TIMEOUT_S)
    thread.join(0.2)
    held = len(added)
    model.may_go_on.set()
    thread.join(TIMEOUT_S)

    assert held == PICTURES_AHEAD
    assert len(added) == PICTURES_AHEAD + 1
