"""Questions in SQL: asked by procedure, answered by an embedder, kept from other people's sight."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Engine

from app.db import address_of
from app.errors import BadRequestError
from app.questions import ask_words
from tests.filling import add_active_model

UNIT = "[1,0,0]"


@contextmanager
def embedder(engine: Engine, answer: str) -> Iterator[None]:
    """Somebody who answers each waiting question with the given assignments."""
    stop = threading.Event()

    def run() -> None:
        with psycopg.connect(address_of(engine), autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock_shared(20265, 1)")
            ready.set()
            while not stop.is_set():
                connection.execute(
                    f"UPDATE query_embeddings SET {answer}, answered_at = now() "
                    "WHERE answered_at IS NULL"
                )
                time.sleep(0.005)

    ready = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(60)
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def analyst(engine: Engine) -> Iterator[psycopg.Connection]:
    """A session of the role that may read and search; the index has a model of 3 dimensions."""
    add_active_model(engine, dim=3)
    url = address_of(engine).replace("postgres@", "sceneql_analyst@", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_a_question_can_be_searched_once_it_is_answered(
    engine: Engine, analyst: psycopg.Connection
) -> None:
    with embedder(engine, f"embedding = '{UNIT}'"):
        analyst.execute("CALL embed_query('a red circle')")

    vector = analyst.execute("SELECT query_vector('a red circle')::text").fetchone()
    assert vector == (UNIT,)


def test_a_picture_is_searched_by_the_key_that_embed_image_returns(
    engine: Engine, analyst: psycopg.Connection
) -> None:
    with embedder(engine, f"embedding = '{UNIT}'"):
        row = analyst.execute(r"CALL embed_image('\x010203')").fetchone()

    assert row is not None
    assert analyst.execute("SELECT image_vector(%s)::text", [row[0]]).fetchone() == (UNIT,)


def test_without_an_embedder_the_cure_is_named(analyst: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error, match="no embedder is running") as raised:
        analyst.execute("CALL embed_query('a red circle')")

    assert raised.value.diag.message_hint == "Start one: sceneql worker, or sceneql up."


def test_the_cure_for_a_long_question_is_that_question(analyst: psycopg.Connection) -> None:
    question = "a red circle beside a blue square, " * 10 + "and a 'quoted' word"

    with pytest.raises(psycopg.Error, match="has no vector yet") as raised:
        analyst.execute("SELECT query_vector(%s)", [question])

    quoted = question.replace("'", "''")
    assert raised.value.diag.message_hint == f"Run first: CALL embed_query('{quoted}');"


def test_an_embedder_that_does_not_answer_runs_into_the_timeout(
    engine: Engine, analyst: psycopg.Connection
) -> None:
    with psycopg.connect(address_of(engine), autocommit=True) as silent:
        silent.execute("SELECT pg_advisory_lock_shared(20265, 1)")

        with pytest.raises(psycopg.Error, match=r"did not answer within 0\.2 s"):
            analyst.execute("CALL embed_query('a red circle', 0.2)")


def test_a_question_that_failed_can_be_asked_again(
    engine: Engine, analyst: psycopg.Connection
) -> None:
    with (
        embedder(engine, "error = 'the model is ill'"),
        pytest.raises(psycopg.Error, match="the model is ill"),
    ):
        analyst.execute("CALL embed_query('a red circle')")

    with embedder(engine, f"embedding = '{UNIT}'"):
        analyst.execute("CALL embed_query('a red circle')")

    assert analyst.execute("SELECT query_vector('a red circle')::text").fetchone() == (UNIT,)


def test_the_search_asks_a_question_that_failed_again(engine: Engine) -> None:
    add_active_model(engine, dim=3)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        with (
            embedder(engine, "error = 'the model is ill'"),
            pytest.raises(BadRequestError, match="the model is ill"),
        ):
            ask_words(connection, "a red circle")

        with embedder(engine, f"embedding = '{UNIT}'"):
            [asked] = ask_words(connection, "a red circle")

    assert asked.kind == "text"


def test_words_the_model_never_saw_are_named_in_a_notice(
    engine: Engine, analyst: psycopg.Connection
) -> None:
    notices: list[str | None] = []
    analyst.add_notice_handler(lambda notice: notices.append(notice.message_primary))

    with embedder(engine, f"embedding = '{UNIT}', unknown_words = '{{zebra}}'"):
        analyst.execute("CALL embed_query('a red zebra')")

    assert notices == ["the model never saw: zebra"]


@pytest.mark.parametrize("kind", ["'clip'", "'sound'", "NULL"])
def test_a_question_of_a_kind_that_nobody_answers_is_refused(
    analyst: psycopg.Connection, kind: str
) -> None:
    with pytest.raises(psycopg.Error, match="a question is a text or an image"):
        analyst.execute(f"SELECT request_embedding({kind}, 'x')")


def test_whoever_listens_hears_that_something_is_asked_but_not_what(
    engine: Engine, analyst: psycopg.Connection
) -> None:
    with psycopg.connect(address_of(engine), autocommit=True) as listener:
        listener.execute("LISTEN sceneql_embed")
        analyst.execute("SELECT request_embedding('text', 'a secret')")

        heard = [notice.payload for notice in listener.notifies(timeout=60, stop_after=1)]

    assert heard == [""]


@pytest.mark.parametrize("length", [0, 2001])
def test_a_question_of_the_wrong_length_is_refused(
    analyst: psycopg.Connection, length: int
) -> None:
    with pytest.raises(psycopg.Error, match="1 to 2,000 characters"):
        analyst.execute("CALL embed_query(%s)", ["x" * length])


def test_two_thousand_characters_of_four_bytes_are_a_question(
    engine: Engine, analyst: psycopg.Connection
) -> None:
    words = "\N{GRINNING FACE}" * 2000

    with embedder(engine, f"embedding = '{UNIT}'"):
        analyst.execute("CALL embed_query(%s)", [words])

    assert analyst.execute("SELECT query_vector(%s)::text", [words]).fetchone() == (UNIT,)


def test_an_empty_index_says_so(engine: Engine) -> None:
    with (
        psycopg.connect(address_of(engine), autocommit=True) as connection,
        pytest.raises(psycopg.Error, match="the index is empty"),
    ):
        connection.execute("CALL embed_query('a red circle')")


@pytest.mark.parametrize(
    "forbidden",
    [
        "SELECT * FROM query_embeddings",
        "INSERT INTO videos (content_hash, title, status) VALUES ('x', 'x', 'indexed')",
        "UPDATE videos SET title = 'mine'",
        "DELETE FROM frame_embeddings",
        "CREATE TABLE public.mine ()",
        "CREATE TEMP TABLE mine ()",
        "SELECT * FROM procrastinate.procrastinate_jobs",
        "SELECT add_model('mine', 'mine', 3)",
        "SELECT activate_model(1::smallint)",
        "SELECT rebuild_moments()",
    ],
)
def test_an_analyst_may_not(analyst: psycopg.Connection, forbidden: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        analyst.execute(forbidden)


@pytest.mark.parametrize(
    "table",
    ["videos", "video_files", "scenes", "frames", "fingerprints", "frame_embeddings",
     "embedding_models", "moments"],
)  # fmt: skip
def test_an_analyst_may_read(analyst: psycopg.Connection, table: str) -> None:
    analyst.execute(f"SELECT * FROM {table} LIMIT 1")


def test_an_analyst_runs_into_a_statement_timeout(analyst: psycopg.Connection) -> None:
    assert analyst.execute("SHOW statement_timeout").fetchone() == ("30s",)


def test_what_was_asked_today_is_asked_again_without_a_write(
    engine: Engine, analyst: psycopg.Connection
) -> None:
    with embedder(engine, f"embedding = '{UNIT}'"):
        analyst.execute("CALL embed_query('a dog')")
    ask = "SELECT request_embedding('text', 'a dog')"
    last_asked = "SELECT requested_at FROM query_embeddings"

    first = analyst.execute(ask).fetchone()
    with engine.begin() as connection:
        today = connection.exec_driver_sql(last_asked).scalar_one()
    again = analyst.execute(ask).fetchone()
    with engine.begin() as connection:
        assert connection.exec_driver_sql(last_asked).scalar_one() == today
        connection.exec_driver_sql(
            "UPDATE query_embeddings SET requested_at = now() - interval '2 days'"
        )
    later = analyst.execute(ask).fetchone()

    with engine.begin() as connection:
        assert connection.exec_driver_sql(last_asked).scalar_one() >= today
    assert first == again == later
