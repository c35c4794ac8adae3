"""`sceneql search`: a question on the command line, its answer as a table, JSON or a sheet."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from app import search as searching
from app.asking import GROUPS, MAX_GAP_S, FrameKey, Group, Question
from app.catalog import find_video, frame_at
from app.cli.children import temporary_embedder
from app.cli.database import open_database
from app.cli.sheet import save_sheet
from app.cli.wording import clock, score, span
from app.errors import BadRequestError, EmbedderAbsentError
from app.search import Answer, Hit

Asked = TypeVar("Asked")


@click.command()
@click.argument("text", metavar="[WORDS]", required=False)
@click.option(
    "--image", metavar="FILE", type=click.Path(path_type=Path), help="A picture to search with."
)
@click.option(
    "--where",
    metavar="FILTER",
    help="Only in videos for which this holds, such as: collection = news and tags in (beach, "
    "city) and recorded_at >= 2026-01-01 and metadata.camera != GoPro",
)
@click.option(
    "--not", "unwanted", metavar="WORDS", multiple=True, help="What the picture should not show."
)
@click.option(
    "--keywords", metavar="WORDS", help="Look for these in titles, tags and subtitles as well."
)
@click.option(
    "--like", metavar="VIDEO@TIME", help="What looks like this moment, such as: holiday.mp4@1:02.5"
)
@click.option("--then", metavar="WORDS", help="What has to follow in the same video.")
@click.option(
    "--gap", default=MAX_GAP_S, show_default=True, help="Within how many seconds it has to follow."
)
@click.option(
    "--group",
    type=click.Choice(GROUPS),
    default="scene",
    show_default=True,
    help="List scenes, videos with their best scenes, or every frame by itself.",
)
@click.option(
    "--min-similarity",
    type=float,
    help="Leave out what has a lower score; it depends on the model.",
)
@click.option(
    "--min-z", type=float, help="Leave out what stands out less from the library; 3 to 5 is usual."
)
@click.option("--exact", is_flag=True, help="Measure every frame instead of asking the index.")
@click.option("--limit", default=20, show_default=True, help="How many hits at most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--sheet",
    metavar="FILE.png",
    type=click.Path(path_type=Path),
    help="Also save the hits as pictures.",
)
def search(
    text: str | None,
    image: Path | None,
    where: str | None,
    unwanted: tuple[str, ...],
    keywords: str | None,
    like: str | None,
    then: str | None,
    gap: float,
    group: Group,
    min_similarity: float | None,
    min_z: float | None,
    exact: bool,
    limit: int,
    as_json: bool,
    sheet: Path | None,
) -> None:
    """Find moments by words such as "a red circle", by a picture, or by both together."""
    picture = read_image(image) if image else None
    engine = open_database()
    words = with_unwanted(text, unwanted)
    if then is not None and not then.strip():
        raise BadRequestError("a sequence needs words for what comes first and what follows")
    question = Question(
        text=words or "",
        image="" if picture is None else picture,
        keywords=keywords or "",
        like=frame_key(engine, like) if like else None,
        then=then or "",
        gap_s=gap,
        where=where or "",
        group=group,
        min_similarity=min_similarity,
        min_z=min_z,
        exact=exact,
        limit=limit,
    )
    answer = with_embedder(engine, lambda: searching.search(engine, question))
    if as_json:
        print(json.dumps(as_object(answer), ensure_ascii=False))
    else:
        print_answer(answer)
    if sheet:
        save_sheet(engine, answer.hits, sheet)


def with_unwanted(text: str | None, unwanted: Sequence[str]) -> str | None:
    """The question with -"..." for each thing that is not wanted."""
    parts = [text or "", *(f'-"{words.replace(chr(34), " ")}"' for words in unwanted)]
    return " ".join(filter(None, parts)) or None


def frame_key(engine: Engine, moment: str) -> FrameKey:
    """The frame of VIDEO@TIME, the time in seconds or as a player shows it."""
    name, at, time = moment.rpartition("@")
    fields = time.split(":")
    try:
        t_s = sum(float(part) * 60**place for place, part in enumerate(reversed(fields)))
    except ValueError:
        t_s = math.nan
    if not math.isfinite(t_s) or not at or not name or len(fields) > 3:
        raise BadRequestError(f"{moment!r} is no moment; write VIDEO@TIME, as in holiday.mp4@1:02")
    video_id = find_video(engine, name)
    return FrameKey(video_id, frame_at(engine, video_id, t_s))


def with_embedder(engine: Engine, question: Callable[[], Asked]) -> Asked:
    """Asks, with an embedder of its own if none is running and one is needed."""
    try:
        return question()
    except EmbedderAbsentError:
        with temporary_embedder(engine):
            return question()


def read_image(path: Path) -> bytes:
    """The bytes of a picture file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequestError(f"{path} cannot be read: {error.strerror}") from error


def print_answer(answer: Answer) -> None:
    """The hits as a table on standard output, remarks on standard error."""
    remarks = Console(stderr=True)
    for warning in answer.warnings:
        remarks.print(f"[yellow]{warning}[/]", soft_wrap=True)
    if answer.unknown_words:
        words = ", ".join(answer.unknown_words)
        remarks.print(f"[yellow]the model never saw: {words}[/]", soft_wrap=True)
    if answer.hits:
        table = pairs_table if answer.hits[0].then else table_of
        Console().print(table(answer.hits))
    else:
        remarks.print("nothing found")


def show(table: Table, found: Sequence[Any], as_json: bool) -> None:
    """What was found as a table, or as a JSON array; nothing found is a remark."""
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False))
    elif found:
        Console().print(table)
    else:
        Console(stderr=True).print("nothing found")


def pairs_table(pairs: Sequence[Hit]) -> Table:
    """Moments and what follows each, best first."""
    table = new_table()
    for name in ("first", "then"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("scores", no_wrap=True)
    table.add_column("video", overflow="fold")
    table.add_column("file", style="dim", overflow="fold")
    for hit in pairs:
        if hit.then is not None:
            table.add_row(
                clock(hit.t_s),
                clock(hit.then.t_s),
                f"{hit.similarity:.3f} {hit.then.similarity:.3f}",
                Text(hit.title),
                Text(Path(hit.path).name),
            )
    return table


def new_table() -> Table:
    """A plain table, as all commands print them."""
    return Table(box=None, pad_edge=False, header_style="bold")


def table_of(hits: Sequence[Hit]) -> Table:
    """The hits, best first: score, time range, video and the name of its file."""
    table = new_table()
    table.add_column("score", justify="right")
    table.add_column("z", justify="right")
    table.add_column("moment", no_wrap=True)
    table.add_column("video", overflow="fold")
    table.add_column("file", style="dim", overflow="fold")
    for hit in hits:
        # As Text: a title in square brackets is no markup.
        name = Text(Path(hit.path).name)
        z = "" if hit.z is None else f"{hit.z:.1f}"
        table.add_row(score(hit), z, span(hit), Text(hit.title), name)
    return table


def as_object(answer: Answer) -> dict[str, object]:
    """The answer as JSON takes it."""
    hits = [
        {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in asdict(hit).items()
        }
        for hit in answer.hits
    ]
    return asdict(answer) | {"hits": hits}
