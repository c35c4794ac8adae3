"""Several models in one index: listed, switched while others read, dropped in an instant."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psycopg
import pytest
from pgvector.psycopg import register_vector
from sqlalchemy import Connection, Engine, SmallInteger, cast, func, select, text

from app.config import Settings
from app.db import address_of
from app.errors import BadRequestError, BusyDatabaseError
from app.locks import patiently
from app.model_catalog import ModelState, drop_model, fill_lock, find_model, list_models
from app.model_switch import Lacking, lacking, switch
from tests.filling import FRAMES_PER_SCENE, add_active_model, answer, fill
from workers.embedder import Embedder
from workers.model import TINY, load

QUESTION = np.eye(64, dtype=np.float32)[0]


def quiet(_line: str) -> None:
    """Nobody watches."""


def second_model(engine: Engine, dim: int = 32) -> int:
    with engine.begin() as connection:
        return int(connection.execute(select(func.add_model("second", "test", dim))).scalar_one())


def copy_vectors(engine: Engine, model_id: int, dim: int) -> None:
    """Gives each frame a vector of another model."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO frame_embeddings (video_id, frame_no, model_id, embedding) "
                "SELECT video_id, frame_no, :id, subvector(embedding::vector, 1, :dim)::halfvec "
                "FROM frame_embeddings WHERE model_id = 1"
            ),
            {"id": model_id, "dim": dim},
        )


def test_each_model_says_how_much_it_covers(engine: Engine) -> None:
    fill(engine, videos=2, frames=FRAMES_PER_SCENE)
    second_model(engine)

    first, second = list_models(engine)

    assert first == ModelState("drawn/test", 64, True, False, 10, 10, first.size_bytes)
    assert second == ModelState("second/test", 32, False, False, 0, 10, second.size_bytes)
    assert first.size_bytes > second.size_bytes > 0


def test_a_model_is_found_by_its_name_alone(engine: Engine) -> None:
    add_active_model(engine)
    with engine.connect() as connection:
        assert str(find_model(connection, "drawn")) == "drawn/test"
        with pytest.raises(BadRequestError, match="it has drawn/test, and gets more by"):
            find_model(connection, "other/test")


def test_a_dropped_model_leaves_nothing(engine: Engine) -> None:
    fill(engine, videos=2, frames=FRAMES_PER_SCENE)
    answer(engine, "a dog", QUESTION)
    second_id = second_model(engine, dim=64)
    copy_vectors(engine, second_id, 64)
    with engine.connect() as connection:
        first, second = (find_model(connection, name) for name in ("drawn", "second"))
    with engine.begin() as connection:
        connection.execute(select(func.activate_model(cast(second_id, SmallInteger))))

    drop_model(engine, first, quiet)

    assert [model.model for model in list_models(engine)] == [str(second)]
    with engine.connect() as connection:
        left = connection.execute(
            text(
                "SELECT (SELECT count(*) FROM frame_embeddings), "
                "(SELECT count(*) FROM query_embeddings), to_regclass('frame_embeddings_1'), "
                "(SELECT count(*) FROM moments)"
            )
        ).one()
    assert tuple(left) == (10, 0, None, 10)


def test_the_active_model_cannot_be_dropped(engine: Engine) -> None:
    model_id = add_active_model(engine)
    with engine.connect() as connection:
        row = find_model(connection, "drawn")

    with pytest.raises(BadRequestError, match="searches use drawn/test"):
        drop_model(engine, row, quiet)
    with (
        psycopg.connect(address_of(engine)) as connection,
        pytest.raises(psycopg.Error, match="searches use drawn/test"),
    ):
        connection.execute("SELECT drop_model(%s::smallint)", [model_id])


def test_a_model_cannot_be_dropped_while_it_is_filled(engine: Engine) -> None:
    add_active_model(engine)
    second_model(engine)
    with engine.connect() as connection:
        row = find_model(connection, "second")

    with fill_lock(engine, row), pytest.raises(BadRequestError, match="is filling second/test"):
        drop_model(engine, row, quiet, wait_s=0.1)

    drop_model(engine, row, quiet)
    assert len(list_models(engine)) == 1


def test_a_switch_is_refused_while_frames_or_questions_lack(engine: Engine) -> None:
    fill(engine, videos=2, frames=FRAMES_PER_SCENE)
    answer(engine, "a dog", QUESTION)
    second_id = second_model(engine)
    with engine.connect() as connection:
        row = find_model(connection, "second")

    assert switch(engine, row, quiet) == Lacking(frames=10, questions=1)

    copy_vectors(engine, second_id, 32)
    assert switch(engine, row, quiet) == Lacking(frames=0, questions=1)
    assert [model.active for model in list_models(engine)] == [True, False]


