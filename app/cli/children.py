"""The worker processes that commands start."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from sqlalchemy import Engine, func, select

from app.errors import EmbedderAbsentError
from app.supervisor import worker_command

START_TIMEOUT_S = 30.0


def run(command: list[str]) -> int:
    """Runs a process that shows its own progress, and returns its status.

    Ctrl-C reaches it as well as us: we wait while it tidies up.
    """
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


@contextmanager
def temporary_embedder(engine: Engine) -> Iterator[None]:
    """Runs an embedder for the length of the block, for people who keep no worker running."""
    process = subprocess.Popen(
        worker_command("--quiet", "embedder"),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"SCENEQL_SUPERVISED": "1"},
    )
    try:
        with Console(stderr=True).status(
            "starting an embedder (while `sceneql worker` runs, answers come at once)"
        ):
            _wait_until_present(engine, process)
            yield
    finally:
        process.terminate()
        process.wait()


def _wait_until_present(engine: Engine, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        while not connection.execute(select(func.embedder_running())).scalar_one():
            if process.poll() is not None:
                raise EmbedderAbsentError("the embedder could not start; its reason stands above")
            if time.monotonic() > deadline:
                raise EmbedderAbsentError(
                    f"the embedder did not start in {START_TIMEOUT_S:.0f} s; see what it does: "
                    "sceneql worker --only embedder"
                )
            time.sleep(0.05)
