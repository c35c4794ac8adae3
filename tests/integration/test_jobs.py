"""How a worker works off its queue."""

import os
import signal
import threading
import time

import psycopg
import pytest
from procrastinate import App
from sqlalchemy import Engine

from app.config import Settings
from app.queue import connection_settings, worker_app
from tests.conftest import Databases
from workers.jobs import work_off

QUEUE = "meetings"
# More than the threads that asyncio has by itself on any machine.
AT_ONCE = 40
TIMEOUT_S = 120.0


def test_all_jobs_that_a_worker_takes_are_worked_at(settings_of_test: Settings) -> None:
    met = threading.Event()
    meeting = threading.Barrier(AT_ONCE, action=met.set)

    def app() -> App:
        app = worker_app(QUEUE)

        def meet(number: int) -> None:
            try:
                meeting.wait(TIMEOUT_S)
            finally:
                if number == 0:
                    os.kill(os.getpid(), signal.SIGTERM)

        task = app.task(name="meet", queue=QUEUE)(meet)
        with app.open():
            for number in range(AT_ONCE):
                task.defer(number=number)
        return app

    work_off(app, settings_of_test, QUEUE, AT_ONCE)

    assert met.is_set(), f"of {AT_ONCE} jobs some waited for others to end"


def test_a_worker_whose_database_was_gone_signs_on_again_until_it_is_told_to_stop(
    databases: Databases,
    engine: Engine,
    settings_of_test: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = engine.url.database
    done: list[str] = []

    def lose_the_database() -> None:
        done.append("lost")
        databases.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        databases.run(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        deadline = time.monotonic() + TIMEOUT_S
        # Else it would find the database again before it ends.
        while "stopping worker" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.05)
        databases.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def stop() -> None:
        done.append("told to stop")
        os.kill(os.getpid(), signal.SIGTERM)

    def nightly(timestamp: int) -> None:
        raise AssertionError(f"not expected at {timestamp}")

    def app() -> App:
        app = worker_app(QUEUE)
        # Like the scanner: only with a schedule does the queue's worker see that it lost something.
        app.periodic(cron="0 4 1 1 *")(app.task(name="nightly", queue=QUEUE)(nightly))
        tasks = [
            app.task(name=task.__name__, queue=QUEUE)(task) for task in (lose_the_database, stop)
        ]
        with app.open():
            tasks[len(done)].defer()
        return app

    work_off(app, settings_of_test, QUEUE, jobs_at_once=1)

    assert done == ["lost", "told to stop"]


@pytest.mark.usefixtures("settings_of_test")
def test_the_server_ends_a_frozen_session_that_would_keep_others_waiting() -> None:
    settings = connection_settings()

    with psycopg.connect(settings["conninfo"], **settings["kwargs"]) as connection:
        row = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()

    assert row == ("1min",)
