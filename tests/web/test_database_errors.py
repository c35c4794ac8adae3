"""What the page says when the database refuses, or dies, in the middle of a request."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from app.db import address_of
from tests.filling import answer, fill

WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
    "AND wait_event_type = 'Lock'"
)


@pytest.fixture
def client(engine: Engine, own_client: FlaskClient) -> FlaskClient:
    filled = fill(engine, videos=1)
    answer(engine, "a red circle", filled.vectors[0, 7])
    return own_client


@contextmanager
def kept_waiting(engine: Engine, table: str) -> Iterator[psycopg.Connection]:
    """Whoever reads the table waits; gives the connection that they wait for."""
    with psycopg.connect(address_of(engine)) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield connection


def end_who_waits(connection: psycopg.Connection, request: "Future[TestResponse]") -> None:
    """Ends the session that waits for a lock, as a server does that goes down."""
    deadline = time.monotonic() + 60
    while not request.done():
        assert time.monotonic() < deadline, "the request goes on"
        for (pid,) in connection.execute(WAITING).fetchall():
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        time.sleep(0.01)


@pytest.mark.parametrize("table", ["moments", "scenes"])
@pytest.mark.parametrize(
    "address", ["/?q=a+red+circle", "/api/search?q=a+red+circle", "/api/search?like=1:7"]
)
def test_a_database_that_dies_during_a_search_does_not_answer(
    engine: Engine, client: FlaskClient, address: str, table: str
) -> None:
    with ThreadPoolExecutor() as threads, kept_waiting(engine, table) as holder:
        request = threads.submit(client.get, address)
        end_who_waits(holder, request)

    assert request.result().status_code == 503
    assert "the database does not answer: start it" in request.result().text
    assert client.get(address).status_code == 200


def test_a_database_that_refuses_is_not_said_to_be_down(
    engine: Engine, client: FlaskClient
) -> None:
    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        name = engine.url.database
        connection.execute(f"ALTER DATABASE {name} SET lock_timeout = '50ms'".encode())
    engine.dispose()

    with kept_waiting(engine, "videos"):
        page = client.get("/library")

    assert page.status_code == 503
    assert "does not answer" not in page.text
    assert "lock timeout; try again when others are done" in page.text
