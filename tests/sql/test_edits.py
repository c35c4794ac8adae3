"""What people set is kept: the indexing changes all fields but those."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

DERIVED = (
    "UPDATE videos SET title = 'derived', description = 'derived', collection = 'derived', "
    "tags = '{derived}', recorded_at = '2020-01-01Z', "
    """metadata = '{"camera": "derived", "n": 1, "new": true}' """
)
CHANGES = {
    "title": "title = 'mine'",
    "description": "description = 'mine'",
    "collection": "collection = NULL",
    "tags": "tags = '{mine}'",
    "recorded_at": "recorded_at = '1999-09-09Z'",
}


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """One video with all its fields, in a transaction that is rolled back."""
    with engine.connect() as connection:
        connection.execute(
            text(
                "INSERT INTO videos (content_hash, title, description, collection, tags, metadata, "
                "recorded_at, status) VALUES ('a', 'first', 'first', 'first', '{first}', "
                """'{"camera": "first", "n": 0}', '2010-01-01Z', 'indexed')"""
            )
        )
        yield connection


def run(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def index(connection: Connection) -> None:
    """What the indexing does when it reads the video again."""
    run(connection, "SELECT set_config('sceneql.indexing', 'on', true)")
    run(connection, DERIVED)
    run(connection, "SELECT set_config('sceneql.indexing', '', true)")


def video(connection: Connection) -> dict[str, Any]:
    row = connection.execute(
        text(
            "SELECT title, description, collection, tags, recorded_at, metadata, edited FROM videos"
        )
    ).one()
    return dict(row._mapping)


def test_what_nobody_set_is_the_indexings(connection: Connection) -> None:
    index(connection)

    after = video(connection)
    assert (after["title"], after["collection"], after["tags"]) == (
        "derived",
        "derived",
        ["derived"],
    )
    assert after["metadata"] == {"camera": "derived", "n": 1, "new": True}
    assert after["edited"] == []


@pytest.mark.parametrize("field", CHANGES)
def test_a_field_that_a_person_set_stays_and_all_others_follow(
    connection: Connection, field: str
) -> None:
    run(connection, f"UPDATE videos SET {CHANGES[field]}")
    mine = video(connection)

    index(connection)

    after = video(connection)
    assert after["edited"] == [field]
    assert after[field] == mine[field]
    others = set(CHANGES) - {field}
    assert {name for name in others if after[name] != mine[name]} == others


def test_each_key_of_the_metadata_is_edited_by_itself(connection: Connection) -> None:
    run(connection, """UPDATE videos SET metadata = metadata || '{"camera": "mine", "own": [1]}'""")

    index(connection)

    after = video(connection)
    assert set(after["edited"]) == {"metadata.camera", "metadata.own"}
    assert after["metadata"] == {"camera": "mine", "own": [1], "n": 1, "new": True}


def test_a_key_that_a_person_took_away_stays_away(connection: Connection) -> None:
    run(connection, "UPDATE videos SET metadata = metadata - 'camera'")

    index(connection)

    assert video(connection)["metadata"] == {"n": 1, "new": True}


@pytest.mark.parametrize("key", ["", "a.b", "metadata.", "\u00e9'\"", "x" * 3000])
def test_a_key_may_have_any_name(connection: Connection, key: str) -> None:
    connection.execute(
        text("UPDATE videos SET metadata = CAST(:m AS jsonb)"),
        {"m": json.dumps({key: "mine", "camera": "first", "n": 0})},
    )

    index(connection)

    assert video(connection)["metadata"][key] == "mine"
    assert video(connection)["edited"] == [f"metadata.{key}"]


def test_an_update_that_changes_nothing_edits_nothing(connection: Connection) -> None:
    run(connection, "UPDATE videos SET title = title, metadata = metadata, tags = tags")

    assert video(connection)["edited"] == []


def test_setting_a_field_twice_names_it_once(connection: Connection) -> None:
    for title in ("one", "two"):
        run(connection, f"UPDATE videos SET title = '{title}'")

    assert video(connection)["edited"] == ["title"]


def test_a_field_whose_name_is_taken_off_is_the_indexings_again(connection: Connection) -> None:
    run(connection, "UPDATE videos SET title = 'mine', description = 'mine'")
    run(connection, "UPDATE videos SET edited = array_remove(edited, 'title')")

    index(connection)

    assert (video(connection)["title"], video(connection)["description"]) == ("derived", "mine")


def test_the_words_are_those_of_what_was_kept(connection: Connection) -> None:
    run(connection, "UPDATE videos SET title = 'zeppelin', tags = '{}'")

    index(connection)

    words = str(connection.execute(text("SELECT words FROM videos")).scalar_one())
    assert "zeppelin" in words
    # The description and the collection are derived; the title is not.
    assert words.count("'deriv'") == 1
    assert words.split("'deriv':")[1].count(",") == 1


def test_the_indexing_ends_with_its_transaction(engine: Engine) -> None:
    with engine.begin() as connection:
        run(connection, "SELECT set_config('sceneql.indexing', 'on', true)")
    with engine.begin() as connection:
        run(
            connection,
            "INSERT INTO videos (content_hash, title, status) VALUES ('b', 'x', 'failed')",
        )
        run(connection, "UPDATE videos SET title = 'mine'")

        assert video(connection)["edited"] == ["title"]
