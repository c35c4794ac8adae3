"""The decoders of a worker: a file has one to itself while it is decoded, and the next one then."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from app.config import Settings
from workers.analysis import Described
from workers.decoder import Decoder

FILES_EACH = 4
"""Files at a time for each decoder: what short clips have of pictures fills a batch only so."""


class Decoders:
    """Decoders that any number of threads take in turn."""

    def __init__(self, decoders: Iterable[Decoder]) -> None:
        self.all = tuple(decoders)
        self._free: SimpleQueue[Decoder] = SimpleQueue()
        for decoder in self.all:
            self._free.put(decoder)

    @classmethod
    def of(cls, settings: Settings, most: int | None = None) -> Self:
        """As many as the settings say, but not more than there is work for."""
        count = settings.jobs if most is None else min(settings.jobs, most)
        return cls(Decoder.of(settings) for _ in range(count))

    @property
    def files_at_a_time(self) -> int:
        """So many files keep the decoders busy while others wait for their vectors."""
        return FILES_EACH * len(self.all)

    def start(self) -> None:
        """Has all of them start already, without waiting until they have."""
        for decoder in self.all:
            decoder.start()

    def close(self) -> None:
        """Ends those that no file has; the others end with this process."""
        while not self._free.empty():
            self._free.get().close()

    @contextmanager
    def lent(self) -> Iterator["Loan"]:
        """One of them, as soon as one is free, until it is given back or the block ends."""
        loan = Loan(self._free.get(), self._free)
        try:
            yield loan
        finally:
            loan.give_back()

    def describe(self, path: Path) -> Described:
        """What `Decoder.describe` says of a file."""
        with self.lent() as loan:
            return loan.decoder.describe(path)


class Loan:
    """A decoder that is lent to one file."""

    def __init__(self, decoder: Decoder, free: "SimpleQueue[Decoder]") -> None:
        self.decoder = decoder
        self._free: SimpleQueue[Decoder] | None = free

    def give_back(self) -> None:
        """Lets another file have it, which is no harm where it has it already."""
        if self._free is not None:
            self._free.put(self.decoder)
            self._free = None