def test_questions_that_expire_need_no_new_answer(engine: Engine) -> None:
    fill(engine, videos=1, frames=1)
    answer(engine, "a dog", QUESTION)
    second_id = second_model(engine)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE query_embeddings SET requested_at = now() - interval '31 days'")
        )
        assert lacking(connection, second_id) == Lacking(frames=1, questions=0)


def test_a_switch_waits_for_a_reader_and_says_for_whom(engine: Engine) -> None:
    add_active_model(engine)
    second_model(engine)
    with engine.connect() as connection:
        row = find_model(connection, "second")
    said: list[str] = []
    with psycopg.connect(address_of(engine), application_name="a notebook") as reader:
        reader.execute("SELECT count(*) FROM moments")

        def end_reader(line: str) -> None:
            said.append(line)
            reader.rollback()

        assert not switch(engine, row, end_reader)

        assert len(said) == 1
        assert f"process {reader.info.backend_pid} (a notebook, idle in transaction" in said[0]
    assert [model.active for model in list_models(engine)] == [False, True]


def test_a_switch_gives_up_and_changes_nothing_if_the_reader_stays(engine: Engine) -> None:
    add_active_model(engine)
    second_model(engine)
    with engine.connect() as connection:
        row = find_model(connection, "second")
    with psycopg.connect(address_of(engine), application_name="a notebook") as reader:
        reader.execute("SELECT count(*) FROM moments")

        with pytest.raises(BusyDatabaseError, match=r"cannot switch to second/test while process "):
            switch(engine, row, quiet, patience_s=0)

    assert [model.active for model in list_models(engine)] == [True, False]


def test_searches_are_held_up_no_longer_than_a_try_lasts(engine: Engine) -> None:
    add_active_model(engine)
    address = address_of(engine)
    with psycopg.connect(address) as reader, psycopg.connect(address) as other:
        reader.execute("SELECT count(*) FROM moments")
        other.execute("SET statement_timeout = '3s'")

        def rebuild(connection: Connection) -> None:
            connection.execute(select(func.rebuild_moments()))

        with pytest.raises(BusyDatabaseError):
            patiently(engine, "rebuild", rebuild, on_wait=quiet, lock_timeout_s=0.2, patience_s=0.1)

        assert other.execute("SELECT count(*) FROM moments").fetchone() == (0,)


def test_a_video_that_is_being_written_is_waited_for_and_counted(engine: Engine) -> None:
    filled = fill(engine, videos=1, frames=FRAMES_PER_SCENE)
    second_id = second_model(engine)
    copy_vectors(engine, second_id, 32)
    with engine.connect() as connection:
        row = find_model(connection, "second")
    with psycopg.connect(address_of(engine)) as writer, ThreadPoolExecutor() as threads:
        # As write_video does it.
        writer.execute(
            "SELECT id FROM embedding_models WHERE id = %s AND active FOR SHARE", [filled.model_id]
        )
        writer.execute(
            "INSERT INTO frames (video_id, frame_no, scene_no, t_s, thumbnail) "
            "SELECT id, 99, 0, 0.5, '' FROM videos"
        )
        switching = threads.submit(switch, engine, row, quiet)
        time.sleep(0.5)
        assert not switching.done()

        writer.commit()

        assert switching.result(30) == Lacking(frames=1, questions=0)
    assert [model.active for model in list_models(engine)] == [True, False]


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_question_that_the_former_model_left_is_answered_by_the_new_one(
    engine: Engine, asked_before: bool
) -> None:
    add_active_model(engine, "former")
    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        register_vector(connection)
        waiting = connection.execute("SELECT request_embedding('text', 'a dog')").fetchone()
        assert waiting
        tiny = load(TINY, Path("unused"))
        add_active_model(engine, TINY.name, dim=tiny.dim)
        connection.execute(
            "UPDATE embedding_models SET pretrained = %s WHERE active", [TINY.pretrained]
        )
        if asked_before:
            answer(engine, "a dog", np.eye(tiny.dim, dtype=np.float32)[0])
        embedder = Embedder(Settings())
        embedder.model = tiny

        while embedder.answer(connection):
            pass

        answered = connection.execute("SELECT answered FROM embedding_answer(%s)", waiting)
        assert answered.fetchone() == (True,)
        found = connection.execute("SELECT query_vector('a dog')").fetchone()
        assert found
        assert found[0].to_numpy() @ tiny.encode_texts(["a dog"])[0] > 0.999
