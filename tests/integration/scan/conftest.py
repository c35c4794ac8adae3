"""A folder that is a source, and a worker that indexes what is queued of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.config import Settings
from app.queue import INGEST_QUEUE
from app.sources import Rules, add_source, find_source
from tests.integration.scan.folder import Scan, clip
from workers.decoder import Decoder
from workers.decoders import Decoders
from workers.embedding import Embedding
from workers.model import TINY, load
from workers.scan import scan
from workers.tasks import IngestWorker


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two videos, one of them in a folder below."""
    folder = tmp_path / "videos"
    (folder / "beach").mkdir(parents=True)
    clip(folder / "one.mp4", 1)
    clip(folder / "beach" / "two.mp4", 2)
    return folder


@pytest.fixture
def scan_root(engine: Engine, settings_of_test: Settings, root: Path) -> Scan:
    """Scans the folder, under the rules it was added with."""
    assert settings_of_test.database_url
    add_source(engine, root, Rules())
    return lambda: scan(engine, find_source(engine, str(root)))


@pytest.fixture(scope="module")
def embedding() -> Iterator[Embedding]:
    """The tiny model at work, for all tests that index something."""
    with Embedding(load(TINY, Path("unused"))) as embedding:
        yield embedding


@pytest.fixture
def work(
    settings_of_test: Settings, embedding: Embedding, decoder: Decoder
) -> Iterator[Callable[[], None]]:
    """Does all the jobs in the queue."""
    worker = IngestWorker(settings_of_test)
    # A model and decoders of its own would take longer than what most of the tests are about.
    worker.embedding = embedding
    worker.decoders = Decoders([decoder])

    def until_empty() -> None:
        worker.app().run_worker(
            queues=[INGEST_QUEUE],
            wait=False,
            install_signal_handlers=False,
            listen_notify=False,
            delete_jobs="successful",
        )

    yield until_empty
    worker.engine.dispose()
