"""An index over codes: which candidates rankings read of it, and that they find what is nearest."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine, text

from app.model_catalog import ModelRow
from app.vector_index import Kind, build, definition
from tests.filling import Filled, literal
from tests.sql.indexed import NEAREST, K, kinds, nearest, use_the_index

CODES = (Kind.TERNARY, Kind.BINARY)


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
