"""Embeds pictures in batches beside the decoding, those of several videos in the same batches."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    # Types alone, so that what uses this can start before torch is loaded, which takes seconds.
    from torch import Tensor

    from workers.model import Model

BATCH_SIZE = 24
# One batch is being embedded while the next one fills; more would only take memory.
PICTURES_AHEAD = 2 * BATCH_SIZE
FILL_UP_S = 0.25
"""How long an idle model waits for others to fill the last batch of a video that is decoded."""

Item = TypeVar("Item")
Vector = NDArray[np.float16]


class Embedding:
    """A model at work on a thread of its own; any number of threads may bring it pictures.

    Many short videos have few pictures each, and a model is quickest on full batches, so those of
    all of them share batches. The model computes outside of Python's lock: the decoding goes on.
    """

    def __init__(self, model: "Model") -> None:
        self.model = model
        self._lock = threading.Lock()
        self._adding = 0
        self._batches = 0
        self._pictures: list[tuple[Tensor, Future[Vector]]] = []
        self._room = threading.BoundedSemaphore(PICTURES_AHEAD)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedding")

    def close(self) -> None:
        """Ends the thread; what waits is not embedded any more."""
        self._thread.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def begin_adding(self) -> None:
        """Another thread is going to bring pictures: batches may wait for them."""
        with self._lock:
            self._adding += 1

    def end_adding(self) -> None:
        """It has brought all. Where nobody else is adding, no batch can become fuller."""
        with self._lock:
            self._adding -= 1
            if not self._adding:
                self._send()

    def add(self, picture: Image.Image) -> "Future[Vector]":
        """The unit vector (dim,) of a picture, once its batch is done; waits while many wait."""
        prepared = self.model.prepare(picture)
        self._room.acquire()
        vector: Future[Vector] = Future()
        vector.add_done_callback(lambda _: self._room.release())
        with self._lock:
            self._pictures.append((prepared, vector))
            if len(self._pictures) == BATCH_SIZE:
                self._send()
        return vector

    def send_if_idle(self) -> None:
        """Has what is there embedded, though the batch is not full, if the model has no other."""
        with self._lock:
            if not self._batches:
                self._send()

    def _send(self) -> None:
        # One that was cancelled meanwhile belongs to a video that has failed.
        batch = [pair for pair in self._pictures if pair[1].set_running_or_notify_cancel()]
        self._pictures = []
        if batch:
            self._batches += 1
            self._thread.submit(self._embed, batch)

    def _embed(self, batch: "list[tuple[Tensor, Future[Vector]]]") -> None:
        try:
            vectors = self.model.encode_prepared([picture for picture, _ in batch])
        except BaseException as error:
            for _, vector in batch:
                vector.set_exception(error)
            raise
        else:
            for (_, vector), row in zip(batch, vectors.astype(np.float16), strict=True):
                vector.set_result(row)
        finally:
            with self._lock:
                self._batches -= 1


class Batches(Generic[Item]):
    """The pictures of one video, or of several one after the other, on their way to vectors."""

    def __init__(self, embedding: Embedding, on_vector: Callable[[Item, Vector], None]) -> None:
        """`on_vector` gets each item with its unit vector (dim,), in the order they were added.

        It is called by the thread that adds them.
        """
        self._embedding = embedding
        self._on_vector = on_vector
        self._ahead: deque[tuple[Item, Future[Vector]]] = deque()

    def add(self, item: Item, picture: Image.Image) -> None:
        """Takes in the next picture, and hands on what is done of those before."""
        self._ahead.append((item, self._embedding.add(picture)))
        while self._ahead and self._ahead[0][1].done():
            self._hand_on()

    def _hand_on(self) -> None:
        item, vector = self._ahead.popleft()
        self._on_vector(item, vector.result())

    def __enter__(self) -> Self:
        self._embedding.begin_adding()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            for _, vector in self._ahead:
                vector.cancel()
        self._embedding.end_adding()
        if error is None:
            self._finish()

    def _finish(self) -> None:
        vectors = [vector for _, vector in self._ahead]
        while wait(vectors, FILL_UP_S).not_done:
            self._embedding.send_if_idle()
        while self._ahead:
            self._hand_on()
