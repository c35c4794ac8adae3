"""What `ingest` shows while it runs: a bar for all files, and one for each that is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
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


class File(Protocol):
    """Shows how one file goes."""

    def show_frames(self, progress: FrameProgress) -> None: ...

    def end(self, outcome: Outcome) -> None: ...


class Display(Protocol):
    """Shows how an ingest goes; several threads may tell it of files at a time."""

    def start_file(self, name: str, /) -> File: ...


@contextmanager
def display(files: int, console: Console) -> Iterator[Display]:
    """Live bars on a terminal; one line per file where the output goes elsewhere."""
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

    def start_file(self, name: str, /) -> File:
        return _Bar(self, name if len(name) <= 32 else f"{name[:15]}...{name[-14:]}")


class _Bar:
    def __init__(self, shown: _Bars, name: str) -> None:
        self.shown = shown
        self.name = name
        self.frames: TaskID | None = None

    def show_frames(self, progress: FrameProgress) -> None:
        bars = self.shown.bars
        if self.frames is None:
            # Files that wait for a decoder have no bar.
            self.frames = bars.add_task(self.name, total=None, unit="frames", rated=True)
        # The number of frames is the container's word, which may be too low.
        total = max(progress.all_frames, progress.frames) if progress.all_frames else None
        bars.update(self.frames, completed=progress.frames, total=total)

    def end(self, outcome: Outcome) -> None:
        bars = self.shown.bars
        if self.frames is not None:
            bars.remove_task(self.frames)
        bars.console.print(_line(outcome), highlight=False)
        bars.advance(self.shown.files)


class _Lines:
    def __init__(self, files: int, console: Console) -> None:
        self.files = files
        self.done = 0
        self.writing = Lock()
        self.console = console

    def start_file(self, _name: str, /) -> File:
        """The line comes when the file is done."""
        return self

    def show_frames(self, progress: FrameProgress) -> None:
        """A log is no place for a moving number."""

    def end(self, outcome: Outcome) -> None:
        with self.writing:
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
