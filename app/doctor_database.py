"""What `sceneql doctor` looks at in the database; none of it needs a superuser."""

import re
import time
from collections.abc import Callable, Iterator

import psutil
from sqlalchemy import Connection, text

from app.care import HEARTBEAT_LATE_S, WORKERS_ALIVE
from app.doctor_finding import Finding, ok, warning, wrong
from app.migrate import (
    MIN_PGVECTOR,
    MIN_POSTGRES,
    analyst_functions,
    analyst_tables,
    database_settings,
)
from app.queue import INGEST_QUEUE, SCAN_QUEUE, queues_served
from app.vector_index import vector_indexes

UPGRADE = "run: sceneql db upgrade"
REINDEX = "run: sceneql reindex"
CLOCK_LATE_S = 5.0


def server(connection: Connection) -> Iterator[Finding]:
    """Versions of the server and of pgvector."""
    version, installed, available = connection.execute(
        text(
            "SELECT current_setting('server_version_num')::int / 10000, "
            "(SELECT extversion FROM pg_extension WHERE extname = 'vector'), "
            "(SELECT default_version FROM pg_available_extensions WHERE name = 'vector')"
        )
    ).one()
    if version < MIN_POSTGRES:
        yield wrong("server", f"PostgreSQL {version}", f"upgrade to {MIN_POSTGRES} or newer")
    else:
        yield ok("server", f"PostgreSQL {version}")
    least = ".".join(map(str, MIN_PGVECTOR))
    if installed is None:
        yield wrong("pgvector", "the extension is not in this database", UPGRADE)
    elif _numbers(installed) < MIN_PGVECTOR:
        cure = f"install pgvector {least} or newer there, then: ALTER EXTENSION vector UPDATE"
        yield wrong("pgvector", f"{installed} is too old", cure)
    elif available is not None and _numbers(installed) < _numbers(available):
        yield warning(
            "pgvector",
            f"{installed} is in this database, {available} on the server",
            "run in the database: ALTER EXTENSION vector UPDATE",
        )
    else:
        yield ok("pgvector", installed)


def settings(connection: Connection) -> Iterator[Finding]:
    """Whether the settings of the database are in force in this session, which is a new one."""
    connection.execute(text("SELECT '[1]'::vector"))
    wanted = database_settings()
    in_force = {
        name: connection.execute(
            text("SELECT current_setting(:name, true)"), {"name": name}
        ).scalar_one()
        for name in wanted
    }
    other = [f"{name} is {in_force[name]}" for name in wanted if in_force[name] != wanted[name]]
    if other:
        yield wrong("settings", "; ".join(other), UPGRADE)
    else:
        yield ok("settings", f"all {len(wanted)} are in force")


def analyst(connection: Connection) -> Iterator[Finding]:
    """Whether the role that only reads is there and may do what it should, and no more."""
    role = "SELECT to_regrole('sceneql_analyst') IS NOT NULL"
    if not connection.execute(text(role)).scalar_one():
        yield wrong("role", "there is no role sceneql_analyst", UPGRADE)
        return
    may_read = "SELECT has_table_privilege('sceneql_analyst', to_regclass(:name), 'SELECT')"
    may_write = (
        "SELECT has_table_privilege('sceneql_analyst', to_regclass(:name), "
        "'INSERT, UPDATE, DELETE, TRUNCATE')"
    )
    may_run = "SELECT has_function_privilege('sceneql_analyst', to_regprocedure(:name), 'EXECUTE')"
    tables, functions = analyst_tables(), analyst_functions()

    def true(query: str, name: str) -> bool:
        return bool(connection.execute(text(query), {"name": name}).scalar_one())

    lacking = [name for name in tables if not true(may_read, name)]
    lacking += [name for name in functions if not true(may_run, name)]
    too_much = [name for name in tables if true(may_write, name)]
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        yield wrong("grants", f"analysts may not use {', '.join(lacking[:3])}{more}", UPGRADE)
    if too_much:
        yield wrong("grants", f"analysts may write {', '.join(too_much)}", UPGRADE)
    if not lacking and not too_much:
        yield ok("grants", f"{len(tables)} tables and {len(functions)} functions for analysts")


