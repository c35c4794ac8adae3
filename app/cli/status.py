"""`sceneql status`: how the library, its sources and its queue stand."""

import json
from dataclasses import asdict
from datetime import datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app import care
from app.care import Failure, RunningJob, SourceState, SystemStatus
from app.cli.database import open_database
from app.wording import counts, duration, rate


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--failures",
    type=click.IntRange(0, 1_000_000),
    default=care.FAILURES_SHOWN,
    show_default=True,
    help="How many of the newest failures to list.",
)
def status(as_json: bool, failures: int) -> None:
    """Show what the library holds, its sources, the queue, failures, rate and time left."""
    state = care.status(open_database(), failures=failures)
    if as_json:
        print(json.dumps(asdict(state), default=datetime.isoformat))
        return
    console = Console()
    console.print(_summary(state))
    if state.model_warning:
        console.print(f"[yellow]{state.model_warning}[/]")
    for heading, lines in (
        ("sources", [_source(source) for source in state.sources]),
        ("at work", [_job(job) for job in state.running]),
        (_failures_heading(state), [_failure(failure) for failure in state.failures]),
    ):
        if lines:
            console.print(f"\n[bold]{heading}[/]")
            for line in lines:
                console.print(line, soft_wrap=True, highlight=False)


def _summary(state: SystemStatus) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("videos", counts(state.videos) or "none yet; index some: sceneql ingest FOLDER")
    table.add_row("scenes", f"{state.scenes:,}")
    table.add_row("frames", f"{state.frames:,}")
    table.add_row("model", state.model or "none yet; the first ingest decides")
    table.add_row("database", f"{state.database_bytes / 1e6:,.1f} MB")
    table.add_row("queue", _queue(state))
    table.add_row("rate", rate(state.rate))
    table.add_row("time left", duration(state.rate.left_s))
    served = f" (queues: {', '.join(state.queues_served)})" if state.queues_served else ""
    alive = f"{state.workers_alive:,} alive{served}" if state.workers_alive else "none"
    table.add_row("workers", alive)
    table.add_row("embedder", "running" if state.embedder_running else "not running")
    return table


def _queue(state: SystemStatus) -> str:
    if len(state.tasks) < 2:
        return counts(state.queue) or "empty"
    return "; ".join(f"{task}: {counts(by)}" for task, by in state.tasks.items())


def _source(source: SourceState) -> str:
    parts = [f"every {duration(source.every_s)}"]
    if source.scanned_ago_s is not None:
        parts.append(f"scanned {duration(source.scanned_ago_s)} ago")
    if source.state == "paused":
        parts.append("paused")
    elif source.due_in_s is not None:
        parts.append(f"next in {duration(source.due_in_s)}" if source.due_in_s > 0 else "due now")
    if source.report:
        parts.append(counts(source.report))
    line = f"  {escape(source.path)}"
    if source.collection:
        line += f" ({escape(source.collection)})"
    line += f": {escape('; '.join(parts))}"
    return f"{line}\n    [red]{escape(source.error)}[/]" if source.error else line


def _job(job: RunningJob) -> str:
    line = f"  {escape(job.path or job.task)}: for {duration(job.running_s)}"
    return f"{line} [red]its worker is gone[/]" if job.is_stalled else line


def _failures_heading(state: SystemStatus) -> str:
    shown, total = len(state.failures), state.failure_count
    return f"failures, the newest {shown:,} of {total:,}" if shown < total else "failures"


def _failure(failure: Failure) -> str:
    when = f"{failure.at.astimezone():%Y-%m-%d %H:%M}  " if failure.at else ""
    name = f"{escape(failure.path)}: " if failure.path else ""
    return f"  {when}{name}[red]{escape(failure.reason)}[/]"
