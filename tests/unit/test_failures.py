"""What the database says becomes one line, with a cure that helps."""

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from app.db import address_of
from app.failures import NO_ANSWER_CURE, for_strangers, in_one_line


def raising(code: str) -> str:
    """A statement that fails by a SQLSTATE."""
    return (
        f"DO $$ BEGIN RAISE EXCEPTION 'it went wrong' USING ERRCODE = '{code}', "
        "HINT = 'CALL somebody.'; END $$"
    )


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("53100", "the database refuses: it went wrong; free some room on its disk"),
        ("55P03", "the database refuses: it went wrong; try again when others are done"),
        ("40P01", "the database refuses: it went wrong; CALL somebody."),
        ("53200", "the database refuses: it went wrong; CALL somebody."),
        ("57P01", f"the database does not answer: it went wrong; {NO_ANSWER_CURE}"),
        ("08006", f"the database does not answer: it went wrong; {NO_ANSWER_CURE}"),
    ],
    ids=["disk full", "lock", "deadlock", "memory", "shutdown", "connection"],
)
def test_what_a_database_that_answers_says_is_told_with_its_cure(
    engine: Engine, code: str, line: str
) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as through_sqlalchemy:
        connection.execute(text(raising(code)))
    with psycopg.connect(address_of(engine)) as driver, pytest.raises(psycopg.Error) as bare:
        driver.execute(raising(code).encode())

    assert in_one_line(through_sqlalchemy.value) == line
    assert in_one_line(bare.value) == line


def test_a_database_that_is_not_there_does_not_answer() -> None:
    with pytest.raises(psycopg.OperationalError) as raised:
        psycopg.connect("postgresql://nobody@127.0.0.1:1/nothing")

    line = str(in_one_line(raised.value))
    assert line.startswith("the database does not answer: ")
    assert "127.0.0.1" in line
    assert line.endswith("or correct DATABASE_URL")


def test_strangers_are_not_told_where_the_database_is() -> None:
    with pytest.raises(psycopg.OperationalError) as raised:
        psycopg.connect("postgresql://nobody@127.0.0.1:1/nothing")

    assert for_strangers(raised.value) == f"the database does not answer: {NO_ANSWER_CURE}"


def test_what_else_the_database_says_is_left_to_the_log(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as raised:
        connection.execute(text("SELECT secret_function()"))

    assert for_strangers(raised.value).startswith("the database cannot be used")
