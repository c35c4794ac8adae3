"""The SQL tests run on every major version of Postgres that is supported."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from app.model_catalog import ModelRow, models
from tests.conftest import VERSIONS, Databases
from tests.filling import Filled, fill
from tests.sql.indexed import DIM


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"postgres{version}")
def databases(
    request: pytest.FixtureRequest, databases_of: Callable[[int], Databases]
) -> Databases:
    return databases_of(request.param)


@pytest.fixture(scope="module")
def filled_engine(databases: Databases) -> Iterator[Engine]:
    engine = databases.create()
    yield engine
    databases.drop(engine)


@pytest.fixture(scope="module")
def filled(filled_engine: Engine) -> Filled:
    """A library of 200 videos with 50 frames each, in `filled_engine`."""
    return fill(filled_engine, videos=200, frames=50)


@pytest.fixture(scope="module")
def drawn(filled_engine: Engine) -> Filled:
    """4,000 frames, in `filled_engine`, of the fewest dimensions whose codes are worth an index."""
    return fill(filled_engine, videos=100, frames=40, dim=DIM)


@pytest.fixture
def model(filled_engine: Engine, drawn: Filled) -> ModelRow:
    with filled_engine.connect() as connection:
        return next(row for row in models(connection) if row.id == drawn.model_id)
