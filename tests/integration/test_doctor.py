"""`sceneql doctor`: each thing that can be amiss is broken for real, found, and given its cure."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from app.config import Settings
from app.db import address_of, engine_for
from app.doctor import examine, free_space, page, spool
from app.doctor_database import compare_clocks
from app.doctor_finding import Finding
from app.migrate import upgrade
from app.model_catalog import models
from app.vector_index import Kind, build
from tests.command import sceneql
from tests.conftest import Databases
from tests.filling import add_active_model
from tests.keeping import add_job, add_source, add_video, add_worker

Look = Callable[[], dict[str, Finding]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def look(engine: Engine, settings: Settings) -> Look:
    """What the doctor finds in the test's database, by check."""
    return lambda: {finding.check: finding for finding in examine(lambda: engine, settings)}


def run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def connected(engine: Engine, name: str) -> psycopg.Connection:
    """A connection that bears a worker's name, until it is closed."""
    return psycopg.connect(address_of(engine), application_name=name)


def test_a_healthy_system_has_nothing_wrong(engine: Engine, look: Look, tmp_path: Path) -> None:
    add_active_model(engine, "tiny")
    add_worker(engine)
    add_source(engine, str(tmp_path), scanned_at="now()")

    with connected(engine, "sceneql ingest"), connected(engine, "sceneql scan"):
        found = look()

    amiss = {name for name, finding in found.items() if finding.state != "ok"}
    assert amiss == {"embedder"}
    assert all(finding.cure for finding in found.values() if finding.state != "ok")


@pytest.mark.parametrize(
    ("host", "token", "state"),
    [
        ("127.0.0.1", None, "ok"),
        ("0.0.0.0", None, "warning"),
        ("0.0.0.0", "sixteen-characters", "ok"),
    ],
)
def test_a_page_that_is_open_to_all_is_a_warning(
    tmp_path: Path, host: str, token: str | None, state: str
) -> None:
    finding = page(Settings(home=tmp_path, host=host, token=token, without_login=True))

    assert finding.state == state
    assert state == "ok" or "SCENEQL_TOKEN" in str(finding.cure)


def test_a_worker_that_serves_but_one_queue_leaves_the_other_to_be_started(
    engine: Engine, look: Look
) -> None:
    add_worker(engine)

    with connected(engine, "sceneql scan"):
        found = look()

    assert found["ingest"].cure == "start: sceneql worker --only ingest"
    assert "scanner" not in found


def test_a_setting_that_was_reset_is_wrong(engine: Engine, look: Look) -> None:
    run(engine, f'ALTER DATABASE "{engine.url.database}" RESET hnsw.iterative_scan')

    finding = look()["settings"]

    assert finding.state == "wrong"
    assert finding.message == "hnsw.iterative_scan is off"
    assert finding.cure == "run: sceneql db upgrade"


def test_a_schema_that_is_old_is_wrong_and_ends_the_look(engine: Engine, look: Look) -> None:
    run(engine, "UPDATE alembic_version SET version_num = '0001'")

    found = look()

    assert found["schema"].state == "wrong"
    assert "grants" not in found


def test_an_empty_database_lacks_extension_and_schema(
    databases: Databases, settings: Settings
) -> None:
    engine = databases.create_empty()

    found = {finding.check: finding for finding in examine(lambda: engine, settings)}

    databases.drop(engine)
    assert found["pgvector"].state == found["schema"].state == "wrong"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("REVOKE SELECT ON videos FROM sceneql_analyst", "may not use videos"),
        (
            "REVOKE EXECUTE ON FUNCTION query_vector(text) FROM sceneql_analyst",
            "may not use query_vector(text)",
        ),
        ("GRANT DELETE ON videos TO sceneql_analyst", "may write videos"),
    ],
)
def test_a_grant_that_is_not_as_it_should_be_is_wrong_and_mended_by_an_upgrade(
    engine: Engine, look: Look, statement: str, message: str
) -> None:
    run(engine, statement)

    finding = look()["grants"]
    upgrade(engine)

    assert finding.state == "wrong"
    assert message in finding.message
    assert look()["grants"].state == "ok"


