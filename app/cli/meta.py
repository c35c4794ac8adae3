"""`sceneql meta ...`: what people say about videos, which the indexing leaves as it is."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from app.catalog import find_video
from app.cli.database import open_database
from app.cli.search import new_table
from app.edit_table import read_table
from app.edits import (
    METADATA,
    Change,
    Edit,
    apply_edits,
    fields_of_video,
    read_assignment,
    storable,
    videos_where,
)
from app.errors import BadRequestError


@click.group()
def meta() -> None:
    """Titles, tags and the like: set them, show them, import them from a table.

    What you set stays when a file or its sidecar is read again.
    """


@meta.command(name="set")
@click.argument("arguments", metavar="VIDEO... FIELD=VALUE...", nargs=-1, required=True)
@click.option("--where", metavar="FILTER", help="All videos for which this holds.")
def set_fields(arguments: tuple[str, ...], where: str | None) -> None:
    """Set fields of videos, named by id, path, file name or title, or chosen by --where.

    Fields are title, description, collection, recorded_at (2026-01-31T18:00) and tags (a,b; tags+=a
    adds, tags-=a takes away). Any other name is a key of the metadata, also as metadata.NAME:
    numbers, true and false are kept as such, all else as text. An empty value removes. Name a video
    whose name has an = in it by its id.
    """
    read = [(argument, read_assignment(storable(argument, "a word"))) for argument in arguments]
    names = [argument for argument, change in read if change is None]
    changes = [change for _, change in read if change is not None]
    if not changes:
        raise BadRequestError("there is nothing to set; write FIELD=VALUE, such as title=Harbour")
    if bool(names) == (where is not None):
        raise BadRequestError("name the videos, or give --where FILTER, but not both")
    engine = open_database()
    if where is None:
        ids = [find_video(engine, name, watchable=False) for name in names]
    else:
        ids = videos_where(engine, where)
    applied = _apply([(video_id, changes) for video_id in dict.fromkeys(ids)])
    _say(f"{_in_words(changes)}: {applied}")


@meta.command()
@click.argument("video", metavar="VIDEO")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(video: str, as_json: bool) -> None:
    """Show all that is known of VIDEO, and what of it people set."""
    engine = open_database()
    name = storable(video, "the video's name")
    fields = fields_of_video(engine, find_video(engine, name, watchable=False))
    if as_json:
        print(json.dumps(fields, ensure_ascii=False, default=_plain))
        return
    edited = set(fields.pop("edited"))
    metadata = fields.pop("metadata")
    files = fields.pop("files")
    table = new_table()
    for column in ("field", "value", "set by"):
        table.add_column(column, overflow="fold")
    rows = fields | {METADATA + key: metadata[key] for key in sorted(metadata)}
    removed = dict.fromkeys(sorted(edited - rows.keys()))
    for name, value in (rows | removed).items():
        if value is not None or name in edited:
            by = Text("a person", style="green") if name in edited else ""
            table.add_row(Text(name), Text(_shown(value)), by)
    for path in files:
        table.add_row("file", Text(path), "")
    Console().print(table)


@meta.command(name="import")
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Check and count only; change nothing.")
@click.option("--skip-unknown", is_flag=True, help="Leave out rows whose video is not indexed.")
@click.option("--remove-empty", is_flag=True, help="An empty cell removes what the field has.")
def import_table(file: Path, dry_run: bool, skip_unknown: bool, remove_empty: bool) -> int:
    """Set fields of videos from a CSV file, one row per video; all rows or none.

    The first row names the columns: id, path or file names the video, where a path may start from
    the file's own folder; all others are fields as in `sceneql meta set`, also as tags+ and tags-.
    The exit status is 1 if a row is wrong; then nothing is changed.
    """
    table = read_table(open_database(), file, remove_empty=remove_empty)
    for line in table.wrong:
        _say(line)
    for line in table.unknown:
        _say(f"{line}; left out" if skip_unknown else f"{line}; index it, or use --skip-unknown")
    wrong = len(table.wrong) + (0 if skip_unknown else len(table.unknown))
    if wrong:
        _say(f"nothing was changed: {_count(wrong, 'row')} to be mended")
        return 1
    applied = _apply(table.edits, dry_run=dry_run)
    _say(f"a trial, nothing was changed: {applied}" if dry_run else applied)
    return 0


def _apply(edits: Sequence[Edit], *, dry_run: bool = False) -> str:
    """Applies the edits with a bar on a terminal if there are many; says how many they were."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=len(edits) < 1000) as bar:
        task = bar.add_task("videos", total=len(edits))
        applied = apply_edits(
            open_database(),
            edits,
            dry_run=dry_run,
            on_progress=lambda done: bar.update(task, completed=done),
        )
    same = f", {applied.unchanged:,} had this already" if applied.unchanged else ""
    return f"{_count(applied.changed, 'video')} changed{same}"


def _in_words(changes: Sequence[Change]) -> str:
    removed = [change.field for change in changes if change.value in (None, ())]
    others = [change.field for change in changes if change.field not in removed]
    parts = (("set", others), ("removed", removed))
    return "; ".join(f"{done} {', '.join(dict.fromkeys(to))}" for done, to in parts if to)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _say(line: str) -> None:
    Console(stderr=True).print(Text(line), soft_wrap=True)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "(none)"
        case str():
            return value
        case datetime():
            return value.isoformat(sep=" ")
        case list() if all(isinstance(item, str) for item in value):
            return ", ".join(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _plain(value: object) -> str:
    """What JSON knows no type for: times."""
    assert isinstance(value, datetime)
    return value.isoformat()
