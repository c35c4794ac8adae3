"""Whose questions an embedder answers."""

import psycopg
from sqlalchemy import Engine, text

from app.db import address_of
from tests.filling import add_active_model
from workers.embedder import take_over


def ask(engine: Engine, model_id: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO query_embeddings (model_id, kind, key, payload) "
                "VALUES (:model_id, 'text', 'key', 'a red circle')"
            ),
            {"model_id": model_id},
        )


def asked_of(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT model_id FROM query_embeddings")).scalars())


def test_what_was_asked_of_the_former_model_is_taken_over(engine: Engine) -> None:
    former = add_active_model(engine, "former")
    ask(engine, former)
    active = add_active_model(engine, "active")

    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        take_over(connection, active)

    assert asked_of(engine) == [active]


def test_what_is_taken_over_does_not_keep_the_former_models_vector(engine: Engine) -> None:
    former = add_active_model(engine, "former", dim=3)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO query_embeddings (model_id, kind, key, payload, embedding) "
                "VALUES (:former, 'text', 'key', 'asked anew', '[1,0,0]')"
            ),
            {"former": former},
        )
    active = add_active_model(engine, "active", dim=3)

    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        take_over(connection, active)

    with engine.connect() as connection:
        kept = connection.execute(text("SELECT model_id, embedding FROM query_embeddings")).all()
    assert kept == [(active, None)]


def test_an_embedder_that_missed_a_switch_takes_nothing_over(engine: Engine) -> None:
    former = add_active_model(engine, "former")
    active = add_active_model(engine, "active")
    ask(engine, active)

    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        take_over(connection, former)

    assert asked_of(engine) == [active]
