"""Serves an application as `sceneql` does: by waitress, for tests that need a real connection."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse
from threading import Event, Thread
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore

from app.config import Settings
from app.web.server import server_options

SERVER_THREADS = 4


@dataclass(frozen=True)
class Answer:
    """What a server said to a request."""

    status: int
    headers: Message
    data: bytes


@dataclass(frozen=True)
class Server:
    """Where a running server listens."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, head: str, *body: bytes) -> Answer:
        """The answer to a request that is sent byte for byte as it is given, and read whole."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(head.encode())
            # A server that has refused takes no more.
            with suppress(ConnectionError):
                for part in body:
                    connection.sendall(part)
            response = HTTPResponse(connection)
            response.begin()
            return Answer(response.status, response.headers, response.read())


@contextmanager
def served(
    flask: Flask, settings: Settings | None = None, /, **adjustments: int
) -> Iterator[Server]:
    """A server on a free port, which is stopped at the end; adjustments are waitress's own."""
    sockets: dict[int, Any] = {}
    server = waitress.create_server(
        flask,
        map=sockets,
        host="127.0.0.1",
        port=0,
        threads=SERVER_THREADS,
        **server_options(settings or Settings()) | adjustments,
    )
    stopped = Event()

    # waitress has no way to stop its own loop from another thread.
    def run() -> None:
        while not stopped.is_set():
            wasyncore.loop(timeout=0.1, map=sockets, count=1)

    thread = Thread(target=run)
    thread.start()
    try:
        yield Server(int(server.effective_port))
    finally:
        stopped.set()
        thread.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets, ignore_all=True)
