"""What `ingest` shows while it runs: a bar for the files, one for the current file's frames."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from workers.analysis import Progress as FrameProgress
from workers.ingest import Outcome

MARKS = {
    "indexed": "[green]indexed[/]",
    "updated": "[green]updated[/]",
    "skipped": "[dim]skipped[/]",
    "failed": "[red]failed[/] ",
}


class Display(Protocol):
    """Shows how an ingest goes."""

    def start_file(self, name: str) -> None: ...

    def show_frames(self, progress: FrameProgress) -> None: ...

    def end_file(self, outcome: Outcome) -> None: ...


@contextmanager
def display(files: int, console: Console) -> Iterator[Display]:
    """Two live bars on a terminal; one line per file where the output goes elsewhere."""
    if not console.is_terminal:
        yield _Lines(files, console)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        _RateColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as bars:
        yield _Bars(files, bars)


class _Bars:
    def __init__(self, files: int, bars: Progress) -> None:
        self.bars = bars
        self.files = bars.add_task("all files", total=files, unit="files", rated=False)
        self.frames = bars.add_task("", total=None, unit="frames", rated=True, visible=False)

    def start_file(self, name: str) -> None:
        short = name if len(name) <= 32 else f"{name[:15]}...{name[-14:]}"
        self.bars.reset(self.frames, description=short, total=None, visible=True)

    def show_frames(self, progress: FrameProgress) -> None:
        # The number of frames is the container's word, which may be too low.
        total = max(progress.all_frames, progress.frames) if progress.all_frames else None
        self.bars.update(self.frames, completed=progress.frames, total=total)

    def end_file(self, outcome: Outcome) -> None:
        self.bars.console.print(_line(outcome), highlight=False)
        self.bars.advance(self.files)


class _Lines:
    def __init__(self, files: int, console: Console) -> None:
        self.files = files
        self.done = 0
        self.console = console

    def start_file(self, name: str) -> None:
        """The line comes when the file is done."""

    def show_frames(self, progress: FrameProgress) -> None:
        """A log is no place for a moving number."""

    def end_file(self, outcome: Outcome) -> None:
        self.done += 1
        line = f"[{self.done}/{self.files}] ", _line(outcome)
        self.console.print(*line, sep="", soft_wrap=True, highlight=False)


class _RateColumn(ProgressColumn):
    """Frames per second, as far as it is known."""

    def render(self, task: Task) -> Text:
        if not task.fields["rated"] or not task.speed:
            return Text("")
        return Text(f"{task.speed:,.0f}/s", style="progress.data.speed")


def _line(outcome: Outcome) -> Text:
    counts = f" {outcome.scenes} scenes, {outcome.frames} frames"
    line = Text.from_markup(f"{MARKS[outcome.state]} ").append(str(outcome.path))
    if outcome.state == "indexed":
        line.append(counts, style="dim")
    if outcome.reason:
        line.append(f": {outcome.reason}")
    return line
