"""The analyst's role: it reads, searches and asks, and nothing else."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine

from app.db import address_of
from tests.filling import Filled, answer, literal

SEARCHES = {
    "the view": "SELECT video_id FROM moments LIMIT 1",
    "a stream": "SELECT video_id FROM search_text('a thing') ORDER BY distance LIMIT 1",
    "a stream like a frame": "SELECT video_id FROM search_like(1, 1) ORDER BY distance LIMIT 1",
    "frames": "SELECT * FROM nearest_frames(query_vector('a thing'), 1)",
    "background": "SELECT * FROM search_background(query_vector('a thing'))",
    "scenes": "SELECT * FROM search_scenes('a thing', 1)",
    "scenes within": "SELECT * FROM search_scenes('a thing', 1, ARRAY(SELECT id FROM videos))",
    "videos": "SELECT * FROM search_videos('a thing', 1)",
    "words and pictures": "SELECT * FROM search_hybrid('a thing', 'video', k => 1)",
    "a sequence": "SELECT * FROM search_sequence('a thing', 'a thing', k => 1)",
    "what is said": "SELECT count(*) FROM search_said('a thing')",
    "frames one by one": "SELECT * FROM rank_frames(query_vector('a thing'), 1)",
    "scenes by what is said": "SELECT count(*) FROM rank_said(ARRAY['a thing'])",
    "scenes by what is said and looks": "SELECT count(*) "
    "FROM rank_said(ARRAY['a thing'], query_vector('a thing'))",
    "similar videos": "SELECT * FROM similar_videos(1, 1)",
    "similar frames": "SELECT frame_similarity(1, 1, 2, 2)",
}

DENIED = {
    "insert": "INSERT INTO videos (content_hash, title, status) VALUES ('x', 'x', 'indexed')",
    "update": "UPDATE videos SET title = 'x'",
    "delete": "DELETE FROM videos",
    "truncate": "TRUNCATE videos CASCADE",
    "drop": "DROP TABLE videos",
    "make a table": "CREATE TABLE mine (a int)",
    "make a schema": "CREATE SCHEMA mine",
    "make a temporary table": "CREATE TEMPORARY TABLE mine (a int)",
    "read others' questions": "SELECT * FROM query_embeddings",
    "read the queue": "SELECT * FROM procrastinate.procrastinate_jobs",
    "change a model": "SELECT activate_model(1::smallint)",
    "add a model": "SELECT add_model('x', 'y', 3)",
    "rewrite the view": "SELECT rebuild_moments()",
    "read a file": "SELECT pg_read_file('/etc/passwd')",
    "run a program": "COPY videos TO PROGRAM 'cat'",
    "become another role": "SET ROLE postgres",
    "change the database": "ALTER DATABASE postgres SET jit = on",
}


@pytest.fixture(scope="module")
def analyst(filled_engine: Engine, filled: Filled) -> Iterator[psycopg.Connection]:
    answer(filled_engine, "a thing", filled.questions[0])
    url = address_of(filled_engine).replace("postgres@", "sceneql_analyst@", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("query", SEARCHES.values(), ids=SEARCHES.keys())
def test_an_analyst_may_search(analyst: psycopg.Connection, query: str) -> None:
    assert analyst.execute(query).fetchone() is not None


def test_an_analyst_may_rank_in_a_session_that_never_saw_a_vector(
    filled_engine: Engine, filled: Filled
) -> None:
    url = address_of(filled_engine).replace("postgres@", "sceneql_analyst@", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        # The index is asked, for which the settings of an extension are changed.
        connection.execute("SET sceneql.exact_up_to = 0")
        rows = connection.execute(
            "SELECT * FROM rank_scenes(%s::halfvec, 3)", [literal(filled.questions[0])]
        ).fetchall()

    assert len(rows) == 3


@pytest.mark.parametrize("statement", DENIED.values(), ids=DENIED.keys())
def test_an_analyst_may_do_nothing_else(analyst: psycopg.Connection, statement: str) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject)):
        analyst.execute(statement)


def test_an_analysts_statements_end_after_30_seconds(analyst: psycopg.Connection) -> None:
    assert analyst.execute("SHOW statement_timeout").fetchone() == ("30s",)
