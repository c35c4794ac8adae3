"""`sceneql ingest` and `rm`: what goes into the library, and what out of it."""

import sys
from pathlib import Path

import click

from app.cli.children import run
from app.cli.database import open_database
from app.errors import BadRequestError
from app.removal import find_removable, remove_videos
from app.supervisor import worker_command

SHOWN = 20


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
    """Index videos. Files that are already indexed are left alone, unless a sidecar has changed.

    A sidecar NAME.json or NAME.yaml beside NAME.mp4 may hold title, description, collection, tags,
    recorded_at and metadata; NAME.srt or NAME.vtt the subtitles. What sceneql meta has set stays.
    The exit status is 1 if anything failed.
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


@click.command()
@click.argument("videos", metavar="[VIDEO]...", nargs=-1)
@click.option("--where", help="Filter, such as: collection = news and duration_s < 5")
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm(videos: tuple[str, ...], where: str | None, yes: bool) -> int:
    """Take videos out of the index, by id, path, folder or filter. No file is deleted.

    Scans pass their files over from now on; `sceneql ingest FILE` indexes one again.
    """
    if not videos and where is None:
        raise BadRequestError("name videos by id or path, or choose them with --where FILTER")
    engine = open_database()
    chosen = find_removable(engine, videos, where)
    for video in chosen[:SHOWN]:
        print(f"{video.id:>6}  {video.title}  {', '.join(video.paths)}", file=sys.stderr)
    if len(chosen) > SHOWN:
        print(f"and {len(chosen) - SHOWN:,} more", file=sys.stderr)
    if not chosen:
        print("no video fits the filter", file=sys.stderr)
        return 1
    if not yes:
        if not sys.stdin.isatty():
            raise BadRequestError("nobody is there to be asked; say --yes to remove them")
        click.confirm(f"Take {len(chosen):,} out of the index?", abort=True, err=True)
    removed = remove_videos(engine, [video.id for video in chosen])
    print(f"{removed:,} removed from the index; the files are where they were", file=sys.stderr)
    return 0
