"""Promises that hold for every function of the project."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

OWN_FUNCTIONS = """
    FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


def test_every_function_has_a_comment(engine: Engine) -> None:
    with engine.connect() as connection:
        bare = connection.execute(
            text(
                f"SELECT p.oid::regprocedure::text {OWN_FUNCTIONS} "
                "AND obj_description(p.oid, 'pg_proc') IS NULL"
            )
        ).scalars()
        assert list(bare) == []


def test_no_function_is_open_to_everybody(engine: Engine) -> None:
    with engine.connect() as connection:
        # NULL stands for the default, which lets everybody in; so does a grant to nobody's name.
        opened = connection.execute(
            text(
                f"SELECT p.oid::regprocedure::text {OWN_FUNCTIONS} AND "
                "(p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) WHERE grantee = 0))"
            )
        ).scalars()
        assert list(opened) == []


def test_a_function_with_its_owners_rights_fixes_its_search_path(engine: Engine) -> None:
    with engine.connect() as connection:
        loose = connection.execute(
            text(
                f"SELECT p.oid::regprocedure::text {OWN_FUNCTIONS} AND p.prosecdef "
                "AND NOT coalesce(p.proconfig::text LIKE '%search_path=%', false)"
            )
        ).scalars()
        assert list(loose) == []


@pytest.mark.parametrize(
    ("document", "query", "found"),
    [
        ("Running dogs in the park", "run dog", True),
        ("Бегущие собаки в парке", "собака", True),
        ("公园里奔跑的红色小狗", "小狗", True),
        ("公园里奔跑的红色小狗", "小猫", False),
        ("Red car 红色汽车 красная машина", "汽车 машины cars", True),
        ("single 犬 character", "犬", True),
    ],
)
def test_words_are_found_in_english_russian_and_chinese(
    engine: Engine, document: str, query: str, found: bool
) -> None:
    with engine.connect() as connection:
        matches = connection.execute(
            text("SELECT to_words(:document) @@ plainto_tsquery('russian', split_han(:query))"),
            {"document": document, "query": query},
        ).scalar_one()

    assert matches is found


def test_a_video_is_found_by_the_words_of_its_file_name(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO videos (content_hash, title, status) VALUES ('x', 'x', 'indexed')")
        )
        connection.execute(
            text(
                "INSERT INTO video_files (path, video_id) "
                "SELECT '/a/red_circle-2.mp4', id FROM videos"
            )
        )

    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT count(*) FROM videos WHERE words @@ to_tsquery('russian', 'circles')")
        ).scalar_one()
    assert found == 1


def test_files_of_a_video_that_go_missing_at_once_leave_it_without_a_path(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO videos (content_hash, title, status) VALUES ('one', 'one', 'indexed')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO video_files (path, video_id) "
                "SELECT name, id FROM videos, unnest('{/a.mp4,/b.mp4}'::text[]) AS file (name)"
            )
        )

    def lose(path: str) -> None:
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE video_files SET state = 'missing' WHERE path = :path"), {"path": path}
            )

    with engine.connect() as first, ThreadPoolExecutor() as others:
        first.execute(text("UPDATE video_files SET state = 'missing' WHERE path = '/a.mp4'"))
        second = others.submit(lose, "/b.mp4")
        with engine.connect() as watcher:
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            while not watcher.execute(waiting).scalar_one():
                assert not second.done(), "the second did not wait for the first"
                watcher.rollback()
                time.sleep(0.01)
        first.commit()
        second.result(60)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT path FROM videos")).scalar_one() is None


def test_a_model_that_is_not_there_is_no_empty_index(engine: Engine) -> None:
    with engine.connect() as connection:
        for refused in ("activate_model(7::smallint)", "drop_model(7::smallint)"):
            with pytest.raises(DBAPIError, match="there is no model 7") as raised:
                connection.execute(text(f"SELECT {refused}"))
            connection.rollback()
            assert isinstance(raised.value.orig, psycopg.Error)
            assert raised.value.orig.sqlstate == "SQ002"
