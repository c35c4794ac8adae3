"""`python -m workers fill` and `prepare`: another model for the library."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import IntegrityError

from app.config import Settings
from app.db import get_engine
from app.errors import EmptyIndexError, ModelUnavailableError
from app.locks import patiently
from app.migrate import ensure_current
from app.model_catalog import ModelRow, fill_lock, find_model, models
from app.model_switch import lacking
from app.models import Frame
from app.queue import enqueue_fill
from workers.fill import Filler, FillProgress
from workers.model_check import check
from workers.questions import answer_questions

if TYPE_CHECKING:
    from workers.model import Model

LINE_EVERY_S = 10.0


def fill(settings: Settings, name: str, *, background: bool) -> int:
    """Adds a model to the index, fills it and checks it; returns the exit status.

    In the background it is only added, and a running ingest worker fills it.
    """
    console = Console(stderr=True)
    engine = get_engine(settings)
    ensure_current(engine, settings)
    _refuse_an_empty_index(engine)
    model = _load(settings, name, console)
    row = add(engine, model, _show_in(console))
    if background:
        queued = "a worker will fill it" if enqueue_fill(str(row)) else "it was queued already"
        console.print(f"{row}: {queued}; `sceneql models list` shows how far it is")
        return 0
    if not _fill(engine, model, row, console):
        return 1
    if not row.active:
        console.print(f"switch to it: sceneql models activate {row}", soft_wrap=True)
    return 0


def prepare(settings: Settings, name: str) -> int:
    """Fills what a model of the index lacks for searches to use it; returns the exit status."""
    console = Console(stderr=True)
    engine = get_engine(settings)
    with engine.connect() as connection:
        row = find_model(connection, name)
        missing = lacking(connection, row.id)
    model = _load(settings, str(row), console)
    if missing.frames and not _fill(engine, model, row, console):
        return 1
    with console.status("answering what was asked before"):
        answered = answer_questions(engine, model, row.id)
    console.print(f"{answered:,} questions of the last 30 days are answered by {row}")
    return 0


def add(engine: Engine, model: "Model", on_wait: Callable[[str], None]) -> ModelRow:
    """The model's row in the index, made with its partition if there is none yet.

    Raises BusyDatabaseError.
    """
    name = str(model.id)

    def known() -> ModelRow | None:
        with engine.connect() as connection:
            return next((row for row in models(connection) if str(row) == name), None)

    def create(connection: Connection) -> None:
        connection.execute(
            select(func.add_model(model.id.name, model.id.pretrained, model.dim))
        ).one()

    if (row := known()) is None:
        # Somebody else may add it in this very moment.
        with suppress(IntegrityError):
            patiently(engine, f"add {name}", create, on_wait=on_wait)
        row = known()
    if row is None or row.dim != model.dim:
        raise ModelUnavailableError(
            f"{name} has {model.dim} dimensions here and others in the index; "
            f"drop it and add it again: sceneql models drop {name}"
        )
    return row


def _refuse_an_empty_index(engine: Engine) -> None:
    with engine.connect() as connection:
        if connection.execute(select(Frame.video_id).limit(1)).first() is None:
            raise EmptyIndexError(
                "nothing is indexed yet; the first ingest takes the model that SCENEQL_MODEL names"
            )


def _load(settings: Settings, name: str, console: Console) -> "Model":
    with console.status("loading the model"):
        # Not before what is refused without a model, for torch takes seconds.
        from workers.model import ModelId, load

        return load(ModelId.parse(name), settings.weights_dir, on_progress=_show_in(console))


def _fill(engine: Engine, model: "Model", row: ModelRow, console: Console) -> bool:
    """Fills and checks a model; whether it passed."""
    with fill_lock(engine, row), _bar(f"filling {row}", console) as show:
        report = Filler(engine, model, row.id, show).run()
    console.print(str(report), highlight=False, soft_wrap=True, markup=False)
    with engine.begin() as connection:
        # The planner knows nothing yet of a partition that was empty a moment ago.
        connection.execute(text(f"ANALYZE frame_embeddings_{row.id:d}"))
    with console.status("embedding a sample again"):
        checked = check(engine, model, row.id)
    console.print(f"checked: {checked}", highlight=False, soft_wrap=True)
    if checked.wrong:
        console.print(
            f"[red]{row} is not as it should be; drop it and add it again: "
            f"sceneql models drop {row}[/]",
            soft_wrap=True,
        )
    return checked.is_passed and not report.failed


def _show_in(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _bar(name: str, console: Console) -> Iterator[Callable[[FillProgress], None]]:
    """A live bar on a terminal; where the output goes elsewhere, a line every ten seconds."""
    if not console.is_terminal:
        shown_at = time.monotonic()

        def print_line(progress: FillProgress) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= LINE_EVERY_S:
                shown_at = time.monotonic()
                done = f"{progress.frames:,} of {progress.all_frames:,} frames"
                console.print(f"{name}: {done}", highlight=False, soft_wrap=True)

        yield print_line
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        task = bars.add_task(name, total=None)
        yield lambda progress: bars.update(
            task, completed=progress.frames, total=progress.all_frames
        )


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"frames {task.speed:,.1f}/s" if task.speed else "frames")