def test_an_index_that_is_absent_or_half_built_is_wrong_and_the_cure_is_right(
    engine: Engine, look: Look
) -> None:
    model_id = add_active_model(engine, "tiny")
    name = f"frame_embeddings_{model_id}_hnsw_idx"
    assert look()["index"].state == "ok"

    run(engine, f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass")
    half = look()["index"]
    run(engine, f"DROP INDEX {name}")
    absent = look()["index"]

    assert "half built" in half.message
    assert "no index" in absent.message
    assert half.cure == absent.cure == "run: sceneql reindex"
    [model] = models(engine.connect())
    build(engine, model, Kind.HALFVEC)
    assert look()["index"].state == "ok"


def test_weights_that_are_not_there_are_wrong_until_they_are(
    engine: Engine, look: Look, settings: Settings
) -> None:
    run(engine, "SELECT add_model('ViT-B-32-256', 'datacomp_s34b_b86k', 512)")
    run(engine, "UPDATE embedding_models SET active = true")
    assert look()["model"].state == "wrong"
    # The name that the hub gives the repository of this model.
    repository = "models--laion--CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"
    folder = settings.weights_dir / repository / "snapshots" / "0123"
    folder.mkdir(parents=True)
    weights = folder / "open_clip_model.safetensors"
    weights.symlink_to(folder / "gone")
    assert look()["model"].state == "wrong", "a link to nothing is no file of weights"

    weights.unlink()
    weights.write_bytes(b"weights")

    assert look()["model"].state == "ok"


def test_a_source_whose_folder_was_renamed_is_wrong(
    engine: Engine, look: Look, tmp_path: Path
) -> None:
    root = tmp_path / "videos"
    root.mkdir()
    add_source(engine, str(root), scanned_at="now()")
    add_video(engine, "a")
    run(engine, f"INSERT INTO video_files (path, video_id) SELECT '{root}/a.mp4', id FROM videos")
    assert look()[f"source {root}"].state == look()["media folders"].state == "ok"

    root.rename(tmp_path / "elsewhere")

    assert look()[f"source {root}"].state == "wrong"
    assert look()["media folders"].state == "warning"
    assert str(root) in look()["media folders"].message


def test_a_source_that_is_not_mounted_is_wrong(engine: Engine, look: Look, tmp_path: Path) -> None:
    add_source(engine, str(tmp_path), mounts=f"ARRAY['{tmp_path}']")

    finding = look()[f"source {tmp_path}"]

    assert finding.state == "wrong"
    assert f"{tmp_path} is not mounted" in finding.message


def test_jobs_whose_worker_is_gone_and_failed_ones_are_warned_of(
    engine: Engine, look: Look
) -> None:
    add_job(engine, "doing", "/a.mp4", worker_id=add_worker(engine, heartbeat_s_ago=300))
    add_job(engine, "doing", "/b.mp4", worker_id=None)
    add_job(engine, "failed", "/c.mp4")

    found = look()

    assert found["stalled jobs"].message.startswith("1 ")
    assert found["orphaned jobs"].message.startswith("1 ")
    assert found["failed jobs"].message.startswith("1 ")


def test_jobs_that_wait_without_a_worker_are_wrong(engine: Engine, look: Look) -> None:
    assert look()["worker"].state == "warning"

    add_job(engine)
    assert look()["worker"].state == "wrong"

    add_worker(engine, heartbeat_s_ago=300)
    assert look()["worker"].state == "wrong"

    add_worker(engine)
    assert look()["worker"].state == "ok"


def test_an_embedder_that_runs_is_seen(engine: Engine, look: Look) -> None:
    assert look()["embedder"].state == "warning"

    with psycopg.connect(address_of(engine)) as connection:
        connection.execute("SELECT pg_advisory_lock_shared(20265, 1)")
        assert look()["embedder"].state == "ok"


def test_a_spool_that_is_no_folder_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")

    finding = spool(tmp_path / "spool")

    assert finding.state == "wrong"
    assert "SCENEQL_HOME" in (finding.cure or "")


def test_a_disk_with_less_space_than_needed_is_told(tmp_path: Path) -> None:
    far_too_much = 2**60

    assert free_space("disk", tmp_path / "not/yet/there", 1, 0).state == "ok"
    assert free_space("disk", tmp_path, far_too_much, 0).state == "warning"
    assert free_space("disk", tmp_path, far_too_much, far_too_much).state == "wrong"


@pytest.mark.parametrize(
    ("theirs_s", "state"), [(100.5, "ok"), (96, "ok"), (90, "warning"), (108, "warning")]
)
def test_clocks_that_are_apart_are_warned_of(theirs_s: float, state: str) -> None:
    assert compare_clocks(100, theirs_s, 101).state == state


@pytest.fixture
def owned(databases: Databases) -> Iterator[Engine]:
    """A database whose owner is no superuser, as one's own often is."""
    engine = databases.create()
    name = engine.url.database
    databases.run("CREATE ROLE library_owner LOGIN CREATEROLE")
    databases.run(f'ALTER DATABASE "{name}" OWNER TO library_owner')
    run(engine, "GRANT USAGE ON SCHEMA procrastinate TO library_owner")
    for schema in ("public", "procrastinate"):
        run(engine, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO library_owner")
    run(engine, "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO library_owner")
    yield engine_for(address_of(engine).replace("postgres@", "library_owner@", 1))
    databases.drop(engine)
    databases.run("DROP ROLE library_owner")


def test_no_superuser_is_needed(owned: Engine, settings: Settings) -> None:
    found = {finding.check: finding for finding in examine(lambda: owned, settings)}

    owned.dispose()
    assert not [finding for finding in found.values() if finding.state == "wrong"]
    assert found["clock"].state == "ok"


def test_a_database_that_is_down_is_wrong_and_the_rest_is_still_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("SCENEQL_HOME", str(tmp_path))

    shown = sceneql("doctor")

    assert shown.returncode == 1, shown.stderr
    assert "ok      spool" in shown.stdout
    assert "wrong   database: the database does not answer" in shown.stdout
    assert "start the server that DATABASE_URL names" in shown.stdout


@pytest.mark.usefixtures("settings_of_test")
def test_the_exit_status_and_the_json_tell_whether_anything_is_wrong(engine: Engine) -> None:
    healthy = sceneql("doctor", "--json")
    run(engine, "REVOKE SELECT ON videos FROM sceneql_analyst")
    ill = sceneql("doctor", "--json")

    assert healthy.returncode == 0, healthy.stdout + healthy.stderr
    assert json.loads(healthy.stdout)["healthy"] is True
    assert ill.returncode == 1
    (wrong,) = [c for c in json.loads(ill.stdout)["checks"] if c["state"] == "wrong"]
    assert wrong["check"] == "grants"
    assert wrong["cure"]


def test_the_doctor_starts_the_embedded_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with tempfile.TemporaryDirectory(prefix="sceneql-doctor-") as home:
        monkeypatch.setenv("SCENEQL_HOME", home)

        shown = sceneql("doctor")
        sceneql("db", "stop")

    assert "ok      database" in shown.stdout
    assert "wrong   schema" in shown.stdout
