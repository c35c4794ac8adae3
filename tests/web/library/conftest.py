"""Libraries for the pages of /library: one that is only looked at, and one to change."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.web import create_app
from tests.conftest import Databases
from tests.keeping import add_video


@pytest.fixture(scope="module")
def shelf(databases: Databases) -> Iterator[Engine]:
    """Videos of all states, for tests that change nothing."""
    engine = databases.create()
    add_video(
        engine, "Circles", tags="'{beach,red circle}'", duration_s="60",
        recorded_at="'2026-03-01T12:00Z'", collection="'Shapes'", indexed_at="'2026-05-01'",
        description="'Drawn by hand'", metadata="""'{"camera": "GoPro", "lens": {"mm": 35}}'""",
    )  # fmt: skip
    add_video(engine, "alpine_walk", duration_s="10", recorded_at="'2026-04-01T12:00Z'",
              indexed_at="'2026-05-03'")  # fmt: skip
    add_video(engine, "Broken", status="'failed'", error="'the file ends too early'",
              duration_s="NULL", indexed_at="'2026-05-02'")  # fmt: skip
    add_video(engine, "Gone", duration_s="30", indexed_at="'2026-05-04'")
    add_video(engine, "Waiting", status="'pending'", duration_s="NULL", indexed_at="'2026-05-05'")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO video_files (path, video_id, state) "
                "SELECT '/films/100%/' || title || '.mp4', id, "
                "CASE title WHEN 'Gone' THEN 'missing' ELSE 'present' END FROM videos"
            )
        )
        connection.execute(
            text("INSERT INTO video_files (path, error) VALUES ('/films/no.mp4', 'is not a file')")
        )
    yield engine
    databases.drop(engine)


@pytest.fixture(scope="module")
def shelf_client(shelf: Engine) -> FlaskClient:
    return create_app(shelf).test_client()


@pytest.fixture(scope="module")
def own_library(databases: Databases) -> Iterator[Engine]:
    engine = databases.create()
    yield engine
    databases.drop(engine)


@pytest.fixture
def engine(own_library: Engine) -> Engine:
    """A library for tests that change something; each finds it empty."""
    with own_library.begin() as connection:
        connection.execute(text("SET LOCAL search_path = public, procrastinate"))
        connection.execute(text("DELETE FROM procrastinate_jobs"))
        connection.execute(text("DELETE FROM procrastinate_workers"))
        connection.execute(text("TRUNCATE videos, sources RESTART IDENTITY CASCADE"))
    return own_library


@pytest.fixture(scope="module")
def own_app(own_library: Engine) -> Flask:
    # Its pages are compiled once for all tests.
    return create_app(own_library)


@pytest.fixture
def own_client(own_app: Flask, engine: Engine) -> FlaskClient:
    """The page over the engine's library, which is empty until the test fills it."""
    assert own_app.extensions["sceneql"] is engine
    return own_app.test_client()


@pytest.fixture(scope="module")
def client(drawn_library: Engine) -> FlaskClient:
    """The page over the drawn library."""
    return create_app(drawn_library).test_client()


@pytest.fixture
def three(own_client: FlaskClient, engine: Engine) -> FlaskClient:
    """The page over three videos of the test's own, with the ids 1 to 3."""
    for title in ("one", "two", "three"):
        add_video(engine, title, tags="'{old,kept}'", metadata="""'{"camera": "GoPro"}'""")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO video_files (path, video_id) SELECT '/v/' || title || '.mp4', id "
                "FROM videos"
            )
        )
    return own_client
