"""`python -m workers ingest`: indexes files while somebody watches, and sums up at the end."""

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from app.catalog import TINY_WARNING
from app.config import Settings
from app.db import get_engine
from app.migrate import ensure_current
from app.sampling import Sampling
from workers.decoders import Decoders
from workers.embedding import Embedding
from workers.ingest import Ingester, Outcome
from workers.library import find_media
from workers.progress import display
from workers.several import ingest_files


@dataclass
class Summary:
    """What an ingest came to."""

    videos: int = 0
    scenes: int = 0
    frames: int = 0
    updated: int = 0
    skipped: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        match outcome.state:
            case "indexed":
                self.videos += 1
                self.scenes += outcome.scenes
                self.frames += outcome.frames
            case "updated":
                self.updated += 1
            case "skipped":
                self.skipped += 1
            case "failed":
                self.fail(outcome.path, outcome.reason or "")

    def fail(self, path: Path, reason: str) -> None:
        self.failed.append({"path": str(path), "reason": reason})


def ingest(
    settings: Settings,
    paths: Sequence[Path],
    sampling: Sampling,
    collection: str | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Indexes the files, shows how it goes on standard error, returns the exit status.

    The status is 1 if anything failed. With `as_json` the summary goes to standard output as one
    object and nothing else does.
    """
    console = Console(stderr=True)
    started = time.monotonic()
    summary = Summary()
    found = find_media(paths)
    for path, reason in found.failures:
        summary.fail(path, reason)
    if found.files:
        _ingest_files(settings, found.files, sampling, collection, console, summary)
    summary.seconds = round(time.monotonic() - started, 2)
    if as_json:
        print(json.dumps(vars(summary)))
    else:
        console.print(_in_words(summary), highlight=False, markup=False, soft_wrap=True)
    return 1 if summary.failed else 0


def _ingest_files(
    settings: Settings,
    files: Sequence[Path],
    sampling: Sampling,
    collection: str | None,
    console: Console,
    summary: Summary,
) -> None:
    engine = get_engine(settings)
    ensure_current(engine, settings)
    with ExitStack() as stack:
        decoders = stack.enter_context(closing(Decoders.of(settings, most=len(files))))
        # They start while torch and the model are being loaded.
        decoders.start()
        with console.status("loading the model"):
            # Not before the paths and the database are in order, for torch takes seconds.
            from workers.index_model import claim, load_for_ingest
            from workers.model import DEFAULT, TINY

            model = load_for_ingest(engine, settings)
            model_id = claim(engine, model)
        if model.id == TINY:
            if settings.model is None:
                console.print(f"[bold yellow]The weights of {DEFAULT} cannot be had now.[/]")
            console.print(f"[yellow]{TINY_WARNING}[/]", soft_wrap=True)
        embedding = stack.enter_context(Embedding(model))
        ingester = Ingester(
            engine, embedding, model_id, settings.spool_dir, decoders, sampling, collection
        )
        shown = stack.enter_context(display(len(files), console))
        # Closed before the decoders are: those of files under way must not be taken for crashed.
        outcomes = ingest_files(ingester, files, shown, decoders.files_at_a_time)
        for outcome in stack.enter_context(closing(outcomes)):
            summary.add(outcome)


def _in_words(summary: Summary) -> str:
    counts = (
        f"{summary.videos} videos indexed ({summary.scenes} scenes, {summary.frames} frames), "
        f"{summary.updated} updated, {summary.skipped} skipped, {len(summary.failed)} failed, "
        f"in {summary.seconds:.1f} s"
    )
    failures = [f"  failed: {failure['path']}: {failure['reason']}" for failure in summary.failed]
    return "\n".join([counts, *failures])
