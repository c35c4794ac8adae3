"""The index over a model's vectors: which kind fits, and how it is built while searches go on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from app.errors import BusyDatabaseError
from app.locks import patiently, watched
from app.model_catalog import ModelRow

# Below this many dimensions codes tell too little.
LEAST_DIM_OF_CODES = 256
# What an index keeps for each frame beside its vector, mostly its neighbours: 16 in each direction.
LINKS_BYTES = 330
ROW_BYTES = 130
# The graph while it is built: the same neighbours with their distances, and pointers.
GRAPH_BYTES = 800
# How many candidates a row's neighbours are chosen of; what that is worth was measured, see
# docs/benchmarks.md and docs/decisions/0018.
EF_CONSTRUCTION = 200
# Whoever builds an index holds the advisory lock of this number and the model's id.
BUILD_LOCK = 20268
LOOK_EVERY_S = 1.0

INDEXES = text(
    "SELECT c.relname, i.indisvalid, pg_relation_size(c.oid) FROM pg_index i "
    "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam "
    "WHERE i.indrelid = to_regclass(:table) AND m.amname = 'hnsw' ORDER BY c.relname"
)
PROGRESS = text(
    "SELECT p.phase, p.blocks_done, p.blocks_total, "
    "(SELECT format('process %s (%s)', a.pid, coalesce(nullif(a.application_name, ''), a.usename)) "
    "FROM pg_stat_activity a WHERE a.pid = nullif(p.current_locker_pid, 0)) "
    "FROM pg_stat_progress_create_index p WHERE p.pid = :pid"
)


class Kind(StrEnum):
    """What an index holds of each vector: all of it, or a code, by which rankings find candidates.

    HALFVEC is all of it in half precision, TERNARY two bits for each dimension (`ternary_quantize`
    in sql/), BINARY its sign alone.
    """

    HALFVEC = "halfvec"
    TERNARY = "ternary"
    BINARY = "binary"

    def bytes_of(self, dim: int) -> int:
        """What it holds of a vector of so many dimensions, without links."""
        return {Kind.HALFVEC: 2 * dim, Kind.TERNARY: dim // 4, Kind.BINARY: dim // 8}[self]


@dataclass(frozen=True)
class VectorIndex:
    """An index as it is on disk."""

    name: str
    kind: Kind
    is_valid: bool
    size_bytes: int


@dataclass(frozen=True)
class Fit:
    """Which kind fits, and why: what the other figures are, in bytes."""

    kind: Kind
    frames: int
    searched_bytes: int
    """The halfvec index and the vectors, between which a search goes back and forth."""
    cache_bytes: int
    """What the server takes to be cached of its files: its effective_cache_size."""
    graph_bytes: int
    """What building an index of this kind takes in maintenance_work_mem."""


@dataclass(frozen=True)
class BuildProgress:
    """How far a build is: `done` of 1 of its phase; `waits_for` names who holds it up."""

    phase: str
    done: float
    waits_for: str | None = None


def vector_indexes(connection: Connection, model_id: int) -> list[VectorIndex]:
    """The indexes over a model's vectors, half built ones among them; other people's are left out.

    What REINDEX builds bears the name of the index with something behind it, until it is whole.
    """
    rows = connection.execute(INDEXES, {"table": _partition(model_id)})
    return [
        VectorIndex(name, kind, is_valid, size_bytes)
        for name, is_valid, size_bytes in rows
        for kind in Kind
        if name.startswith(_name(model_id, kind))
    ]


def fit(connection: Connection, model: ModelRow, kind: Kind | None = None) -> Fit:
    """The kind that fits the number of frames and the server's memory, unless one is named.

    An index of halfvecs is the more accurate one as long as the server's cache holds it and the
    vectors; beyond, each search would wait for the disk.
    """
    frames, cache_bytes = connection.execute(
        text(
            "SELECT greatest(reltuples, 0)::bigint, "
            "pg_size_bytes(current_setting('effective_cache_size')) "
            "FROM pg_class WHERE oid = to_regclass(:table)"
        ),
        {"table": _partition(model.id)},
    ).one()
    searched_bytes = frames * (2 * Kind.HALFVEC.bytes_of(model.dim) + LINKS_BYTES + ROW_BYTES)
    if kind is None:
        is_large = searched_bytes > cache_bytes and model.dim >= LEAST_DIM_OF_CODES
        kind = Kind.TERNARY if is_large else Kind.HALFVEC
    graph_bytes = frames * (kind.bytes_of(model.dim) + GRAPH_BYTES)
    return Fit(kind, frames, searched_bytes, cache_bytes, graph_bytes)


def build(
    engine: Engine,
    model: ModelRow,
    kind: Kind,
    *,
    on_progress: Callable[[BuildProgress], None] = lambda _: None,
    memory_mb: int | None = None,
) -> VectorIndex:
    """Builds the index of a kind anew and drops the others, while searches and ingest go on.

    Searches use the former index until the new one is whole. What a broken off build left is
    taken away first.

    Args:
        memory_mb: How much memory the build may take; what does not fit there takes many times
            longer. None: the server's maintenance_work_mem.

    Raises:
        BusyDatabaseError: Another process builds an index of this model, or keeps open what it read
            by an index whose options have to be changed.
    """
    name = _name(model.id, kind)
    with _connection_of_its_own(engine) as connection:
        _lock(connection, model)
        for index in vector_indexes(connection, model.id):
            if not index.is_valid:
                _drop(connection, index.name)
        former = [index.name for index in vector_indexes(connection, model.id)]
        if memory_mb is not None:
            connection.execute(
                text("SELECT set_config('maintenance_work_mem', :size, false)"),
                {"size": f"{memory_mb}MB"},
            )

        def look(watcher: Connection, pid: int) -> None:
            for phase, blocks, all_blocks, locker in watcher.execute(PROGRESS, {"pid": pid}):
                on_progress(
                    BuildProgress(phase, blocks / all_blocks if all_blocks else 0.0, locker)
                )

        if name in former:
            _set_options(engine, connection, name, on_progress)
            statement = f"REINDEX INDEX CONCURRENTLY {name}"
        else:
            defined = definition(kind, model.dim)
            statement = f"CREATE INDEX CONCURRENTLY {name} ON {_partition(model.id)} {defined}"
        with watched(engine, connection, LOOK_EVERY_S, look):
            connection.exec_driver_sql(statement)
            for other in former:
                if other != name:
                    _drop(connection, other)
        [built] = vector_indexes(connection, model.id)
    return built


def definition(kind: Kind, dim: int) -> str:
    """How an index is defined, from USING on. nearest_frames() names the same expressions."""
    vector = f"embedding::halfvec({dim})"
    key = {
        Kind.HALFVEC: f"({vector}) halfvec_cosine_ops",
        Kind.TERNARY: f"(ternary_quantize({vector}, {dim})::bit({2 * dim})) bit_hamming_ops",
        Kind.BINARY: f"(binary_quantize({vector})::bit({dim})) bit_hamming_ops",
    }[kind]
    return f"USING hnsw ({key}) WITH (ef_construction = {EF_CONSTRUCTION})"


@contextmanager
def _connection_of_its_own(engine: Engine) -> Iterator[Connection]:
    """In autocommit, and closed at the end with the settings that it has by then."""
    with engine.connect() as connection:
        try:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
        finally:
            # The server takes its time to end a session, and the next build need not wait for that.
            with suppress(DBAPIError):
                connection.execute(text("SELECT pg_advisory_unlock_all()"))
            connection.invalidate()


def _lock(connection: Connection, model: ModelRow) -> None:
    key = {"lock": BUILD_LOCK, "id": model.id}
    if not connection.execute(text("SELECT pg_try_advisory_lock(:lock, :id)"), key).scalar_one():
        raise BusyDatabaseError(
            f"another process builds the index of {model} now; wait for it, or end it, which "
            "loses nothing but what it has built"
        )


def _set_options(
    engine: Engine, connection: Connection, name: str, on_progress: Callable[[BuildProgress], None]
) -> None:
    """Has REINDEX build as this release does what a former one may have built otherwise.

    That locks out searches for a moment, so it is tried for moments only.
    """
    option = f"ef_construction={EF_CONSTRUCTION}"
    options = text("SELECT reloptions FROM pg_class WHERE oid = to_regclass(:name)")
    if connection.execute(options, {"name": name}).scalar_one() == [option]:
        return
    patiently(
        engine,
        f"change the options of {name}",
        lambda change: change.exec_driver_sql(f"ALTER INDEX {name} SET ({option})"),
        on_wait=lambda line: on_progress(BuildProgress(line, 0.0)),
    )


def _drop(connection: Connection, name: str) -> None:
    connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _partition(model_id: int) -> str:
    return f"frame_embeddings_{model_id}"


def _name(model_id: int, kind: Kind) -> str:
    return f"{_partition(model_id)}_{'hnsw' if kind is Kind.HALFVEC else kind}_idx"
