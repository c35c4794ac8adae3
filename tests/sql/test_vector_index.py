"""The index over vectors: chosen by size, built while people search, and used by rankings."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from app.errors import BusyDatabaseError
from app.model_catalog import ModelRow, models
from app.vector_index import (
    BUILD_LOCK,
    EF_CONSTRUCTION,
    BuildProgress,
    Kind,
    build,
    definition,
    fit,
    vector_indexes,
)
from tests.filling import Filled, fill, literal

CODES = (Kind.TERNARY, Kind.BINARY)
DIM = 256
K = 10
NEAREST = text(
    "SELECT video_id, frame_no FROM nearest_frames(CAST(:v AS halfvec), :k, NULL, :exact)"
)


@pytest.fixture(scope="module")
def drawn(filled_engine: Engine) -> Filled:
    """4,000 frames of 256 dimensions: the fewest whose codes are worth an index."""
    return fill(filled_engine, videos=100, frames=40, dim=DIM)


@pytest.fixture
def model(filled_engine: Engine, drawn: Filled) -> ModelRow:
    with filled_engine.connect() as connection:
        return next(row for row in models(connection) if row.id == drawn.model_id)


def kinds(engine: Engine, model: ModelRow) -> list[tuple[Kind, bool]]:
    with engine.connect() as connection:
        return [(one.kind, one.is_valid) for one in vector_indexes(connection, model.id)]


def use_the_index(connection: Connection) -> None:
    """Of so few frames the planner may rather read all."""
    for setting in ("sceneql.exact_up_to = 0", "enable_seqscan = off", "enable_sort = off"):
        connection.execute(text(f"SET LOCAL {setting}"))


def nearest(engine: Engine, drawn: Filled, *, exact: bool) -> list[set[tuple[int, int]]]:
    with engine.connect() as connection:
        use_the_index(connection)
        answers = []
        for question in drawn.questions:
            rows = connection.execute(NEAREST, {"v": literal(question), "k": K, "exact": exact})
            answers.append({(row.video_id, row.frame_no) for row in rows})
        return answers


def counted(
    engine: Engine, model: ModelRow, drawn: Filled, index: str, frames: int
) -> tuple[int, int]:
    """How many rows and blocks an index gives for one question to a library of so many frames."""
    with engine.connect() as connection:
        use_the_index(connection)
        connection.execute(
            text("UPDATE pg_class SET reltuples = :n WHERE oid = to_regclass(:table)"),
            {"n": frames, "table": f"frame_embeddings_{model.id}"},
        )
        connection.execute(NEAREST, {"v": literal(drawn.questions[0]), "k": K, "exact": False})
        rows, blocks = connection.execute(
            text(
                "SELECT pg_stat_get_xact_tuples_returned(index), "
                "pg_stat_get_xact_blocks_fetched(index) FROM to_regclass(:name) AS index"
            ),
            {"name": index},
        ).one()
        connection.rollback()
    return rows, blocks


def scans(engine: Engine, model: ModelRow) -> dict[str, int]:
    """How often each index was scanned."""
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.commit()
        rows = connection.execute(
            text(
                "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes "
                "WHERE relid = to_regclass(:table)"
            ),
            {"table": f"frame_embeddings_{model.id}"},
        )
        return {row.indexrelname: row.idx_scan for row in rows}


@pytest.mark.parametrize("kind", CODES)
def test_rankings_use_an_index_over_codes_and_find_what_is_nearest(
    filled_engine: Engine, drawn: Filled, model: ModelRow, kind: Kind
) -> None:
    exact = nearest(filled_engine, drawn, exact=True)

    built = build(filled_engine, model, kind)
    found = nearest(filled_engine, drawn, exact=False)

    assert kinds(filled_engine, model) == [(kind, True)]
    assert scans(filled_engine, model)[built.name] >= len(drawn.questions)
    recall = np.mean([len(a & b) / K for a, b in zip(exact, found, strict=True)])
    assert recall >= 0.98


# More candidates are read than rows are asked for, and half of the library is not all of it.
@pytest.mark.parametrize("asked_for", [10, 500])
@pytest.mark.parametrize("kind", CODES)
def test_what_is_found_by_codes_is_not_called_exact_however_much_is_asked_for(
    filled_engine: Engine, model: ModelRow, drawn: Filled, kind: Kind, asked_for: int
) -> None:
    build(filled_engine, model, kind)

    with filled_engine.connect() as connection:
        use_the_index(connection)
        said = connection.execute(
            text("SELECT DISTINCT is_exact FROM nearest_frames(CAST(:v AS halfvec), :n)"),
            {"v": literal(drawn.questions[0]), "n": asked_for},
        ).scalars()
        assert list(said) == [False]


@pytest.mark.parametrize("length", [0.1, 5.0])
def test_what_is_found_by_codes_does_not_depend_on_the_length_of_the_question(
    filled_engine: Engine, model: ModelRow, drawn: Filled, length: float
) -> None:
    build(filled_engine, model, Kind.TERNARY)

    found = nearest(filled_engine, drawn, exact=False)
    of_another_length = nearest(
        filled_engine, replace(drawn, questions=length * drawn.questions), exact=False
    )

    same = np.mean([len(a & b) / K for a, b in zip(found, of_another_length, strict=True)])
    assert same >= 0.98, "half precision rounds the two a little differently"


@pytest.mark.parametrize("broken_off", [False, True])
def test_of_two_codes_that_are_there_the_whole_one_that_tells_more_is_asked(
    filled_engine: Engine, model: ModelRow, drawn: Filled, broken_off: bool
) -> None:
    binary = build(filled_engine, model, Kind.BINARY).name
    ternary = binary.replace("binary", "ternary")
    table, defined = f"frame_embeddings_{model.id}", definition(Kind.TERNARY, model.dim)
    with filled_engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE INDEX {ternary} ON {table} {defined}")
        connection.execute(
            text("UPDATE pg_index SET indisvalid = :valid WHERE indexrelid = to_regclass(:name)"),
            {"valid": not broken_off, "name": ternary},
        )

    of_binary, _ = counted(filled_engine, model, drawn, binary, 1_000_000)
    of_ternary, _ = counted(filled_engine, model, drawn, ternary, 1_000_000)

    assert (of_binary, of_ternary) == ((1000, 0) if broken_off else (0, 400))


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


@pytest.mark.parametrize(
    ("kind", "frames", "candidates"),
    [
        (Kind.TERNARY, 1_000_000, 400),
        (Kind.TERNARY, 5_000_000, 400),
        (Kind.BINARY, 1_000_000, 1000),
        (Kind.BINARY, 5_000_000, 1250),
    ],
)
def test_so_many_candidates_are_read_of_a_library_of_that_size(
    filled_engine: Engine,
    model: ModelRow,
    drawn: Filled,
    kind: Kind,
    frames: int,
    candidates: int,
) -> None:
    index = build(filled_engine, model, kind)
    rows, _ = counted(filled_engine, model, drawn, index.name, frames)

    assert rows == candidates


def test_a_graph_is_searched_further_where_the_library_is_large(
    filled_engine: Engine, model: ModelRow, drawn: Filled
) -> None:
    index = build(filled_engine, model, Kind.TERNARY)

    _, few = counted(filled_engine, model, drawn, index.name, 1_000_000)
    _, many = counted(filled_engine, model, drawn, index.name, 5_000_000)

    assert many > few
