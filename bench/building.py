"""Builds the index of a library as `sceneql reindex` does, and tells how long that takes."""

import time

import psutil
from sqlalchemy import Engine

from app.model_catalog import searched_model
from app.vector_index import Kind, VectorIndex, build, fit


def built(engine: Engine, kind: Kind) -> tuple[VectorIndex, float]:
    """An index of this kind, built anew in as much memory as it takes, and the seconds of that."""
    with engine.connect() as connection:
        model = searched_model(connection)
        assert model is not None
        graph_bytes = fit(connection, model, kind).graph_bytes
    memory_mb = min(graph_bytes // 2**20 + 64, psutil.virtual_memory().total // 2**21)
    started = time.perf_counter()
    index = build(engine, model, kind, memory_mb=memory_mb)
    return index, time.perf_counter() - started