def index(connection: Connection) -> Iterator[Finding]:
    """Whether the active model's vectors have a valid index, and whether memory holds it."""
    model_id = connection.execute(
        text("SELECT id FROM embedding_models WHERE active")
    ).scalar_one_or_none()
    if model_id is None:
        yield ok("index", "none yet; it comes with the first model")
        return
    found = sorted(vector_indexes(connection, model_id), key=lambda one: not one.is_valid)
    if not found:
        what = f"the vectors of model {model_id} have no index: every search reads all of them"
        yield wrong("index", what, REINDEX)
        return
    index = found[0]
    buffers_bytes = connection.execute(
        text("SELECT pg_size_bytes(current_setting('shared_buffers'))")
    ).scalar_one()
    size = f"{index.kind}, {index.size_bytes / 2**20:,.0f} MiB"
    if not index.is_valid:
        yield wrong("index", "it was left half built", REINDEX)
    elif index.size_bytes > psutil.virtual_memory().total // 2:
        cure = f"give the server more memory, or {REINDEX}"
        yield warning("index", f"{size}, is more than half of this machine's memory", cure)
    elif index.size_bytes > buffers_bytes:
        yield warning(
            "index",
            f"{size}, does not fit into shared_buffers ({buffers_bytes / 2**20:,.0f} MiB)",
            "raise shared_buffers if searches are slow: ALTER SYSTEM SET shared_buffers = ...",
        )
    else:
        yield ok("index", f"valid, {size}")


def jobs(connection: Connection) -> Iterator[Finding]:
    """Jobs whose worker is gone, and jobs that failed."""
    late = {"late_s": HEARTBEAT_LATE_S}
    stalled, orphaned, failed, waiting = connection.execute(
        text(
            "SELECT count(*) FILTER (WHERE j.status = 'doing' "
            "AND w.last_heartbeat < now() - make_interval(secs => :late_s)), "
            "count(*) FILTER (WHERE j.status = 'doing' AND j.worker_id IS NULL), "
            "count(*) FILTER (WHERE j.status = 'failed'), "
            "count(*) FILTER (WHERE j.status = 'todo') "
            "FROM procrastinate.procrastinate_jobs j "
            "LEFT JOIN procrastinate.procrastinate_workers w ON w.id = j.worker_id"
        ),
        late,
    ).one()
    alive = connection.execute(text(WORKERS_ALIVE), late).scalar_one()
    again = "start sceneql worker: it takes them up again within a minute or two"
    if stalled:
        yield warning("stalled jobs", f"{stalled:,} were begun by a worker that died", again)
    if orphaned:
        yield warning("orphaned jobs", f"{orphaned:,} are being done by no worker at all", again)
    if not stalled and not orphaned:
        yield ok("stalled jobs", "none")
    if failed:
        cure = "sceneql status names them; index their files again: sceneql ingest FILE"
        yield warning("failed jobs", f"{failed:,} were given up", cure)
    else:
        yield ok("failed jobs", "none")
    if alive:
        yield ok("worker", f"{alive:,} alive")
    elif waiting:
        yield wrong("worker", f"none alive, and {waiting:,} jobs wait", "start: sceneql worker")
    else:
        yield warning("worker", "none alive", "start: sceneql worker")
    idle = {INGEST_QUEUE, SCAN_QUEUE} - queues_served(connection) if alive else set()
    if INGEST_QUEUE in idle:
        yield warning("ingest", "not running: files wait", "start: sceneql worker --only ingest")
    if SCAN_QUEUE in idle:
        cure = "start: sceneql worker --only scanner"
        yield warning("scanner", "not running: no source is scanned", cure)


def embedder(connection: Connection) -> Iterator[Finding]:
    """Whether somebody is there to turn questions into vectors."""
    if connection.execute(text("SELECT embedder_running()")).scalar_one():
        yield ok("embedder", "running")
    else:
        cure = "start: sceneql worker; until then only what was asked before is answered at once"
        yield warning("embedder", "not running", cure)


def clock(connection: Connection) -> Iterator[Finding]:
    """Whether the database's clock and this machine's agree."""
    before_s = time.time()
    theirs_s = connection.execute(
        text("SELECT extract(epoch FROM clock_timestamp())::float8")
    ).scalar_one()
    yield compare_clocks(before_s, theirs_s, time.time())


def compare_clocks(before_s: float, theirs_s: float, after_s: float) -> Finding:
    """What a time that was asked for between two of our own says of the clocks."""
    apart_s = max(before_s - theirs_s, theirs_s - after_s, 0.0)
    if apart_s > CLOCK_LATE_S:
        message = f"the database's is {apart_s:,.0f} s from this machine's"
        return warning("clock", message, "set both by NTP: heartbeats and schedules go by them")
    return ok("clock", "the database's and this machine's agree")


CHECKS: tuple[Callable[[Connection], Iterator[Finding]], ...] = (
    settings,
    analyst,
    index,
    embedder,
    jobs,
    clock,
)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))[:3]
