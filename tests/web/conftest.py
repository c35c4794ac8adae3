"""Pages over libraries of drawn vectors; where a real model is needed, tests use `library`.

Browser tests share one Chromium, and fail by a script's error or a break of the page's own policy.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import Engine, text

from app.web import create_app
from tests.conftest import Databases
from tests.filling import answer, fill
from tests.web.browsing import page_without_complaints
from tests.web.serving import Server, served

WAIT_MS = 20_000

SetFile = Callable[[Path], str]


@pytest.fixture(scope="session")
def drawn_library(databases: Databases) -> Iterator[Engine]:
    """60 videos of 2 scenes each, for tests that change nothing.

    "a red circle" asks for the frame at 7 s of video 4. No embedder runs.
    """
    engine = databases.create()
    filled = fill(engine, videos=60, frames=10)
    answer(engine, "a red circle", filled.vectors[3, 7])
    yield engine
    databases.drop(engine)


@pytest.fixture
def client(drawn_library: Engine) -> FlaskClient:
    """The page over the drawn library."""
    return create_app(drawn_library).test_client()


@pytest.fixture
def own_client(engine: Engine) -> FlaskClient:
    """The page over the test's own database, which is empty until the test fills it."""
    return create_app(engine).test_client()


@pytest.fixture
def set_file(engine: Engine) -> SetFile:
    """Fills the test's library with one video that lies at a path; returns its address."""

    def set_file(path: Path) -> str:
        fill(engine, videos=1)
        with engine.begin() as connection:
            connection.execute(text("UPDATE video_files SET path = :path"), {"path": str(path)})
            video_id = connection.execute(text("SELECT id FROM videos")).scalar_one()
        return f"/media/{video_id}"

    return set_file


@pytest.fixture(scope="module")
def server(library: Engine) -> Iterator[Server]:
    """The page over the library that the tiny model indexed, with an embedder that is warm."""
    flask = create_app(library)
    # The embedder loads its model with the first question, which may take longer than a test waits.
    warm = flask.test_client().get("/api/search", query_string={"q": "a blue square"})
    assert warm.status_code == 200
    with served(flask) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("SCENEQL_TEST_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: set SCENEQL_TEST_CHROMIUM or install Debian's chromium")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """The start page."""
    with page_without_complaints(browser, server) as page:
        page.goto("/")
        yield page
