"""The index over vectors: chosen by size, and built while people search."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from app.errors import BusyDatabaseError
from app.model_catalog import ModelRow, models
from app.vector_index import (
    BUILD_LOCK,
    EF_CONSTRUCTION,
    BuildProgress,
    Kind,
    build,
    fit,
    vector_indexes,
)
from tests.filling import Filled, literal
from tests.sql.indexed import DIM, K, kinds, nearest, use_the_index


def test_an_index_over_vectors_comes_back_and_streams_use_it(
    filled_engine: Engine, drawn: Filled, model: ModelRow
) -> None:
    build(filled_engine, model, Kind.BINARY)

    built = build(filled_engine, model, Kind.HALFVEC)

    assert kinds(filled_engine, model) == [(Kind.HALFVEC, True)]
    with filled_engine.connect() as connection:
        use_the_index(connection)
        plan = connection.execute(
            text(
                "EXPLAIN SELECT video_id FROM search_vector(CAST(:v AS halfvec)) "
                "ORDER BY distance LIMIT 10"
            ),
            {"v": literal(drawn.questions[0])},
        ).scalars()
        assert built.name in "\n".join(plan)


@pytest.mark.parametrize("kind", list(Kind))
def test_an_index_of_the_same_kind_is_built_anew(
    filled_engine: Engine, model: ModelRow, kind: Kind
) -> None:
    first = build(filled_engine, model, kind)
    number = text("SELECT to_regclass(:name)::oid::bigint")
    with filled_engine.connect() as connection:
        former = connection.execute(number, {"name": first.name}).scalar_one()

    build(filled_engine, model, kind)

    with filled_engine.connect() as connection:
        assert connection.execute(number, {"name": first.name}).scalar_one() != former
    assert kinds(filled_engine, model) == [(kind, True)]


def test_an_index_of_a_former_release_is_built_as_thoroughly_as_others_are(
    filled_engine: Engine, model: ModelRow
) -> None:
    built = build(filled_engine, model, Kind.BINARY)
    with filled_engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER INDEX {built.name} SET (ef_construction = 64)")

    build(filled_engine, model, Kind.BINARY)

    with filled_engine.connect() as connection:
        options = connection.execute(
            text("SELECT reloptions FROM pg_class WHERE relname = :name"), {"name": built.name}
        ).scalar_one()
    assert options == [f"ef_construction={EF_CONSTRUCTION}"]


def test_options_that_are_right_lock_nobody_out(filled_engine: Engine, model: ModelRow) -> None:
    built = build(filled_engine, model, Kind.BINARY)
    told: list[BuildProgress] = []
    with ThreadPoolExecutor() as threads, filled_engine.connect() as reader:
        reader.execute(text(f"SELECT count(*) FROM frame_embeddings_{model.id}"))
        locked = text(
            "SELECT mode FROM pg_locks WHERE relation = to_regclass(:name) AND NOT granted"
        )

        building = threads.submit(build, filled_engine, model, Kind.BINARY, on_progress=told.append)
        while not any(one.waits_for for one in told):
            with filled_engine.connect() as other:
                modes = other.execute(locked, {"name": built.name}).scalars().all()
            assert "AccessExclusiveLock" not in modes, "a search would have to wait"
            assert not building.done(), f"nobody held it up: {building}, {told}"
            time.sleep(0.02)
        reader.rollback()
        building.result(120)


def test_what_a_broken_off_build_left_is_taken_away(filled_engine: Engine, model: ModelRow) -> None:
    built = build(filled_engine, model, Kind.HALFVEC)
    with filled_engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{built.name}'::regclass"
        )

    build(filled_engine, model, Kind.BINARY)

    assert kinds(filled_engine, model) == [(Kind.BINARY, True)]


def test_two_builds_at_once_are_one_too_many(filled_engine: Engine, model: ModelRow) -> None:
    with filled_engine.connect() as other:
        other.execute(
            text("SELECT pg_advisory_lock(:lock, :id)"), {"lock": BUILD_LOCK, "id": model.id}
        )

        with pytest.raises(BusyDatabaseError, match="another process builds the index of drawn"):
            build(filled_engine, model, Kind.BINARY)

        other.execute(text("SELECT pg_advisory_unlock_all()"))
    build(filled_engine, model, Kind.BINARY)


def test_a_build_tells_who_holds_it_up_and_searches_go_on_meanwhile(
    filled_engine: Engine, drawn: Filled, model: ModelRow
) -> None:
    build(filled_engine, model, Kind.HALFVEC)
    told: list[BuildProgress] = []
    held_up = threading.Event()

    def listen(progress: BuildProgress) -> None:
        told.append(progress)
        if progress.waits_for:
            held_up.set()

    with filled_engine.connect() as reader:
        reader.execute(text("LOCK TABLE frame_embeddings IN ROW EXCLUSIVE MODE"))
        building = threading.Thread(
            target=build, args=(filled_engine, model, Kind.BINARY), kwargs={"on_progress": listen}
        )
        building.start()
        assert held_up.wait(120), f"nobody was named in {told}"
        meanwhile = nearest(filled_engine, drawn, exact=False)
        reader.rollback()
    building.join(120)

    assert [len(found) for found in meanwhile] == [K] * len(drawn.questions)
    assert any("process" in str(progress.waits_for) for progress in told)
    assert kinds(filled_engine, model) == [(Kind.BINARY, True)]


@pytest.mark.parametrize(
    ("frames", "dim", "fits"),
    [
        (100_000, 512, Kind.HALFVEC),
        (10_000_000, 512, Kind.TERNARY),
        (10_000_000, 64, Kind.HALFVEC),
    ],
)
def test_the_index_fits_the_servers_memory_and_enough_dimensions(
    engine: Engine, frames: int, dim: int, fits: Kind
) -> None:
    with engine.begin() as connection:
        model_id = connection.execute(
            text("SELECT add_model('drawn', 'test', :dim)"), {"dim": dim}
        ).scalar_one()
        connection.execute(text("SET LOCAL effective_cache_size = '4GB'"))
        # As a VACUUM of so many rows leaves it.
        connection.execute(
            text("UPDATE pg_class SET reltuples = :frames WHERE oid = to_regclass(:table)"),
            {"frames": frames, "table": f"frame_embeddings_{model_id}"},
        )
        [row] = models(connection)

        fitting = fit(connection, row)

    assert fitting.kind is fits
    assert fitting.frames == frames


def test_an_index_of_somebody_elses_is_left_alone(filled_engine: Engine, model: ModelRow) -> None:
    with filled_engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE INDEX of_mine ON frame_embeddings_{model.id} "
            f"USING hnsw ((embedding::halfvec({DIM})) halfvec_l2_ops)"
        )

    built = build(filled_engine, model, Kind.BINARY)

    with filled_engine.begin() as connection:
        assert vector_indexes(connection, model.id) == [built]
        connection.exec_driver_sql("DROP INDEX of_mine")
