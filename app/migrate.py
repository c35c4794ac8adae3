"""Brings a database to the present schema, settings and grants."""

import re
from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

import migrations
import sql
from app.config import Settings
from app.errors import DatabaseUnavailableError

SQL_FOLDER = Path(sql.__path__[0])
ROLES = Path(migrations.__path__[0]) / "installed" / "0001" / "roles.sql"
MIN_POSTGRES = 16
MIN_PGVECTOR = (0, 8)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrates up to a revision and configures; leaves a current database as it is.

    Raises DatabaseUnavailableError if the server is too old, or has no pgvector that is new enough.
    """
    _check_server(engine)
    config = alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    configure(engine)


def downgrade(engine: Engine, revision: str) -> None:
    """Migrates down to a revision; `base` leaves nothing but the extension and the roles."""
    config = alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def is_current(engine: Engine) -> bool:
    """Whether the database has the newest schema this version of the program knows.

    Raises DatabaseUnavailableError if its schema is of a newer version.
    """
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision not in _known_revisions():
        raise DatabaseUnavailableError(
            f"the database was made by a newer SceneQL (schema {revision}); update this one"
        )
    return revision == known_head()


@lru_cache(maxsize=1)
def known_head() -> str | None:
    """The newest schema that this version of the program knows."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


@lru_cache(maxsize=1)
def _known_revisions() -> frozenset[str]:
    known = ScriptDirectory.from_config(alembic_config())
    return frozenset(script.revision for script in known.walk_revisions())


def ensure_current(engine: Engine, settings: Settings) -> None:
    """Migrates the embedded database if need be; one's own is never changed without being asked.

    Raises DatabaseUnavailableError if one's own database has an older schema, or lacks the
    settings, as after a restore.
    """
    current = is_current(engine)
    if current and _is_configured(engine):
        return
    if settings.database_url:
        lacks = "SceneQL's settings" if current else "SceneQL's schema, or has an older one"
        raise DatabaseUnavailableError(f"the database lacks {lacks}; run: sceneql db upgrade")
    upgrade(engine)


def configure(engine: Engine) -> None:
    """Sets the database's settings, roles and grants; may be repeated at any time."""
    # A restore where the role was absent leaves functions as they are made: open to everybody.
    script = "\n".join([_sql("configure"), *function_grants()])
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            cursor.execute(script)
    # Sessions that were opened before know nothing of new settings.
    engine.dispose()


def create_roles(engine: Engine) -> None:
    """Makes the roles that the schema grants to, where they are absent."""
    with engine.begin() as connection:
        connection.exec_driver_sql(ROLES.read_text(encoding="utf-8"))


def function_grants() -> tuple[str, ...]:
    """The statements that say who may run which function, as the files in sql/ have them."""
    statement = re.compile(
        r"^(?:REVOKE|GRANT)\b[^;]*\bON (?:FUNCTION|PROCEDURE)\b[^;]*;", re.MULTILINE
    )
    return tuple(
        grant
        for file in sorted(SQL_FOLDER.glob("*.sql"))
        for grant in statement.findall(file.read_text(encoding="utf-8"))
    )


def database_settings() -> dict[str, str]:
    """The settings of the database that sql/configure.sql makes, by name."""
    return dict(re.findall(r"^\s*\('([\w.]+)', '([^']*)'\)", _sql("configure"), re.MULTILINE))


def analyst_tables() -> tuple[str, ...]:
    """The tables and views that an analyst may read."""
    granted = re.search(r"GRANT SELECT ON ([^;]*) TO sceneql_analyst;", _sql("configure"))
    assert granted
    return tuple(re.split(r",\s*", granted[1]))


def analyst_functions() -> tuple[str, ...]:
    """The functions and procedures that an analyst may run, with their arguments' types."""
    granted = re.compile(
        r"GRANT EXECUTE ON (?:FUNCTION|PROCEDURE)\s(.*?)\s+TO sceneql_analyst", re.S
    )
    found = (granted.match(grant) for grant in function_grants())
    return tuple(" ".join(match[1].split()) for match in found if match)


def _sql(name: str) -> str:
    return (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def _is_configured(engine: Engine) -> bool:
    """Whether the settings are in force, which a restore or a migration cut short leaves out."""
    with engine.connect() as connection:
        # The server knows the settings of the extension only once its library is loaded.
        connection.execute(text("SELECT '[1]'::vector"))
        return bool(
            connection.execute(
                text(
                    "SELECT current_setting('hnsw.iterative_scan') <> 'off' "
                    "AND to_regrole('sceneql_analyst') IS NOT NULL"
                )
            ).scalar_one()
        )


def _check_server(engine: Engine) -> None:
    with engine.connect() as connection:
        server, vector, installed = connection.execute(
            text(
                "SELECT current_setting('server_version_num')::int / 10000, default_version, "
                "installed_version FROM (SELECT) AS server "
                "LEFT JOIN pg_available_extensions ON name = 'vector'"
            )
        ).one()
    least = ".".join(map(str, MIN_PGVECTOR))
    if server < MIN_POSTGRES:
        raise DatabaseUnavailableError(
            f"the server is PostgreSQL {server}; SceneQL needs {MIN_POSTGRES} or newer"
        )
    if vector is None or _is_old(vector):
        raise DatabaseUnavailableError(
            f"the server has {f'pgvector {vector}' if vector else 'no pgvector'}; "
            f"install pgvector {least} or newer there"
        )
    if installed is not None and _is_old(installed):
        raise DatabaseUnavailableError(
            f"the database has pgvector {installed}, and SceneQL needs {least} or newer; "
            "run in the database: ALTER EXTENSION vector UPDATE"
        )


def _is_old(pgvector: str) -> bool:
    return tuple(map(int, pgvector.split(".")[:2])) < MIN_PGVECTOR


def alembic_config() -> Config:
    """Alembic's configuration, wherever the program is installed."""
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0])
    return config
