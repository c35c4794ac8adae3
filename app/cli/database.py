"""`sceneql db ...`: the database behind the library."""

import os
import shutil
import sys

import click
from sqlalchemy import Engine, make_url

from app.config import get_settings
from app.db import database_url, embedded, get_engine
from app.errors import DatabaseUnavailableError
from app.migrate import ensure_current, upgrade


@click.group()
def db() -> None:
    """The database: its address, a psql, stop, upgrade."""


def open_database() -> Engine:
    """The engine of the settings' database, started and at the present schema."""
    settings = get_settings()
    engine = get_engine()
    ensure_current(engine, settings)
    return engine


@db.command()
def url() -> None:
    """Print the address that psql and other clients take; starts the embedded Postgres."""
    open_database()
    print(database_url())


@db.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("options", metavar="[PSQL OPTIONS]...", nargs=-1, type=click.UNPROCESSED)
def psql(options: tuple[str, ...]) -> None:
    """Open psql on the database, the embedded Postgres's own psql if there is no other."""
    open_database()
    settings = get_settings()
    program = shutil.which("psql") if settings.database_url else None
    if program is None:
        program = str(embedded(settings).binary("psql"))
    url = make_url(database_url())
    # In the environment, because everybody can read the command lines of others.
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    address = url.set(password=None).render_as_string()
    os.execve(program, [program, address, *options], os.environ | password)


@db.command()
def stop() -> None:
    """Stop the embedded Postgres; the next command starts it again."""
    settings = get_settings()
    if settings.database_url:
        raise DatabaseUnavailableError(
            "DATABASE_URL points to a Postgres of your own; stop it the way you started it"
        )
    stopped = embedded(settings).stop()
    print("stopped" if stopped else "was not running", file=sys.stderr)


@db.command(name="upgrade")
def upgrade_schema() -> None:
    """Bring the database to the present schema, settings and grants."""
    upgrade(get_engine())
    print("the database is up to date", file=sys.stderr)
