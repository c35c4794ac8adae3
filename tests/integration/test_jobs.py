"""How a worker works off its queue."""

import os
import signal
import threading

from procrastinate import App

from app.config import Settings
from app.queue import worker_app
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
