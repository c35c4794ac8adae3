"""What all tests share: real Postgres servers, and a database of its own for each test.

A database is cloned from a migrated template, which takes a tenth of a second. The servers are
started when first needed, shared by all test processes, and gone when the run ends.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, text

from app.config import Settings, get_settings
from app.db import address_of, engine_for
from app.embedded import EmbeddedPostgres
from app.migrate import SQL_FOLDER, upgrade
from workers.decoder import Decoder

SERVERS = "SCENEQL_TEST_SERVERS"
VERSIONS = (18, 16)
CONFIGURE = (SQL_FOLDER / "configure.sql").read_bytes()
LONGEST = (
    "integration/test_models.py",
    "integration/test_model_download.py",
    "integration/test_worker.py",
    "integration/test_related.py",
    "integration/test_fill.py",
    "scan/test_files.py",
    "reliability/test_kills.py",
    "unit/test_tiny_train.py",
    "unit/test_decoder.py",
)
"""Files that take about a minute or more, and are run by one process each."""
SETTINGS = {
    # Nothing of a test's has to survive a crash of the machine, and half the time is fsync.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "checkpoint_timeout": "1h",
    # All buffers are looked through for each database that goes.
    "shared_buffers": "256MB",
}


def pytest_configure(config: pytest.Config) -> None:
    # What the person who runs the tests has set for their own library must not reach the tests.
    if not is_test_process(config):
        for name in [name for name in os.environ if name.startswith("SCENEQL_")]:
            if not name.startswith("SCENEQL_TEST_"):
                del os.environ[name]
        os.environ.pop("DATABASE_URL", None)
    if not is_test_process(config):
        folder = tempfile.mkdtemp(prefix="sceneql-tests-")
        # Postgres refuses to run as root, so its own user has to get through.
        Path(folder).chmod(0o755)
        os.environ[SERVERS] = folder
        os.environ["SCENEQL_HOME"] = f"{folder}/home"
        # Beside other tests, which never wait, a worker that steps back would hardly get a turn.
        os.environ["SCENEQL_NICENESS"] = "0"


def pytest_unconfigure(config: pytest.Config) -> None:
    if is_test_process(config):
        return
    folder = Path(os.environ.pop(SERVERS))
    for version in VERSIONS:
        EmbeddedPostgres(folder / f"pg{version}", version).stop()
    shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what takes longest first, so that nobody is left with it when all others are done."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get("/".join(item.path.parts[-2:]), len(places)))


def is_test_process(config: pytest.Config) -> bool:
    """Whether this process runs tests for another one, which looks after the servers."""
    return hasattr(config, "workerinput")


class Databases:
    """Makes databases on one server, each migrated and configured."""

    def __init__(self, version: int) -> None:
        self.server = EmbeddedPostgres(Path(os.environ[SERVERS]) / f"pg{version}", version)
        _start(self.server)
        self.connection = psycopg.connect(self.server.url("postgres"), autocommit=True)
        self.template = f"template_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        self.run(f"CREATE DATABASE {self.template}")
        engine = engine_for(self.server.url(self.template))
        upgrade(engine)
        engine.dispose()

    def run(self, statement: str) -> None:
        self.connection.execute(statement.encode())

    def create(self, template: str | None = None) -> Engine:
        name = f"test_{uuid4().hex}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template or self.template}")
        # The settings and the grants of a database are not copied with it, those of functions are.
        with psycopg.connect(self.server.url(name)) as connection:
            connection.execute(CONFIGURE)
        return engine_for(self.server.url(name))

    def create_empty(self) -> Engine:
        name = f"test_{uuid4().hex}"
        self.run(f"CREATE DATABASE {name}")
        return engine_for(self.server.url(name))

    def has(self, name: str) -> bool:
        found = self.connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        return found.fetchone() is not None

    def drop(self, engine: Engine) -> None:
        engine.dispose()
        self.run(f"DROP DATABASE {engine.url.database} WITH (FORCE)")


def _start(server: EmbeddedPostgres) -> None:
    """Starts a server with the tests' settings, unless another process did."""
    with Path(f"{server.home}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if server.is_alive():
            return
        server.start()
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            for name, value in SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        server.stop()
        server.start()


@pytest.fixture(scope="session")
def databases_of() -> Callable[[int], Databases]:
    """Databases by the server's major version; a server that no test asks for is not started."""
    started: dict[int, Databases] = {}

    def of(version: int) -> Databases:
        if version not in started:
            started[version] = Databases(version)
        return started[version]

    return of


@pytest.fixture(scope="session")
def databases(databases_of: Callable[[int], Databases]) -> Databases:
    return databases_of(VERSIONS[0])


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    """A migrated database without any video."""
    engine = databases.create()
    yield engine
    databases.drop(engine)


@pytest.fixture
def settings_of_test(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Points this process, and those it starts, to the test's database and a home of its own."""
    monkeypatch.setenv("DATABASE_URL", address_of(engine))
    monkeypatch.setenv("SCENEQL_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    """A process that decodes files, for all tests that need one."""
    with Decoder(memory_mb=4096, frame_timeout_s=60) as decoder:
        yield decoder


@pytest.fixture(scope="session")
def library(databases: Databases) -> Iterator[Engine]:
    """The demo's library, indexed by the tiny model and with an embedder running; for reading only.

    It is rendered and indexed by the same commands that people run, once for all test processes.
    """
    folder = Path(os.environ[SERVERS]) / "library"
    _make_library(databases, folder)
    engine = databases.create("library")
    embedder = subprocess.Popen(
        [sys.executable, "-m", "workers", "embedder"],
        env=os.environ | {"DATABASE_URL": address_of(engine), "SCENEQL_HOME": str(folder / "home")},
    )
    try:
        wait_for_embedder(engine)
        yield engine
    finally:
        embedder.terminate()
        embedder.wait()
    databases.drop(engine)


def _make_library(databases: Databases, folder: Path) -> None:
    """Leaves the library in a database of that name, unless another process did."""
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if databases.has("library"):
            return
        engine = databases.create()
        engine.dispose()
        environment = os.environ | {
            "DATABASE_URL": address_of(engine),
            "SCENEQL_HOME": str(folder / "home"),
            "SCENEQL_MODEL": "tiny",
        }
        workers = [sys.executable, "-m", "workers"]
        for command in (["demo", str(folder)], ["ingest", str(folder / "videos")]):
            subprocess.run([*workers, *command], env=environment, check=True)
        databases.run(f"ALTER DATABASE {engine.url.database} RENAME TO library")


@pytest.fixture
def settings_of_library(
    library: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Points this process, and those it starts, to the demo's library."""
    monkeypatch.setenv("DATABASE_URL", address_of(library))
    monkeypatch.setenv("SCENEQL_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def wait_for_embedder(engine: Engine, timeout_s: float = 180) -> None:
    """Returns when an embedder has said that it is there."""
    deadline = time.monotonic() + timeout_s
    while True:
        with engine.connect() as connection:
            if connection.execute(text("SELECT embedder_running()")).scalar_one():
                return
        assert time.monotonic() < deadline, f"no embedder within {timeout_s} s"
        time.sleep(0.1)
