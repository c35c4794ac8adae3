"""`python -m workers enqueue`: leaves files to a running worker."""

import sys
from collections.abc import Sequence
from pathlib import Path

from app.config import Settings
from app.db import get_engine
from app.migrate import ensure_current
from app.queue import ASKED_FOR, IngestJob, enqueue_ingest, files_in_queue
from app.sampling import Sampling
from workers.library import find_media


def enqueue(
    settings: Settings, paths: Sequence[Path], sampling: Sampling, collection: str | None
) -> int:
    """Queues the media files that the paths name or hold; the status is 1 if a path held none."""
    engine = get_engine(settings)
    ensure_current(engine, settings)
    found = find_media(paths)
    for path, reason in found.failures:
        print(f"failed  {path}: {reason}", file=sys.stderr)
    with engine.connect() as connection:
        in_queue = files_in_queue(connection)
    names = [str(path) for path in found.files if str(path) not in in_queue]
    queued = enqueue_ingest(
        [IngestJob(name, str(sampling), collection, ASKED_FOR) for name in names]
    )
    print(
        f"{queued} files queued, {len(found.files) - queued} were in the queue already; "
        "`sceneql status` shows the queue",
        file=sys.stderr,
    )
    return 1 if found.failures else 0
