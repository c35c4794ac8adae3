"""/healthz and /metrics: what machines ask of the page."""

import pytest
from flask.testing import FlaskClient
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from app.config import Settings
from app.db import engine_for
from app.migrate import known_head
from app.web import create_app
from tests.conftest import Databases
from tests.filling import fill
from tests.keeping import add_job, add_source, add_video, add_worker

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def scrape(client: FlaskClient) -> dict[str, Metric]:
    """The metrics by name, as Prometheus's own parser reads them."""
    reply = client.get("/metrics")
    assert reply.status_code == 200
    assert reply.content_type.startswith("text/plain; version=")
    return {metric.name: metric for metric in text_string_to_metric_families(reply.text)}


def value(metrics: dict[str, Metric], name: str, **labels: str) -> float:
    """The one sample of a name that has these labels."""
    family = name.removesuffix("_total").removesuffix("_count")
    (found,) = (
        sample.value
        for sample in metrics[family].samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
    return found


def test_a_healthy_page_says_so_and_whether_an_embedder_runs(own_client: FlaskClient) -> None:
    reply = own_client.get("/healthz")

    assert reply.status_code == 200
    assert reply.json == {"status": "ok", "schema": known_head(), "embedder_running": False}


def test_a_database_that_is_down_is_unhealthy_with_its_reason_and_not_its_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reply = create_app(engine_for(NOWHERE), Settings()).test_client().get("/healthz")

    assert reply.status_code == 503
    assert reply.json is not None
    assert reply.json["status"] == "unavailable"
    assert reply.json["reason"].startswith("the database does not answer: start it")
    assert "127.0.0.1" not in reply.text
    assert "127.0.0.1" in caplog.text


def test_a_database_without_the_schema_is_unhealthy(databases: Databases) -> None:
    engine = databases.create_empty()

    reply = create_app(engine, Settings()).test_client().get("/healthz")

    assert reply.status_code == 503
    assert "sceneql db upgrade" in reply.text
    databases.drop(engine)


def test_a_database_of_a_newer_program_is_unhealthy(
    own_client: FlaskClient, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    reply = own_client.get("/healthz")

    assert reply.status_code == 503
    assert "made by a newer SceneQL" in reply.text


def test_the_metrics_count_the_library(own_client: FlaskClient, engine: Engine) -> None:
    fill(engine, videos=3, frames=10)
    add_video(engine, "broken", status="'failed'", error="'broken'")

    metrics = scrape(own_client)

    assert value(metrics, "sceneql_up") == 1
    assert value(metrics, "sceneql_videos", state="indexed") == 3
    assert value(metrics, "sceneql_videos", state="failed") == 1
    assert value(metrics, "sceneql_scenes") == 6
    assert value(metrics, "sceneql_frames") == 30
    assert value(metrics, "sceneql_database_size_bytes") > 1_000_000
    assert value(metrics, "sceneql_failures") == 1


def test_the_metrics_count_queue_sources_workers_and_questions(
    own_client: FlaskClient, engine: Engine
) -> None:
    fill(engine, videos=1)
    add_job(engine)
    add_job(engine)
    add_job(engine, "failed")
    add_worker(engine)
    add_worker(engine, heartbeat_s_ago=300)
    add_source(engine, "/a", scanned_at="now() - interval '200 s'")
    add_source(engine, "/b", scanned_at="now() - interval '1 day'", paused="true")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO query_embeddings (model_id, kind, key, payload, requested_at) "
                "SELECT id, 'text', 'key', 'a', now() - interval '30 s' FROM embedding_models"
            )
        )

    metrics = scrape(own_client)

    assert value(metrics, "sceneql_queue_jobs", task="ingest_file", status="todo") == 2
    assert value(metrics, "sceneql_queue_jobs", task="ingest_file", status="failed") == 1
    assert value(metrics, "sceneql_sources", state="ok") == 1
    assert value(metrics, "sceneql_sources", state="paused") == 1
    assert 199 < value(metrics, "sceneql_oldest_scan_age_seconds") < 260
    assert value(metrics, "sceneql_workers_alive") == 1
    assert value(metrics, "sceneql_embedder_up") == 0
    assert value(metrics, "sceneql_questions_unanswered") == 1
    assert 29 < value(metrics, "sceneql_oldest_question_age_seconds") < 90


def test_requests_are_counted_and_timed_by_endpoint_and_status(own_client: FlaskClient) -> None:
    own_client.get("/library")
    own_client.get("/library")
    own_client.get("/made/up/1")
    own_client.get("/made/up/2")
    own_client.get("/", headers={"Host": "attacker.example"})

    metrics = scrape(own_client)

    requests = "sceneql_http_requests_total"
    assert value(metrics, requests, endpoint="library.videos", status="200") == 2
    assert value(metrics, requests, endpoint="unknown", status="404") == 2
    assert value(metrics, requests, endpoint="pages.moments", status="400") == 1
    seconds = "sceneql_http_request_duration_seconds_count"
    assert value(metrics, seconds, endpoint="library.videos", status="200") == 2


def test_a_database_that_is_down_leaves_a_metric_that_says_so() -> None:
    client = create_app(engine_for(NOWHERE), Settings()).test_client()

    metrics = scrape(client)

    assert value(metrics, "sceneql_up") == 0
    assert "sceneql_videos" not in metrics


def test_no_metric_tells_what_a_file_is_called(own_client: FlaskClient, engine: Engine) -> None:
    add_source(engine, "/secret/folder", error="'/secret/folder is not mounted'")
    add_job(engine, "doing", "/secret/film.mp4")

    assert "secret" not in own_client.get("/metrics").text


def test_a_scraper_comes_by_address_or_by_a_name_that_is_allowed(engine: Engine) -> None:
    client = create_app(engine, Settings(allowed_hosts="web")).test_client()

    status = {
        host: client.get("/metrics", headers={"Host": host}).status_code
        for host in ("10.0.0.5:8080", "web:8080", "attacker.example")
    }

    assert status == {"10.0.0.5:8080": 200, "web:8080": 200, "attacker.example": 400}
