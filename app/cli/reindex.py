"""`sceneql reindex`: the index that fits the size of the library, built while people search."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import Connection

from app import model_catalog
from app.cli.database import open_database
from app.config import get_settings
from app.errors import EmptyIndexError
from app.model_catalog import ModelRow
from app.vector_index import BuildProgress, Fit, Kind, build, fit, vector_indexes

LINE_EVERY_S = 10.0
LEAST_MEMORY_MB = 64


@click.command()
@click.argument("model", metavar="[NAME/PRETRAINED]", required=False)
@click.option(
    "--index",
    "kind",
    type=click.Choice([kind.value for kind in Kind]),
    help="halfvec holds whole vectors, ternary two bits of each number, binary its sign; without "
    "it the library's size decides.",
)
@click.option(
    "--memory",
    "memory_mb",
    metavar="MB",
    type=click.IntRange(LEAST_MEMORY_MB),
    help="How much the build may take; without it what it needs, up to half of what is free here.",
)
@click.option("--dry-run", is_flag=True, help="Say which index fits, and build nothing.")
def reindex(model: str | None, kind: str | None, memory_mb: int | None, dry_run: bool) -> None:
    """Build the index of a model anew, the kind that fits the size of the library.

    Searches and ingest go on meanwhile, with the former index until the new one is whole. An index
    over whole vectors is the more accurate one; where it and the vectors outgrow the memory that
    the server has for them, one over codes of two bits, a third as large, answers sooner. Ctrl-C
    loses nothing but what was built.
    """
    console = Console(stderr=True)
    engine = open_database()
    with engine.connect() as connection:
        row = model_catalog.find_model(connection, model) if model else _searched(connection)
        former = vector_indexes(connection, row.id)
        fitting = fit(connection, row, Kind(kind) if kind else None)
    _say(console, f"{row}: {_why(fitting, chosen=kind is not None)}")
    if dry_run:
        names = ", ".join(f"{one.kind}, {one.size_bytes / 1e6:,.1f} MB" for one in former) or "none"
        _say(console, f"it has: {names}")
        return
    memory_mb = memory_mb or _memory_mb(fitting)
    if memory_mb is not None and memory_mb < fitting.graph_bytes / 2**20:
        _say(
            console,
            f"the build takes {fitting.graph_bytes / 2**20:,.0f} MB and gets {memory_mb:,}: what "
            "does not fit takes many times longer; give it more by --memory",
        )
    started = time.monotonic()
    with _display(console) as show:
        built = build(engine, row, fitting.kind, on_progress=show, memory_mb=memory_mb)
    took = f"{built.size_bytes / 1e6:,.1f} MB in {time.monotonic() - started:,.0f} s"
    _say(console, f"the {built.kind} index is built: {took}")
    if built.kind is not Kind.HALFVEC:
        _say(
            console,
            "rankings use it: search_scenes(), rank_frames() and the page; ORDER BY distance over "
            "search_text() and the other streams reads all vectors now",
        )


def _searched(connection: Connection) -> ModelRow:
    model = model_catalog.searched_model(connection)
    if model is None:
        cure = "the first ingest decides: sceneql ingest FOLDER"
        raise EmptyIndexError(f"there is no model yet; {cure}")
    return model


def _why(fitting: Fit, *, chosen: bool) -> str:
    searched, cache = (
        f"{size / 2**30:,.1f} GB" for size in (fitting.searched_bytes, fitting.cache_bytes)
    )
    compared = (
        f"{fitting.frames:,} frames, with vectors and an index over them {searched}; "
        f"the server caches {cache}"
    )
    return f"{'asked for' if chosen else 'fits'}: a {fitting.kind} index ({compared})"


def _memory_mb(fitting: Fit) -> int | None:
    """What a build in the embedded Postgres may take; of another server the memory is not known."""
    if get_settings().database_url:
        return None
    free_mb = psutil.virtual_memory().available // 2**20 // 2
    return max(LEAST_MEMORY_MB, min(free_mb, round(1.1 * fitting.graph_bytes / 2**20)))


@contextmanager
def _display(console: Console) -> Iterator[Callable[[BuildProgress], None]]:
    """A bar on a terminal, now and then a line elsewhere."""
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("building the index", total=1.0)

        def show(progress: BuildProgress) -> None:
            bars.update(task, description=_describe(progress), completed=progress.done)

        yield show


def _lines(console: Console) -> Callable[[BuildProgress], None]:
    last_s = time.monotonic()

    def show(progress: BuildProgress) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= LINE_EVERY_S:
            last_s = time.monotonic()
            _say(console, f"{_describe(progress)}: {progress.done:.0%}")

    return show


def _describe(progress: BuildProgress) -> str:
    held_up = f", held up by {progress.waits_for}" if progress.waits_for else ""
    return f"{progress.phase}{held_up}"


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
