"""A library that was dumped and restored works like the first: with its settings, roles, grants."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Engine

from app import backup
from app.config import Settings
from app.db import address_of, engine_for
from app.embedded import EmbeddedPostgres
from app.errors import DatabaseUnavailableError, SceneqlError
from app.migrate import ensure_current, upgrade
from app.model_catalog import models
from app.vector_index import Kind, build, vector_indexes
from tests.command import sceneql
from tests.conftest import Databases
from tests.filling import Filled, answer, fill, literal

OWN = Settings.model_construct(database_url="postgresql://db.example/library")

# Ten frames of ten thousand, found by the index alone as in a library too large for anything else.
FILTERED = """
    SELECT frame_no FROM search_vector(%s::halfvec)
    WHERE video_id = (SELECT id FROM videos WHERE title = 'video 77') AND frame_no < 10
    ORDER BY distance LIMIT 10
"""


@pytest.fixture(scope="module")
def original(databases: Databases) -> Iterator[tuple[Engine, Filled]]:
    """A library of 10,000 frames that has answered "a thing"."""
    engine = databases.create()
    filled = fill(engine, videos=200, frames=50)
    answer(engine, "a thing", filled.questions[0])
    yield engine, filled
    databases.drop(engine)


@pytest.fixture
def empty(databases: Databases) -> Iterator[Engine]:
    engine = databases.create_empty()
    yield engine
    databases.drop(engine)


@pytest.fixture
def other_cluster() -> Iterator[Engine]:
    """The empty database of a server of its own, which knows no role of ours."""
    # Not below pytest's own folder, which the account of the embedded Postgres cannot enter.
    with tempfile.TemporaryDirectory(prefix="sceneql-restore-") as folder:
        server = EmbeddedPostgres(Path(folder))
        server.start()
        engine = engine_for(server.url())
        yield engine
        engine.dispose()
        server.stop()


def program(databases: Databases, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [databases.server.binary(name), *arguments], capture_output=True, text=True, check=False
    )


def count_filtered(engine: Engine, filled: Filled) -> int:
    """How many of ten rows a search through the index gives, in a new session."""
    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        for way in ("seqscan", "bitmapscan", "sort", "nestloop", "hashjoin"):
            connection.execute(f"SET enable_{way} = off")
        vector = literal(filled.questions[0])
        plan = connection.execute(f"EXPLAIN {FILTERED}", [vector]).fetchall()
        assert any("hnsw" in line for (line,) in plan), plan
        return len(connection.execute(FILTERED, [vector]).fetchall())


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_a_restored_library_is_refused_until_it_has_its_settings_and_then_finds_all(
    databases: Databases, original: tuple[Engine, Filled], empty: Engine, tmp_path: Path, form: str
) -> None:
    engine, filled = original
    file = str(tmp_path / "library.dump")
    dumped = program(databases, "pg_dump", f"--format={form}", f"--file={file}", address_of(engine))
    assert dumped.returncode == 0, dumped.stderr
    target = f"--dbname={address_of(empty)}"
    restored = (
        program(databases, "psql", "-v", "ON_ERROR_STOP=1", "-q", f"--file={file}", target)
        if form == "plain"
        else program(databases, "pg_restore", target, file)
    )
    assert restored.returncode == 0, restored.stderr

    assert count_filtered(empty, filled) < 10
    with pytest.raises(DatabaseUnavailableError, match="lacks SceneQL's settings; run: sceneql db"):
        ensure_current(empty, OWN)

    upgrade(empty)

    ensure_current(empty, OWN)
    assert count_filtered(empty, filled) == 10


def test_an_index_over_codes_is_restored_with_its_library(
    databases: Databases, engine: Engine, empty: Engine, tmp_path: Path
) -> None:
    fill(engine, videos=2, frames=10)
    with engine.connect() as connection:
        [model] = models(connection)
    built = build(engine, model, Kind.TERNARY)
    file = str(tmp_path / "library.dump")
    dumped = program(databases, "pg_dump", "--format=custom", f"--file={file}", address_of(engine))

    restored = program(databases, "pg_restore", f"--dbname={address_of(empty)}", file)

    assert (dumped.returncode, restored.returncode) == (0, 0), dumped.stderr + restored.stderr
    with empty.connect() as connection:
        [index] = vector_indexes(connection, model.id)
    assert (index.name, index.kind, index.is_valid) == (built.name, Kind.TERNARY, True)


def test_a_dump_taken_to_another_cluster_is_mended_by_an_upgrade(
    databases: Databases, original: tuple[Engine, Filled], other_cluster: Engine, tmp_path: Path
) -> None:
    file = str(tmp_path / "library.dump")
    program(databases, "pg_dump", "--format=custom", f"--file={file}", address_of(original[0]))
    restored = program(databases, "pg_restore", f"--dbname={address_of(other_cluster)}", file)
    assert restored.returncode == 1
    assert 'role "sceneql_analyst" does not exist' in restored.stderr

    upgrade(other_cluster)

    check_analyst(other_cluster)


def test_a_backup_restores_into_another_cluster_whole(
    original: tuple[Engine, Filled], other_cluster: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "library.dump"

    backup.backup(original[0], file)
    backup.restore(other_cluster, file)

    assert list(tmp_path.iterdir()) == [file]
    ensure_current(other_cluster, OWN)
    assert count_filtered(other_cluster, original[1]) == 10
    check_analyst(other_cluster)


def check_analyst(engine: Engine) -> None:
    """The analyst searches, and reaches nothing that is not for analysts."""
    url = address_of(engine).replace("postgres@", "sceneql_analyst@", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT * FROM search_scenes('a thing', 3)").fetchall()
        assert len(found) == 3
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SELECT activate_model(1::smallint)")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM query_embeddings")


def test_a_database_that_holds_something_is_left_as_it_is(
    original: tuple[Engine, Filled], engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "library.dump"
    backup.backup(original[0], file)

    with pytest.raises(SceneqlError, match="restored into an empty one"):
        backup.restore(engine, file)


def test_a_file_that_is_no_backup_restores_nothing(empty: Engine, tmp_path: Path) -> None:
    file = tmp_path / "library.dump"
    file.write_text("no backup")

    with pytest.raises(SceneqlError, match=r"pg_restore failed: .*archive"):
        backup.restore(empty, file)

    with empty.connect() as connection:
        assert connection.exec_driver_sql(backup.TABLES).scalar_one() == 0


@pytest.mark.usefixtures("settings_of_test")
def test_the_commands_back_up_and_refuse_what_is_full(tmp_path: Path) -> None:
    file = tmp_path / "library.dump"

    made = sceneql("db", "backup", str(file))
    refused = sceneql("db", "restore", str(file))

    assert made.returncode == 0, made.stderr
    assert file.stat().st_size > 0
    assert refused.returncode == 2
    assert "a backup is restored into an empty one" in refused.stderr


def test_a_backup_that_fails_leaves_the_former_one(tmp_path: Path, empty: Engine) -> None:
    file = tmp_path / "library.dump"
    file.write_text("the former one")
    nowhere = engine_for(address_of(empty).replace("postgres@", "sceneql_analyst@", 1))
    with empty.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE not_for_analysts (a int)")

    with pytest.raises(SceneqlError, match=r"pg_dump failed: .*permission denied"):
        backup.backup(nowhere, file)

    nowhere.dispose()
    assert file.read_text() == "the former one"
    assert list(tmp_path.iterdir()) == [file]
