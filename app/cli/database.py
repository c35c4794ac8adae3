"""`sceneql db ...`: the database behind the library."""

import os
import shutil
import sys
from pathlib import Path

import click
from sqlalchemy import Engine, make_url

from app import backup as backups
from app.config import get_settings
from app.db import database_url, embedded, get_engine
from app.errors import DatabaseUnavailableError
from app.migrate import ensure_current, upgrade


@click.group()
def db() -> None:
    """The database: its address, a psql, stop, upgrade, backup, restore."""


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


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write the whole library to FILE, by pg_dump; media files are not in it.

    Nothing has to be stopped: the backup is of the moment at which it began.
    """
    backups.backup(open_database(), file)
    print(f"{file}: {file.stat().st_size / 1e6:,.1f} MB", file=sys.stderr)


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Fill an empty database from a backup, with its settings, roles and grants."""
    backups.restore(get_engine(), file)
    print("the library is restored; `sceneql doctor` checks it", file=sys.stderr)
