"""`sceneql sources ...`: the folders that the worker scans on schedule."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from app import sources as library
from app.cli.children import run
from app.cli.database import open_database
from app.paths import absolute
from app.sources import ORDERS, Rules, Source, add_source, duration_s, find_source
from app.supervisor import worker_command


@click.group()
def sources() -> None:
    """Folders that the worker scans on schedule: add, list, scan, pause, resume, remove."""


@sources.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--every", default="10m", show_default=True, help="From one scan to the next: 30s, 10m, 2h, 1d."
)
@click.option(
    "--collection",
    help="Collection of its videos; else the first folder below this one.",
)
@click.option(
    "--sampling", default="scenes:3", show_default=True, help="scenes:N, every:Ns or keyframes."
)
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="Only these files, as in .gitignore; may be repeated.",
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Not these files; may be repeated.")
@click.option(
    "--first",
    type=click.Choice(ORDERS),
    default="name",
    show_default=True,
    help="Which of many new files come first.",
)
@click.option(
    "--at-most",
    type=click.IntRange(1),
    help="Hand at most so many files to the workers at each scan.",
)
def add(folder: Path, every: str, **rules: Any) -> None:
    """Scan a folder from now on, or give a source other rules.

    New and changed files are indexed by `sceneql worker` or `sceneql up`, moved ones are found
    again, and what is gone is hidden until it is back. No file is ever changed.
    """
    path = absolute(folder.expanduser())
    new = add_source(open_database(), path, Rules(duration_s(every), **rules))
    done = "will be scanned" if new else "has new rules and is scanned"
    print(
        f"{path} {done} every {every} while a worker runs; for a scan now: sceneql sources scan",
        file=sys.stderr,
    )


@sources.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def show(as_json: bool) -> None:
    """Show the sources, their rules and how their last scan went."""
    found = library.list_sources(open_database())
    if as_json:
        print(json.dumps([_as_json(source) for source in found]))
        return
    if not found:
        print("there are no sources yet; add one: sceneql sources add FOLDER")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("id", "folder", "every", "collection", "sampling", "last scan", "found"):
        table.add_column(column, overflow="fold")
    for source in found:
        rules = source.rules
        table.add_row(
            str(source.id),
            str(source.path),
            "paused" if source.paused else in_words(rules.every_s),
            rules.collection or "(its folder's name)",
            rules.sampling,
            f"{source.scanned_at.astimezone():%Y-%m-%d %H:%M:%S}"
            if source.scanned_at
            else "not yet",
            source.error or ", ".join(f"{n:,} {kind}" for kind, n in (source.report or {}).items()),
        )
    Console().print(table, markup=False)


@sources.command()
@click.argument("names", metavar="[SOURCE]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def scan(names: tuple[str, ...], as_json: bool) -> int:
    """Scan sources now, by id or folder; without a name, all that are not paused.

    What is new is queued for a worker. The exit status is 1 if a source could not be looked at.
    """
    engine = open_database()
    ids = [str(find_source(engine, name).id) for name in names]
    return run(worker_command("scan", *(["--json"] if as_json else []), *ids))


@sources.command()
@click.argument("name", metavar="SOURCE")
def pause(name: str) -> None:
    """Stop scanning a source until it is resumed; files in the queue are still indexed."""
    engine = open_database()
    source = find_source(engine, name)
    library.pause_source(engine, source.id, paused=True)
    print(
        f"{source.path} is paused; go on with: sceneql sources resume {source.id}", file=sys.stderr
    )


@sources.command()
@click.argument("name", metavar="SOURCE")
def resume(name: str) -> None:
    """Go on scanning a source."""
    engine = open_database()
    source = find_source(engine, name)
    library.pause_source(engine, source.id, paused=False)
    print(f"{source.path} is scanned again", file=sys.stderr)


@sources.command()
@click.argument("name", metavar="SOURCE")
def remove(name: str) -> None:
    """Forget a source. Its videos stay in the index; `sceneql rm` removes those."""
    engine = open_database()
    source = find_source(engine, name)
    library.remove_source(engine, source.id)
    print(f"{source.path} is no source any more; its videos stay in the index", file=sys.stderr)


def in_words(seconds: int) -> str:
    """A length of time in the largest unit that it is a multiple of, such as 10m."""
    for unit, length_s in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % length_s == 0:
            return f"{seconds // length_s}{unit}"
    return f"{seconds}s"


def _as_json(source: Source) -> dict[str, Any]:
    return {
        "id": source.id,
        "path": str(source.path),
        **vars(source.rules),
        "paused": source.paused,
        "scanned_at": source.scanned_at.isoformat() if source.scanned_at else None,
        "due_at": source.due_at.isoformat(),
        "report": source.report,
        "error": source.error,
    }
