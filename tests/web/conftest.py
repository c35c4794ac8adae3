"""Pages over libraries of drawn vectors; where a real model is needed, tests use `library`."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from app.web import create_app
from tests.conftest import Databases
from tests.filling import answer, fill


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
