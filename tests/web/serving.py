"""Serves an application as `sceneql` does: by waitress, for tests that need a real connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore

SERVER_THREADS = 4


@dataclass(frozen=True)
class Server:
    """Where a running server listens."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(flask: Flask) -> Iterator[Server]:
    """A server on a free port, which is stopped at the end."""
    sockets: dict[int, Any] = {}
    server = waitress.create_server(
        flask, map=sockets, host="127.0.0.1", port=0, threads=SERVER_THREADS
    )
    stopped = Event()

    # waitress has no way to stop its own loop from another thread.
    def run() -> None:
        while not stopped.is_set():
            wasyncore.loop(timeout=0.1, map=sockets, count=1)

    thread = Thread(target=run)
    thread.start()
    try:
        yield Server(server.effective_port)
    finally:
        stopped.set()
        thread.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets, ignore_all=True)
