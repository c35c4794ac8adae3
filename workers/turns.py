"""Has threads that are about the same thing take turns."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

LOOK_EVERY_S = 0.5


class Turns:
    """Lets one thread at a time have each of any number of things, which go by their names."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._change = Condition()

    @contextmanager
    def turn(self, name: str, while_waiting: Callable[[], None]) -> Iterator[None]:
        """Waits until nobody else has the thing, and has it until the block ends.

        `while_waiting` is called now and then; what it raises ends the wait and is raised here.
        """
        with self._change:
            while name in self._taken:
                while_waiting()
                self._change.wait(LOOK_EVERY_S)
            self._taken.add(name)
        try:
            yield
        finally:
            with self._change:
                self._taken.remove(name)
                self._change.notify_all()
