"""The SQL tests run on every major version of Postgres that is supported."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from tests.conftest import VERSIONS, Databases
from tests.filling import Filled, fill


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
