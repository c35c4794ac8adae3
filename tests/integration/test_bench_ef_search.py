"""The benchmark of search effort, at a size of seconds: more effort finds more."""

import psycopg
from pgvector import HalfVector
from sqlalchemy import Engine

from app.db import address_of
from bench.drawn import draw, store
from bench.ef_search import ASKED_FOR, EFFORTS, QUERY, report


def test_each_effort_is_measured_and_the_most_finds_nearly_all(engine: Engine) -> None:
    drawn = draw(3000)
    store(engine, drawn)
    rows: list[str] = []

    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        found = report(connection, drawn, drawn.questions(5), rows.append)
        asked = {"vector": HalfVector(drawn.questions(1)[0]), "k": ASKED_FOR[0]}
        plan = str(connection.execute(f"EXPLAIN {QUERY}", asked).fetchall())

    assert "hnsw" in plan, f"all vectors were measured:\n{plan}"
    assert set(found) == {(effort, n) for effort in EFFORTS for n in ASKED_FOR}
    assert all(found[EFFORTS[-1], n].recall > 0.99 for n in ASKED_FOR)
    assert all(found[EFFORTS[0], n].recall <= found[EFFORTS[-1], n].recall for n in ASKED_FOR)
    assert [row.split(" | ")[0] for row in rows[2:]] == [f"| {effort}" for effort in EFFORTS]
