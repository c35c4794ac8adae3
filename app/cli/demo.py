"""`sceneql demo`: the whole way once, on a library that is rendered for it."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from sqlalchemy import Engine

from app import catalog
from app.asking import Question
from app.cli.children import run, temporary_embedder
from app.cli.database import open_database
from app.cli.search import read_image, table_of
from app.cli.services import EMBEDDER, listening, listening_at, run_all
from app.config import get_settings
from app.errors import SceneqlError
from app.search import search
from app.supervisor import worker_command

HITS_SHOWN = 3


@dataclass(frozen=True)
class Task:
    """A question, and the file and time that its first hit has to show."""

    text: str | None
    image: str | None
    where: str | None
    path: str
    t_s: float

    def __str__(self) -> str:
        words = self.text or f"a picture, {Path(self.image or '').name}"
        return f"{words}   where {self.where}" if self.where else words


@click.command()
@click.option("--no-serve", is_flag=True, help="End after the questions, without the page.")
@listening
def demo(no_serve: bool, host: str | None, port: int | None) -> int:
    """Render sample videos, index them, ask them five questions, and serve the page.

    The exit status is 1 if the first hit of a question is not the scene it names.
    """
    # The tiny model is quick, needs no network and answers the same everywhere.
    os.environ["SCENEQL_MODEL"] = "tiny"
    get_settings.cache_clear()
    settings = get_settings() if no_serve else listening_at(host, port)
    engine = open_database()
    _refuse_other_libraries(engine)
    folder = settings.home / "demo"
    tasks = _render(folder)
    if status := run(worker_command("ingest", str(folder / "videos"))):
        return status
    console = Console()
    with temporary_embedder(engine):
        wrong = sum(not _is_right(engine, task, console) for task in tasks)
    if wrong:
        console.print(f"\n{wrong} of {len(tasks)} questions were answered with another scene.")
        return 1
    console.print(f"\nAll {len(tasks)} questions were answered with the scene they name.")
    return 0 if no_serve else run_all(settings, [EMBEDDER])


def _refuse_other_libraries(engine: Engine) -> None:
    state = catalog.status(engine)
    if state.frames and not state.model_warning:
        raise SceneqlError(
            f"this home holds a library made with {state.model}; run the demo in another one: "
            "SCENEQL_HOME=var/demo sceneql demo"
        )


def _render(folder: Path) -> list[Task]:
    rendered = subprocess.run(
        worker_command("demo", str(folder)), stdout=subprocess.PIPE, text=True, check=False
    )
    if rendered.returncode:
        raise SceneqlError("the sample videos could not be rendered; the reason stands above")
    return [Task(**task) for task in json.loads(rendered.stdout)]


def _is_right(engine: Engine, task: Task, console: Console) -> bool:
    image = read_image(Path(task.image)) if task.image else None
    question = Question(
        text=task.text or "",
        image="" if image is None else image,
        where=task.where or "",
        limit=HITS_SHOWN,
    )
    answer = search(engine, question)
    right = any(
        hit.path == task.path and hit.start_s <= task.t_s < hit.end_s for hit in answer.hits[:1]
    )
    mark = "[green]right[/]" if right else "[red]wrong[/]"
    console.print(f"\n[bold]{task}[/]   {mark}", highlight=False, soft_wrap=True)
    console.print(table_of(answer.hits))
    return right
