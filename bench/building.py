"""Builds the index of a library as `sceneql reindex` does, and tells how long that takes."""

import time

import psutil
import psycopg
from sqlalchemy import Engine

from app.db import address_of
from app.model_catalog import searched_model
from app.vector_index import Kind, VectorIndex, build, fit, vector_indexes


def built(engine: Engine, kind: Kind) -> tuple[VectorIndex, float]:
    """An index of this kind, built anew in as much memory as it takes, and the seconds of that."""
    with engine.connect() as connection:
        model = searched_model(connection)
        assert model is not None
        graph_bytes = fit(connection, model, kind).graph_bytes
    started = time.perf_counter()
    index = build(engine, model, kind, memory_mb=_memory_mb(graph_bytes))
    return index, time.perf_counter() - started


def rebuild(engine: Engine, ef_construction: int) -> None:
    """Build the index that is there anew, as thoroughly as this says."""
    with engine.connect() as connection:
        model = searched_model(connection)
        assert model is not None
        [index] = vector_indexes(connection, model.id)
        graph_bytes = fit(connection, model, index.kind).graph_bytes
    with psycopg.connect(address_of(engine), autocommit=True) as driver:
        driver.execute(f"SET maintenance_work_mem = '{_memory_mb(graph_bytes)}MB'")
        driver.execute(f"ALTER INDEX {index.name} SET (ef_construction = {ef_construction})")
        driver.execute(f"REINDEX INDEX {index.name}")


def _memory_mb(graph_bytes: int) -> int:
    return min(graph_bytes // 2**20 + 64, psutil.virtual_memory().total // 2**21)
