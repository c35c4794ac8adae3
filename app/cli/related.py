"""`sceneql find`, `similar`, `embed` and `frames`: what is like a file or an indexed video."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.catalog import find_video, list_frames, thumbnail
from app.cli.children import run
from app.cli.database import open_database
from app.cli.search import new_table, show
from app.cli.wording import clock
from app.errors import BadRequestError
from app.related import Copy, SimilarVideo, find_fingerprints, similar_videos
from app.supervisor import worker_command


@click.command()
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per file.")
def find(files: tuple[Path, ...], as_json: bool) -> int:
    """Find videos of the library that contain a file, or a part of it of 5 s or more.

    The copy may be encoded anew, resized, cropped a little, mirrored, marked with a logo, or play a
    little faster or slower. The files need not be in the library. The exit status is 1 if a file
    could not be read.
    """
    engine = open_database()
    unread = 0
    console = Console()
    for file in files:
        with Console(stderr=True).status(f"reading {file.name}"):
            child = subprocess.run(
                worker_command("--quiet", "fingerprint", str(file.absolute())),
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
        if child.returncode:
            unread += 1
            continue
        prints = json.loads(child.stdout)
        copies = find_fingerprints(
            engine, prints["times_s"], [int(value, 16) for value in prints["hashes"]]
        )
        if as_json:
            found = [asdict(copy) for copy in copies]
            print(json.dumps({"file": str(file), "copies": found}, ensure_ascii=False))
            continue
        console.print(Text(str(file), style="bold"))
        console.print(copies_table(copies) if copies else "  in no video of the library")
    return 1 if unread else 0


def copies_table(copies: tuple[Copy, ...]) -> Table:
    """Where a file is in the library, and how it was changed from what is there."""
    table = new_table()
    table.add_column("  of the file", no_wrap=True)
    table.add_column("is in the video at", no_wrap=True)
    table.add_column("agreement", justify="right")
    table.add_column("changed", overflow="fold")
    table.add_column("video", overflow="fold")
    table.add_column("file", style="dim", overflow="fold")
    for copy in copies:
        changes = ["mirrored"] if copy.is_mirrored else []
        if abs(copy.speed - 1) > 0.015:
            changes.append(f"{copy.speed:.2f} times as fast")
        table.add_row(
            f"  {clock(copy.from_s)} - {clock(copy.to_s)}",
            f"{clock(copy.start_s)} - {clock(copy.end_s)}",
            f"{copy.agreement:.2f}",
            ", ".join(changes),
            Text(copy.title),
            Text(Path(copy.path).name),
        )
    return table


@click.command()
@click.argument("video", metavar="VIDEO")
@click.option("--where", metavar="FILTER", help="Only videos for which this holds.")
@click.option("--limit", default=20, show_default=True, help="How many videos at most.")
@click.option("--exact", is_flag=True, help="Measure every frame instead of asking the index.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def similar(video: str, where: str | None, limit: int, exact: bool, as_json: bool) -> None:
    """List the videos that show what VIDEO shows, named by its id, file or title."""
    engine = open_database()
    found = similar_videos(engine, find_video(engine, video), where=where, limit=limit, exact=exact)
    show(similar_table(found), found, as_json)


def similar_table(videos: tuple[SimilarVideo, ...]) -> Table:
    """Similar videos, most alike first, with the scene where they are so most."""
    table = new_table()
    table.add_column("score", justify="right")
    table.add_column("most alike at", no_wrap=True)
    table.add_column("video", overflow="fold")
    table.add_column("file", style="dim", overflow="fold")
    for video in videos:
        span = f"{clock(video.start_s)} - {clock(video.end_s)}"
        name = Text(Path(video.path).name)
        table.add_row(f"{video.similarity:.3f}", span, Text(video.title), name)
    return table


@click.command()
@click.argument(
    "file", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
def embed(file: Path) -> int:
    """Turn the frames of a clip into a question and print its key.

    In SQL it is asked by: SELECT * FROM search_clip('KEY'). It is kept for a while like any other
    question.
    """
    open_database()
    return run(worker_command("--quiet", "embed", str(file.absolute())))


@click.command()
@click.argument("video", metavar="VIDEO")
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the pictures go; made if need be.",
)
def frames(video: str, out: Path) -> None:
    """Save the indexed frames of VIDEO as JPEG files, named by their time in milliseconds."""
    engine = open_database()
    video_id = find_video(engine, video)
    indexed = list_frames(engine, video_id)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for frame_no, t_s in indexed:
            picture = thumbnail(engine, video_id, frame_no)
            if picture is not None:
                (out / f"{round(1000 * t_s):09d}.jpg").write_bytes(picture.data)
    except OSError as error:
        raise BadRequestError(f"the frames cannot be written to {out}: {error.strerror}") from error
    Console(stderr=True).print(f"{len(indexed)} frames saved to {out}", soft_wrap=True)
