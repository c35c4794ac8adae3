"""`sceneql serve`, `worker` and `up`: what keeps running."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import click
from sqlalchemy.exc import OperationalError

from app import logs
from app.cli.database import open_database
from app.cli.revival import Revival
from app.config import Settings, get_settings
from app.db import embedded, limited
from app.errors import DatabaseUnavailableError, SceneqlError
from app.failures import in_one_line
from app.supervisor import Service, end_with_parent, python_module, supervise, worker_command

WEB_THREADS = 8

EMBEDDER = Service("embedder", worker_command("embedder"))
# Ingest is a process of its own, and a niced one: a question never waits behind its batches.
INGEST = Service("ingest", worker_command("queue"))
SCANNER = Service("scanner", worker_command("scanner"))


WORKERS = (EMBEDDER, INGEST, SCANNER)


def listening(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that serves the page."""
    port = click.option(
        "--port", type=click.IntRange(1, 65535), help="Port to listen on; SCENEQL_PORT, else 8080."
    )
    host = click.option("--host", help="Address to listen on; SCENEQL_HOST, else 127.0.0.1.")
    return host(port(command))


@click.command()
@listening
def serve(host: str | None, port: int | None) -> int:
    """Serve the search page until Ctrl-C."""
    import waitress

    from app.web import create_app
    from app.web.server import server_options

    settings = listening_at(host, port)
    logs.configure(settings)
    if settings.supervised:
        end_with_parent()
    try:
        page = create_app(limited(open_database(), settings.query_timeout_s), settings)
    except (DatabaseUnavailableError, OperationalError) as error:
        if not settings.supervised:
            raise
        # It could be used when `sceneql up` began, so nobody is needed: this is started again.
        logs.say(in_one_line(error) or str(error), logging.ERROR)
        return 1
    try:
        server = waitress.create_server(
            page,
            host=settings.host,
            port=settings.port,
            threads=WEB_THREADS,
            **server_options(settings),
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SceneqlError(
            f"cannot listen on {settings.host}:{settings.port}: {reason}; try --host and --port"
        ) from error
    logs.say(f"the page is at http://{settings.host}:{settings.port}/ (Ctrl-C stops it)")
    server.run()
    return 0


@click.command()
@click.option(
    "--only",
    type=click.Choice([service.name for service in WORKERS]),
    help="Run one part alone, on a machine of its own.",
)
def worker(only: str | None) -> int:
    """Run the worker: embedder, ingest and scanner.

    The embedder answers questions, ingest takes files from the queue (SCENEQL_JOBS decoded at a
    time), and the scanner looks for new ones in the sources.
    """
    logs.configure(get_settings())
    open_database()
    services = [service for service in WORKERS if only in (None, service.name)]
    logs.say(f"running {' and '.join(service.name for service in services)} (Ctrl-C stops it)")
    return supervise(services, logs.say)


@click.command()
@listening
def up(host: str | None, port: int | None) -> int:
    """Run everything: database, worker and page. Ctrl-C stops all of it."""
    settings = listening_at(host, port)
    logs.configure(settings)
    open_database()
    return run_all(settings, WORKERS)


def run_all(settings: Settings, workers: Sequence[Service]) -> int:
    """Runs workers, page and embedded Postgres until Ctrl-C; returns the exit status."""
    address = ["--host", settings.host, "--port", str(settings.port)]
    services = [*workers, Service("page", python_module("app.cli", "serve", *address))]
    if settings.database_url:
        return supervise(services, logs.say)
    server = embedded(settings)
    try:
        return supervise(services, logs.say, each_round=Revival(server, logs.say).look)
    finally:
        server.stop()


def listening_at(host: str | None, port: int | None) -> Settings:
    """The settings with the address that the command line names, if it does.

    Raises SceneqlError where strangers could reach the page and nobody has said that they may.
    """
    given = {"host": host, "port": port}
    settings = get_settings().model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    if settings.is_open_to_strangers:
        raise SceneqlError(
            f"the page would be open to all who reach {settings.host or 'this machine'}: set "
            "SCENEQL_TOKEN to what they have to know, or SCENEQL_WITHOUT_LOGIN=1 if they may use it"
        )
    return settings
