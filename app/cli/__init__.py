"""`sceneql`: the command line. It reaches the workers only by starting them as processes."""

import logging
import sys

import click

from app import logs
from app.cli import (
    database,
    demo,
    doctor,
    library,
    meta,
    models,
    reindex,
    related,
    search,
    services,
    sources,
    status,
)
from app.failures import in_one_line


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sceneql", prog_name="sceneql")
def sceneql() -> None:
    """Search inside videos, in Postgres."""


sceneql.add_command(library.ingest)
sceneql.add_command(search.search)
sceneql.add_command(related.find)
sceneql.add_command(related.similar)
sceneql.add_command(related.embed)
sceneql.add_command(related.frames)
sceneql.add_command(status.status)
sceneql.add_command(doctor.doctor)
sceneql.add_command(library.rm)
sceneql.add_command(sources.sources)
sceneql.add_command(meta.meta)
sceneql.add_command(models.models)
sceneql.add_command(reindex.reindex)
sceneql.add_command(services.serve)
sceneql.add_command(services.worker)
sceneql.add_command(services.up)
sceneql.add_command(demo.demo)
sceneql.add_command(database.db)


def main() -> None:
    """Runs a command; what a person can mend ends as one line on standard error and status 2."""
    try:
        status = sceneql.main(prog_name="sceneql", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "sceneql"
        _fail(f"{error.format_message()} ({where} --help says what there is)")
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except Exception as error:
        line = in_one_line(error)
        if line is None:
            raise
        _fail(line)
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str) -> None:
    logs.say(message, logging.ERROR)
    sys.exit(2)
