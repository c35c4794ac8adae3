"""Frames on their way to the database, kept on disk so that memory does not grow with a video."""

import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class IndexedFrame:
    """A frame with what the database keeps of it; the embedding is a float16 unit vector (dim,)."""

    frame_no: int
    scene_no: int
    t_s: float
    thumbnail: bytes
    embedding: NDArray[np.float16]


class Spool:
    """A list of frames in a file that has no name and goes when it is closed, even by a crash."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, frame: IndexedFrame) -> None:
        pickle.dump(frame, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        self._count += 1

    def __iter__(self) -> Iterator[IndexedFrame]:
        """The frames in the order they were appended."""
        self._file.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
