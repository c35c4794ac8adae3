"""`sceneql ingest`: what goes into the library."""

from pathlib import Path

import click

from app.cli.children import run, worker_command
from app.errors import BadRequestError


@click.command()
@click.argument(
    "paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--sampling",
    default="scenes:3",
    show_default=True,
    help="Which frames stand for a scene: scenes:N (N per scene), every:Ns (one every N seconds), "
    "or keyframes (only those the codec kept whole; quickest).",
)
@click.option("--collection", help="Collection of the videos whose sidecar file names none.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--background", is_flag=True, help="Only queue the files, for a running worker.")
def ingest(
    paths: tuple[Path, ...], sampling: str, collection: str | None, as_json: bool, background: bool
) -> int:
    """Index videos. Files that are already indexed are left alone.

    A sidecar NAME.json beside NAME.mp4 may hold title, description, collection, tags, recorded_at
    and metadata; NAME.srt or NAME.vtt the subtitles. The exit status is 1 if anything failed.
    """
    if background and as_json:
        raise BadRequestError("--background ends before there is a summary; leave --json out")
    arguments = ["enqueue" if background else "ingest", "--sampling", sampling]
    if collection:
        arguments += ["--collection", collection]
    if as_json:
        arguments.append("--json")
    arguments += ["--", *map(str, paths)]
    return run(worker_command(*arguments))
