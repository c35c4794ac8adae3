"""Indexes many files, several at a time, so that no core waits while a file begins or ends."""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event

from workers.analysis import Progress
from workers.ingest import Ingester, Outcome
from workers.progress import Display


class StoppedError(Exception):
    """Another file ended the whole ingest, or somebody did; this one is taken up the next time."""


def ingest_files(
    ingester: Ingester, paths: Sequence[Path], shown: Display, at_a_time: int
) -> Generator[Outcome, None, None]:
    """Index files, so many at a time, and tell of each as it is done.

    What ends one of them other than by an outcome, such as a database that is gone, ends all: the
    others stop at their next frame, and leave nothing behind.
    """
    stop = Event()

    def ingest(path: Path) -> Outcome:
        file = shown.start_file(path.name)

        def on_progress(progress: Progress) -> None:
            if stop.is_set():
                raise StoppedError
            file.show_frames(progress)

        outcome = ingester.ingest(path, on_progress)
        file.end(outcome)
        return outcome

    with ThreadPoolExecutor(at_a_time, thread_name_prefix="ingest") as threads:
        try:
            for done in as_completed([threads.submit(ingest, path) for path in paths]):
                yield done.result()
        except BaseException:
            stop.set()
            threads.shutdown(wait=False, cancel_futures=True)
            raise
