"""`sceneql search`: a question on the command line, its answer as a table, JSON or a sheet."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from app import search as searching
from app.cli.children import temporary_embedder
from app.cli.database import open_database
from app.cli.sheet import save_sheet
from app.cli.wording import span
from app.errors import BadRequestError, EmbedderAbsentError
from app.search import Answer, Hit


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
    limit: int,
    as_json: bool,
    sheet: Path | None,
) -> None:
    """Find moments by words such as "a red circle", by a picture, or by both together."""
    picture = read_image(image) if image else None
    engine = open_database()
    answer = ask(engine, text, picture, where, limit)
    if as_json:
        print(json.dumps(as_object(answer), ensure_ascii=False))
    else:
        print_answer(answer)
    if sheet:
        save_sheet(engine, answer.hits, sheet)


def ask(
    engine: Engine, text: str | None, image: bytes | None, where: str | None, limit: int
) -> Answer:
    """Searches, with an embedder of its own if none is running and one is needed."""
    try:
        return searching.search(engine, text=text, image=image, where=where, limit=limit)
    except EmbedderAbsentError:
        with temporary_embedder(engine):
            return searching.search(engine, text=text, image=image, where=where, limit=limit)


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
        Console().print(table_of(answer.hits))
    else:
        remarks.print("nothing found")


def table_of(hits: Sequence[Hit]) -> Table:
    """The hits, best first: score, time range, video and the name of its file."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("score", justify="right")
    table.add_column("moment", no_wrap=True)
    table.add_column("video", overflow="fold")
    table.add_column("file", style="dim", overflow="fold")
    for hit in hits:
        # As Text: a title in square brackets is no markup.
        name = Text(Path(hit.path).name)
        table.add_row(f"{hit.similarity:.3f}", span(hit), Text(hit.title), name)
    return table


def as_object(answer: Answer) -> dict[str, object]:
    """The answer as JSON takes it."""
    hits = [
        {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in asdict(hit).items()
        }
        | {"similarity": hit.similarity}
        for hit in answer.hits
    ]
    return asdict(answer) | {"hits": hits}
