"""`python -m workers demo`: renders the sample library, and says what to ask of it."""

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import Progress

from workers.demo import render_library
from workers.demo_library import LIBRARY, QUESTIONS
from workers.tiny.drawing import draw

QUESTION_PX = (320, 240)


@dataclass(frozen=True)
class Task:
    """A question as `sceneql search` takes it, and where its first hit has to lie."""

    text: str | None
    image: str | None
    where: str | None
    path: str
    t_s: float


def render(folder: Path) -> None:
    """Renders the videos to `folder/videos` and prints the questions as a JSON list of Tasks.

    The picture that one of them asks with goes to `folder/questions`.
    """
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("rendering sample videos", total=len(LIBRARY))
        render_library(folder / "videos", lambda _: progress.advance(bar))
    print(json.dumps([vars(task) for task in _tasks(folder)]))


def _tasks(folder: Path) -> list[Task]:
    tasks = []
    for number, question in enumerate(QUESTIONS, 1):
        image: Path | None = None
        if question.picture is not None:
            image = folder / "questions" / f"{number}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw(question.picture, *QUESTION_PX)).save(image)
        path = folder / "videos" / question.file_name
        tasks.append(
            Task(
                question.text,
                str(image) if image else None,
                question.where,
                str(path),
                question.t_s,
            )
        )
    return tasks
