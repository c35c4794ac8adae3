"""Backup and restore of the whole library, by Postgres's own pg_dump and pg_restore."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy import Engine, make_url, text

from app.db import address_of
from app.embedded import program_for
from app.errors import SceneqlError
from app.migrate import create_roles, upgrade

TABLES = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""
# Only an extension's owner may comment on it, and a restore need not be his.
NOT_OURS = re.compile(r" COMMENT - EXTENSION ")


def backup(engine: Engine, file: Path) -> None:
    """Writes everything the library holds, but no media file, to `file`: all of it or none.

    Raises SceneqlError when pg_dump fails; a former `file` is left as it was then.
    """
    partial = file.with_name(f"{file.name}.partial")
    try:
        _run(engine, "pg_dump", "--format=custom", f"--file={partial.absolute()}")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def restore(engine: Engine, file: Path) -> None:
    """Fills an empty database from a backup, brings it to the present schema and configures it.

    All of it or nothing is restored. Raises SceneqlError if the database holds any table, or
    pg_restore fails.
    """
    with engine.connect() as connection:
        tables = connection.execute(text(TABLES)).scalar_one()
    if tables:
        raise SceneqlError(
            f"the database holds {tables} tables already; a backup is restored into an empty one: "
            "name one by DATABASE_URL, or a new folder by SCENEQL_HOME"
        )
    # Roles belong to the cluster: a dump grants to them, but does not make them.
    create_roles(engine)
    listed = _run(engine, "pg_restore", "--list", str(file.absolute()), is_local=True)
    with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted:
        wanted.write("".join(line for line in listed.splitlines(True) if not NOT_OURS.search(line)))
        wanted.flush()
        options = ["--no-owner", "--single-transaction", f"--use-list={wanted.name}"]
        _run(engine, "pg_restore", *options, str(file.absolute()))
    upgrade(engine)


def _run(engine: Engine, name: str, *options: str, is_local: bool = False) -> str:
    """The output of a Postgres program on the engine's database, or on none if it is local."""
    url = make_url(address_of(engine))
    database = [] if is_local else [f"--dbname={url.set(password=None).render_as_string()}"]
    # In the environment, because everybody can read the command lines of others.
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    done = subprocess.run(
        [_program(engine, name), *database, *options],
        env=os.environ | password,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise SceneqlError(f"{name} failed: {said[0] if said else 'it does not say why'}")
    return done.stdout


def _program(engine: Engine, name: str) -> str:
    with engine.connect() as connection:
        server = connection.execute(
            text("SELECT current_setting('server_version_num')::int / 10000")
        ).scalar_one()
    found = program_for(server, name) or shutil.which(name)
    if found is None:
        raise SceneqlError(f"there is no {name} for PostgreSQL {server}: install its client")
    return str(found)
