"""The page and an embedder on one library, as `sceneql up` runs them: each a process of its own."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psycopg

from app.supervisor import python_module, worker_command
from bench.random_weights import Weighted

HOST = "127.0.0.1"
_UNLIMITED = "1000000000"
_START_TIMEOUT_S = 120.0


@contextmanager
def served(address: str, home: Path, weighted: Weighted) -> Iterator[int]:
    """Both of them for the length of the block; gives the port that the page listens on.

    The library at the address must be of the model. Raises RuntimeError if one of them does not
    start, its reason stands above.
    """
    port = _free_port()
    others = {name: it for name, it in os.environ.items() if not name.startswith("SCENEQL_")}
    environment = others | {
        "DATABASE_URL": address,
        "SCENEQL_HOME": str(home),
        "SCENEQL_MODEL_CACHE": str(weighted.folder),
        # One client asks more than people do.
        "SCENEQL_QUESTIONS_PER_MINUTE": _UNLIMITED,
        # They end with this process, however it ends.
        "SCENEQL_SUPERVISED": "1",
    }
    commands = (
        worker_command("--quiet", "embedder"),
        python_module("app.cli", "serve", "--host", HOST, "--port", str(port)),
    )
    processes = [
        subprocess.Popen(command, env=environment, start_new_session=True) for command in commands
    ]
    try:
        _wait_until_ready(address, port, processes)
        yield port
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


def _wait_until_ready(
    address: str, port: int, processes: Sequence["subprocess.Popen[bytes]"]
) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    with psycopg.connect(address, autocommit=True) as connection:
        while not (_is_embedder_running(connection) and _answers(port)):
            if any(process.poll() is not None for process in processes):
                raise RuntimeError("the page or the embedder ended; its reason stands above")
            if time.monotonic() > deadline:
                raise RuntimeError(f"they did not start in {_START_TIMEOUT_S:.0f} s")
            time.sleep(0.1)


def _is_embedder_running(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT embedder_running()").fetchone()
    return bool(row and row[0])


def _answers(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()
