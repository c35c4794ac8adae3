"""Brings a database to the present schema, settings and grants."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

import migrations
import sql
from app.config import Settings
from app.errors import DatabaseUnavailableError

SQL_FOLDER = Path(sql.__path__[0])


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrates up to a revision and configures; leaves a current database as it is.

    Raises DatabaseUnavailableError if the server has no pgvector or the role may not install it.
    """
    config = alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except DBAPIError as error:
            if "vector" in str(error.orig) and "extension" in str(error.orig):
                raise DatabaseUnavailableError(
                    f"pgvector cannot be installed ({str(error.orig).splitlines()[0]}); have a "
                    "superuser run: CREATE EXTENSION vector"
                ) from error
            raise
    configure(engine)


def downgrade(engine: Engine, revision: str) -> None:
    """Migrates down to a revision; `base` leaves nothing but the extension and the roles."""
    config = alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def is_current(engine: Engine) -> bool:
    """Whether the database has the newest schema this version of the program knows."""
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest


def ensure_current(engine: Engine, settings: Settings) -> None:
    """Migrates the embedded database if need be; one's own is never changed without being asked.

    Raises DatabaseUnavailableError if one's own database has an older schema.
    """
    if is_current(engine):
        return
    if settings.database_url:
        raise DatabaseUnavailableError(
            "the database has an older schema than this program; run: sceneql db upgrade"
        )
    upgrade(engine)


def configure(engine: Engine) -> None:
    """Sets the database's settings, roles and grants; may be repeated at any time."""
    script = (SQL_FOLDER / "configure.sql").read_text(encoding="utf-8")
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            cursor.execute(script)
    # Sessions that were opened before know nothing of new settings.
    engine.dispose()


def alembic_config() -> Config:
    """Alembic's configuration, wherever the program is installed."""
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0])
    return config
