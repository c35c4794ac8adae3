"""Embeds pictures in batches while others are still being decoded."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.model import Model

BATCH_SIZE = 16
# One batch is being embedded while the next one fills; more would only take memory.
BATCHES_AHEAD = 2

Item = TypeVar("Item")


class Batches(Generic[Item]):
    """Embeds pictures on a thread beside the decoding, each with the item that it is of.

    The model computes outside of Python's lock, so the decoding goes on meanwhile.
    """

    def __init__(
        self, model: Model, on_vector: Callable[[Item, NDArray[np.float16]], None]
    ) -> None:
        """`on_vector` gets each item with its unit vector (dim,), in the order they were added."""
        self.model = model
        self.on_vector = on_vector
        self.items: list[Item] = []
        self.images: list[Image.Image] = []
        self.ahead: deque[tuple[list[Item], Future[NDArray[np.float32]]]] = deque()
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedding")

    def add(self, item: Item, image: Image.Image) -> None:
        self.items.append(item)
        self.images.append(image)
        if len(self.items) == BATCH_SIZE:
            self._send()

    def _send(self) -> None:
        while len(self.ahead) >= BATCHES_AHEAD:
            self._collect()
        vectors = self.thread.submit(self.model.encode_images, self.images)
        self.ahead.append((self.items, vectors))
        self.items, self.images = [], []

    def _collect(self) -> None:
        items, vectors = self.ahead.popleft()
        for item, vector in zip(items, vectors.result().astype(np.float16), strict=True):
            self.on_vector(item, vector)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                if self.items:
                    self._send()
                while self.ahead:
                    self._collect()
        finally:
            self.thread.shutdown(cancel_futures=True)
