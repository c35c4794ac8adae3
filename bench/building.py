"""Builds the index of a library as `sceneql reindex` does, and tells how long that takes."""

import time

import psutil
import psycopg
from sqlalchemy import Engine

from app.db import address_of
from app.model_catalog import ModelRow, searched_model
from app.vector_index import Kind, VectorIndex, build, fit, vector_indexes


def built(engine: Engine, kind: Kind) -> tuple[VectorIndex, float]:
    """An index of this kind, built anew in as much memory as it takes, and the seconds of that."""
    model, memory_mb = _to_build(engine, kind)
    started = time.perf_counter()
    index = build(engine, model, kind, memory_mb=memory_mb)
    return index, time.perf_counter() - started


def rebuild(engine: Engine, ef_construction: int) -> None:
    """Build the index over halfvecs that is there anew, as thoroughly as this says."""
    model, memory_mb = _to_build(engine, Kind.HALFVEC)
    with engine.connect() as connection:
        [index] = vector_indexes(connection, model.id)
    with psycopg.connect(address_of(engine), autocommit=True) as driver:
        driver.execute(f"SET maintenance_work_mem = '{memory_mb}MB'")
        driver.execute(f"ALTER INDEX {index.name} SET (ef_construction = {ef_construction})")
        driver.execute(f"REINDEX INDEX {index.name}")


def _to_build(engine: Engine, kind: Kind) -> tuple[ModelRow, int]:
    """The searched model, and the megabytes that its index of this kind takes while it is built."""
    with engine.connect() as connection:
        model = searched_model(connection)
        assert model is not None
        graph_bytes = fit(connection, model, kind).graph_bytes
    return model, min(graph_bytes // 2**20 + 64, psutil.virtual_memory().total // 2**21)
