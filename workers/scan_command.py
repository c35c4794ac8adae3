"""`python -m workers scan`: scans sources while somebody watches, and says what was found."""

import json
import sys
from collections.abc import Sequence

from rich.console import Console
from sqlalchemy import Engine

from app.config import Settings
from app.db import get_engine
from app.errors import BadRequestError
from app.migrate import ensure_current
from app.sources import Source, list_sources
from workers.scan import Report, scan

SHOWN = 20
"""Files of one kind that are named; the others are only counted."""


def scan_now(settings: Settings, source_ids: Sequence[int], *, as_json: bool = False) -> int:
    """Scans the sources of these ids, or all that are not paused.

    Returns the exit status: 1 if one of them could not be looked at.
    """
    engine = get_engine(settings)
    ensure_current(engine, settings)
    console = Console(stderr=True)
    failed = False
    found: list[dict[str, object]] = []
    for source in list_sources(engine):
        if (source.id not in source_ids) if source_ids else source.paused:
            continue
        try:
            report = _watched(engine, source, console)
        except BadRequestError as error:
            failed = True
            found.append({"path": str(source.path), "error": str(error)})
            print(f"sceneql: {error}", file=sys.stderr)
            continue
        found.append({"path": str(source.path), **report.counts})
        if not as_json:
            _say(source, report)
    if as_json:
        print(json.dumps(found))
    return 1 if failed else 0


def _watched(engine: Engine, source: Source, console: Console) -> Report:
    with console.status(f"{source.path}: looking") as status:
        return scan(
            engine,
            source,
            lambda doing, count: status.update(f"{source.path}: {doing}, {count:,}"),
        )


def _say(source: Source, report: Report) -> None:
    counts = ", ".join(f"{count:,} {kind}" for kind, count in report.counts.items() if count)
    print(f"{source.path}: {counts or 'holds no video files'}")
    named: dict[str, int] = {}
    for kind, path, note in report.notes:
        named[kind] = named.get(kind, 0) + 1
        if named[kind] <= SHOWN:
            print(f"  {kind}: {path}" + (f": {note}" if note else ""))
    for kind, count in named.items():
        if count > SHOWN:
            print(f"  {kind}: and {count - SHOWN:,} more")
