"""Clients that ask one question after the other, and how long they wait for the answers."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlencode

from bench.served import HOST
from bench.tables import Times

_TIMEOUT_S = 120.0
_WARM_UP = 5

Ask = Callable[[str], object]


@dataclass(frozen=True)
class Pace:
    """How long a question waits, and how many are answered in a second by all clients together."""

    times: Times
    per_s: float

    @classmethod
    def of(cls, seconds: Sequence[float], wall_s: float) -> "Pace":
        """The pace of questions that took so long each, and all of them together."""
        return cls(Times.of(seconds), len(seconds) / wall_s)


class Client:
    """Asks the JSON API in one connection, which stays open."""

    def __init__(self, port: int, limit: int) -> None:
        self._connection = HTTPConnection(HOST, port, timeout=_TIMEOUT_S)
        self._limit = limit

    def ask(self, words: str) -> bytes:
        """The answer as it comes; raises RuntimeError where it is none."""
        address = f"/api/search?{urlencode({'q': words, 'limit': self._limit})}"
        self._connection.request("GET", address)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{address} answers {response.status}: {answer[:300]!r}")
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def in_turn(ways: Mapping[str, tuple[Ask, Sequence[str]]]) -> dict[str, Pace]:
    """Ask each way its next question, over and over, so that what else the machine does hits all.

    All have as many questions; the first of them warm up, and do not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in zip(*(texts for _, texts in ways.values()), strict=True):
        for (name, (ask, _)), words in zip(ways.items(), turn, strict=True):
            seconds[name].append(_timed(ask, words))
    counted = {name: took[min(_WARM_UP, len(took) - 1) :] for name, took in seconds.items()}
    return {name: Pace.of(took, sum(took)) for name, took in counted.items()}


def at_once(port: int, limit: int, clients: int, texts: Sequence[str]) -> Pace:
    """Have so many clients share the questions, each of them asking one after the other."""

    def work_off(share: Sequence[str]) -> list[float]:
        with closing(Client(port, limit)) as client:
            return [_timed(client.ask, words) for words in share]

    shares = [texts[number::clients] for number in range(clients)]
    with ThreadPoolExecutor(clients) as threads:
        started = time.perf_counter()
        seconds = [took for one in threads.map(work_off, shares) for took in one]
        wall_s = time.perf_counter() - started
    return Pace.of(seconds, wall_s)


def _timed(ask: Ask, words: str) -> float:
    started = time.perf_counter()
    ask(words)
    return time.perf_counter() - started
