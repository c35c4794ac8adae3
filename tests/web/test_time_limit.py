"""What takes the database too long is stopped, and the page says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.config import get_settings
from app.db import address_of, limited
from app.errors import EmbedderTimeoutError
from app.questions import ask_words
from app.web import create_app
from tests.filling import answer, fill

LIMIT_S = 1.0
CURE = "raise SCENEQL_QUERY_TIMEOUT_S"


@pytest.fixture
def hurried(engine: Engine) -> Iterator[Engine]:
    """A library of one video, on connections that have little time."""
    filled = fill(engine, videos=1)
    answer(engine, "a red circle", filled.vectors[0, 7])
    hurried = limited(engine, LIMIT_S)
    yield hurried
    hurried.dispose()


@pytest.fixture
def client(hurried: Engine) -> FlaskClient:
    return create_app(hurried).test_client()


@contextmanager
def kept_waiting(engine: Engine, table: str) -> Iterator[None]:
    """Whoever reads the table waits: to the database, that is a slow statement like any other."""
    with psycopg.connect(address_of(engine)) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("table", ["moments", "scenes"])
def test_a_question_that_takes_too_long_is_answered_by_the_cure_and_stays(
    engine: Engine, client: FlaskClient, table: str
) -> None:
    with kept_waiting(engine, table):
        page = client.get("/?q=a+red+circle")
        reply = client.get("/api/search?q=a+red+circle")

    assert (page.status_code, reply.status_code) == (503, 503)
    assert CURE in page.text
    assert 'value="a red circle"' in page.text
    assert reply.json is not None
    assert CURE in reply.json["error"]


def test_any_other_page_that_takes_too_long_says_the_same(
    engine: Engine, client: FlaskClient
) -> None:
    with kept_waiting(engine, "videos"):
        page = client.get("/library")

    assert page.status_code == 503
    assert CURE in page.text
    assert client.get("/library").status_code == 200


def test_waiting_for_the_embedder_is_not_cut_short(
    engine: Engine, hurried: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCENEQL_EMBED_TIMEOUT_S", str(3 * LIMIT_S))
    get_settings.cache_clear()
    with (
        psycopg.connect(address_of(engine), autocommit=True) as silent,
        hurried.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        silent.execute("SELECT pg_advisory_lock_shared(20265, 1)")
        with pytest.raises(EmbedderTimeoutError):
            ask_words(connection, "what nobody answers")
        limit = connection.execute(text("SHOW statement_timeout")).scalar_one()
    get_settings.cache_clear()

    assert limit == "1s"


def test_only_the_page_has_a_limit(engine: Engine, hurried: Engine) -> None:
    limits = []
    for one in (engine, hurried):
        with one.connect() as connection:
            limits.append(connection.execute(text("SHOW statement_timeout")).scalar_one())

    assert limits == ["0", "1s"]
