"""`sceneql models ...`: the models of the library, and which of them searches use."""

import json
import sys
from dataclasses import asdict

import click
from rich.console import Console
from rich.text import Text
from sqlalchemy import Engine

from app import model_catalog
from app.cli.children import run
from app.cli.database import open_database
from app.cli.search import new_table
from app.config import get_settings
from app.errors import BadRequestError
from app.model_catalog import ModelRow, ModelState
from app.model_switch import lacking, switch
from app.supervisor import worker_command


@click.group()
def models() -> None:
    """The models: list them, add one beside the live one, switch, drop.

    A model turns pictures and words into vectors. Searches use one model at a time; another one can
    be filled meanwhile, and switched to, and back, in an instant.
    """


@models.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_models(as_json: bool) -> None:
    """Show each model: how many frames it covers, and what it takes on disk."""
    found = model_catalog.list_models(open_database())
    if as_json:
        print(json.dumps([asdict(model) for model in found]))
        return
    if not found:
        print("no model yet; the first ingest decides: sceneql ingest FOLDER")
        return
    table = new_table()
    table.add_column("model", overflow="fold")
    table.add_column("state")
    for name in ("dimensions", "frames", "of all", "on disk"):
        table.add_column(name, justify="right", no_wrap=True)
    for model in found:
        table.add_row(
            Text(model.model),
            _state(model),
            str(model.dim),
            f"{model.frames:,} of {model.all_frames:,}",
            _share(model),
            f"{model.size_bytes / 1e6:,.1f} MB",
        )
    Console().print(table)


@models.command()
@click.argument("model", metavar="NAME/PRETRAINED")
@click.option("--background", is_flag=True, help="Leave the filling to a running worker.")
def add(model: str, background: bool) -> int:
    """Add a model and fill it while searches go on with the one in use.

    NAME/PRETRAINED as open_clip lists them, such as PE-Core-B-16/meta, or tiny. Stopping it loses
    nothing: the same command goes on from there, and takes in what was indexed since.
    """
    open_database()
    options = ["--background"] if background else []
    return run(worker_command("fill", *options, "--", model))


@models.command()
@click.argument("model", metavar="NAME/PRETRAINED")
def activate(model: str) -> int:
    """Switch searches to a model of the library; what it lacks is filled first.

    What was asked in the last 30 days is at hand at once after the switch. The former model stays
    as it is: activate it to go back.
    """
    engine = open_database()
    with engine.connect() as connection:
        row = model_catalog.find_model(connection, model)
        former = model_catalog.searched_model(connection)
    if row.active:
        _say(f"searches use {row} already")
        return 0
    # More may come while it is filled, and until the very moment of the switch.
    while _lacks_anything(engine, row) or switch(engine, row, _say):
        if status := run(worker_command("prepare", "--", str(row))):
            return status
    _say(f"searches use {row} now")
    if former is not None:
        _say(f"go back at any time: sceneql models activate {former}")
    chosen = get_settings().model
    if chosen not in (None, str(row), row.name):
        _say(f"SCENEQL_MODEL still names {chosen}: unset it")
    return 0


@models.command()
@click.argument("model", metavar="NAME/PRETRAINED")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(model: str, yes: bool) -> None:
    """Drop a model that searches do not use, with all its vectors."""
    engine = open_database()
    with engine.connect() as connection:
        row = model_catalog.find_model(connection, model)
    if not yes and not row.active:
        if not sys.stdin.isatty():
            raise BadRequestError("nobody is there to be asked; say --yes to drop it")
        click.confirm(f"drop {row} with its vectors?", abort=True, err=True)
    model_catalog.drop_model(engine, row, _say)
    _say(f"{row} is dropped")


def _lacks_anything(engine: Engine, model: ModelRow) -> bool:
    with engine.connect() as connection:
        return bool(lacking(connection, model.id))


def _say(line: str) -> None:
    Console(stderr=True).print(line, highlight=False, markup=False, soft_wrap=True)


def _state(model: ModelState) -> str:
    if model.active:
        return "[green]searched[/]"
    return "[yellow]being filled[/]" if model.filling else "[dim]stands by[/]"


def _share(model: ModelState) -> str:
    if not model.all_frames:
        return ""
    # Rounded down: only all of them are 100 %.
    return f"{model.frames * 1000 // model.all_frames / 10:.1f} %"
