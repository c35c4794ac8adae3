"""Which jobs are tried again, when, and what the log says of it."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.jobs import Job
from sqlalchemy.exc import OperationalError

from app.errors import (
    BusyDatabaseError,
    DatabaseUnavailableError,
    DecoderUnavailableError,
    ModelUnavailableError,
)
from workers.jobs import Patience

PATH = "/videos/clip.mp4"
PASSING = [
    OperationalError("SELECT 1", {}, psycopg.OperationalError("the server closed the connection")),
    psycopg.OperationalError("the server closed the connection"),
    ConnectorException("Database error."),
    DatabaseUnavailableError("Postgres did not start"),
    BusyDatabaseError("somebody else is at it"),
    ModelUnavailableError("the weights cannot be downloaded"),
    DecoderUnavailableError("the decoder did not start"),
    OSError("No space left on device"),
]


def pause_before_next(error: BaseException, attempts: int = 0) -> timedelta | None:
    """How long a job waits that has failed so; None: it is given up."""
    job = Job(
        id=7,
        queue="ingest",
        lock=None,
        queueing_lock=PATH,
        task_name="ingest_file",
        task_kwargs={"path": PATH},
        attempts=attempts,
    )
    decision = Patience().get_retry_decision(exception=error, job=job)
    if decision is None:
        return None
    assert decision.retry_at is not None
    return decision.retry_at - datetime.now(UTC)


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_may_be_otherwise_in_a_while_is_tried_again(error: Exception) -> None:
    assert pause_before_next(error) is not None


def test_a_mistake_is_not_tried_again() -> None:
    assert pause_before_next(ValueError("no such thing")) is None


def test_the_log_says_what_is_tried_again_when_and_why(caplog: pytest.LogCaptureFixture) -> None:
    pause_before_next(OSError(28, "No space left on device"), attempts=1)

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    for said in ("ingest_file", PATH, "in 16 s", "No space left on device"):
        assert said in record.getMessage()


def test_what_its_worker_interrupted_goes_on_at_once_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pause = pause_before_next(JobAborted())

    assert pause is not None
    assert pause <= timedelta()
    assert not caplog.records


def test_each_wait_is_longer_an_hour_at_most_and_all_are_a_day() -> None:
    pauses: list[timedelta] = []
    while (pause := pause_before_next(OSError("full"), attempts=len(pauses))) is not None:
        pauses.append(pause)

    assert pauses[:4] == sorted(pauses[:4])
    assert max(pauses) <= timedelta(hours=1)
    assert timedelta(hours=20) < sum(pauses, timedelta()) < timedelta(hours=28)
