"""Connections to the one Postgres, embedded or one's own."""

import re
from functools import lru_cache

import psycopg
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from app.config import Settings, get_settings
from app.embedded import EmbeddedPostgres
from app.errors import DatabaseUnavailableError


def embedded(settings: Settings) -> EmbeddedPostgres:
    """The embedded Postgres of the settings' home, running or not."""
    return EmbeddedPostgres(settings.home, settings.postgres_version)


def database_url(settings: Settings | None = None, *, start: bool = True) -> str:
    """The libpq address of the database; starts the embedded Postgres unless told not to."""
    settings = settings or get_settings()
    if settings.database_url:
        # Written for SQLAlchemy it names a driver, which other clients do not know.
        return re.sub(r"^(postgres(?:ql)?)\+\w+:", r"\1:", settings.database_url)
    server = embedded(settings)
    if start:
        server.start()
    return server.url()


def engine_for(url: str) -> Engine:
    """An engine for a libpq address; connections that died while idle are replaced unnoticed.

    Its sessions are in UTC, in which filters read dates, whatever the database is set to.
    """
    engine = create_engine(
        _with_driver(url),
        pool_pre_ping=True,
        # As many as the page has threads: one beyond is closed after each use, and the next has yet
        # to plan its functions.
        pool_size=8,
        connect_args={"application_name": "sceneql", "connect_timeout": 10},
    )
    _at_connect(engine, "SET TIME ZONE 'UTC'")
    return engine


def limited(engine: Engine, timeout_s: float) -> Engine:
    """An engine for the same database, whose statements are stopped after so many seconds.

    It has connections of its own: those of the other one stay as they are.
    """
    own = engine_for(address_of(engine))
    _at_connect(own, f"SET statement_timeout = {round(timeout_s * 1000)}")
    return own


def _at_connect(engine: Engine, statement: str) -> None:
    """Has each new connection begin so; as options of the connection poolers would refuse it."""

    @event.listens_for(engine, "connect")
    def run(driver: psycopg.Connection, _record: object) -> None:
        driver.execute(statement.encode())
        driver.commit()


def address_of(engine: Engine) -> str:
    """The libpq address of an engine's database, with its password if it has one."""
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


@lru_cache(maxsize=1)
def _default_engine() -> Engine:
    return engine_for(database_url())


def get_engine(settings: Settings | None = None) -> Engine:
    """The engine of this process, or one for other settings than the environment's."""
    return engine_for(database_url(settings)) if settings else _default_engine()


def _with_driver(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUnavailableError(
            "DATABASE_URL is no address; write it as postgresql://user:password@host/database"
        ) from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise DatabaseUnavailableError(
            f"DATABASE_URL points to {parsed.get_backend_name()}; SceneQL needs postgresql://..."
        )
    return parsed.set(drivername="postgresql+psycopg")
