"""`sceneql models`: a second real model, switched to while people search, and back again."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from app.asking import Question
from app.config import Settings, get_settings
from app.db import address_of
from app.model_catalog import list_models
from app.search import Answer, search
from tests.cached_model import SMALL, SMALL_DIM, cache_random_weights
from tests.command import sceneql
from tests.conftest import wait_for_embedder
from tests.filling import add_active_model
from tests.ingesting import ingester_of
from tests.media import shot, write_clip
from workers.decoder import Decoder
from workers.index_model import load_for_ingest
from workers.model import TINY, load

QUESTION = "a red circle"
TIMEOUT_S = 180


@pytest.fixture(scope="module")
def weights_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    cache_random_weights(folder)
    return folder


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for seed in range(3):
        write_clip(folder / f"clip{seed}.mp4", shot(seed, 30) + shot(seed + 100, 30))
    return folder


@pytest.fixture
def _library(
    engine: Engine,
    decoder: Decoder,
    settings_of_test: Settings,
    weights_dir: Path,
    clips: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three clips indexed with the tiny model, and the weights of the small one at hand."""
    monkeypatch.setenv("SCENEQL_MODEL_CACHE", str(weights_dir))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    get_settings.cache_clear()
    tiny = load(TINY, weights_dir)
    ingester = ingester_of(
        engine,
        tiny,
        decoder,
        settings_of_test.spool_dir,
        sampling="scenes:3",
        model_id=add_active_model(engine, TINY.name, tiny.dim, TINY.pretrained),
    )
    for clip in sorted(clips.iterdir()):
        assert ingester.ingest(clip).state == "indexed"


@pytest.fixture
def _worker(_library: None) -> Iterator[None]:
    """A whole worker running on that library."""
    worker = subprocess.Popen([sys.executable, "-m", "app.cli", "worker"])
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(120)


def shown(answer: Answer) -> list[tuple[int, int, float]]:
    """What of an answer the model decides."""
    return [(hit.video_id, hit.frame_no, round(hit.similarity or 0, 4)) for hit in answer.hits]


class Searching:
    """Asks the same question over and over on a thread, by the app's search and in plain SQL."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.answers: list[Answer] = []
        self.streamed: set[tuple[float, ...]] = set()
        self.errors: list[Exception] = []
        self.stop = threading.Event()
        self.threads = [
            threading.Thread(target=self._loop, args=(ask,)) for ask in (self._ask, self._stream)
        ]

    def _ask(self, _connection: psycopg.Connection) -> None:
        self.answers.append(search(self.engine, Question(text=QUESTION, group="video")))

    def _stream(self, connection: psycopg.Connection) -> None:
        rows = connection.execute(
            "SELECT distance FROM search_text(%s) ORDER BY distance LIMIT 5", [QUESTION]
        )
        self.streamed.add(tuple(round(row[0], 4) for row in rows))

    def _loop(self, ask) -> None:  # type: ignore[no-untyped-def]
        with psycopg.connect(address_of(self.engine), autocommit=True) as connection:
            while not self.stop.is_set():
                try:
                    ask(connection)
                except Exception as error:  # noqa: BLE001 - the test looks at each of them.
                    self.errors.append(error)
                self.stop.wait(0.02)

    def __enter__(self) -> "Searching":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


def streamed(engine: Engine) -> tuple[float, ...]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT distance FROM search_text(:q) ORDER BY distance LIMIT 5"), {"q": QUESTION}
        )
        return tuple(round(row[0], 4) for row in rows)


@pytest.mark.usefixtures("_worker")
def test_a_model_is_added_switched_to_and_back_while_people_search(engine: Engine) -> None:
    wait_for_embedder(engine)
    by_tiny = search(engine, Question(text=QUESTION, group="video"))
    stream_by_tiny = streamed(engine)

    with Searching(engine) as searching:
        added = sceneql("models", "add", str(SMALL))
        assert added.returncode == 0, added.stderr
        assert "checked: all 18 frames have a vector; 18 embedded again: 0 differ" in added.stderr
        assert {answer.model for answer in searching.answers} == {str(TINY)}

        activated = sceneql("models", "activate", str(SMALL))
        assert activated.returncode == 0, activated.stderr
        assert f"go back at any time: sceneql models activate {TINY}" in activated.stderr
        by_small = search(engine, Question(text=QUESTION, group="video"))
        stream_by_small = streamed(engine)

        returned = sceneql("models", "activate", "tiny")
        assert returned.returncode == 0, returned.stderr
        assert "filled" not in returned.stderr, "nothing was to do but to switch"

    assert searching.errors == []
    expected = {str(TINY): shown(by_tiny), str(SMALL): shown(by_small)}
    assert {answer.model for answer in searching.answers} == set(expected)
    for answer in searching.answers:
        assert shown(answer) == expected[answer.model]
    assert searching.streamed == {stream_by_tiny, stream_by_small}
    assert stream_by_tiny != stream_by_small


@pytest.mark.usefixtures("_worker")
def test_worker_and_embedder_follow_a_switch(engine: Engine, clips: Path) -> None:
    wait_for_embedder(engine)
    assert sceneql("models", "add", str(SMALL)).returncode == 0
    write_clip(clips / "before.mp4", shot(50, 30))
    sceneql("ingest", "--background", str(clips))
    wait_until_covered(engine, str(TINY), videos=4)

    # What was indexed since is filled on the way.
    activated = sceneql("models", "activate", str(SMALL))
    assert "3 frames of 1 videos filled" in activated.stderr
    write_clip(clips / "after.mp4", shot(51, 30))
    sceneql("ingest", "--background", str(clips))
    wait_until_covered(engine, str(SMALL), videos=5)

    assert search(engine, Question(text="a question that nobody asked before")).model == str(SMALL)
    with engine.connect() as connection:
        dims = connection.execute(text("SELECT DISTINCT vector_dims(embedding) FROM moments"))
        assert dims.scalars().all() == [SMALL_DIM]
    listed = json.loads(sceneql("models", "list", "--json").stdout)
    assert [(model["model"], model["active"], model["frames"]) for model in listed] == [
        (str(TINY), False, 21),
        (str(SMALL), True, 24),
    ]
    assert "87.5 %" in sceneql("models", "list").stdout


def wait_until_covered(engine: Engine, model: str, videos: int) -> None:
    """Returns when the model has vectors of so many videos."""
    counted = text(
        "SELECT count(DISTINCT e.video_id) FROM frame_embeddings e "
        "JOIN embedding_models m ON m.id = e.model_id AND m.name || '/' || m.pretrained = :model"
    )
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        with engine.connect() as connection:
            if connection.execute(counted, {"model": model}).scalar_one() == videos:
                return
        assert time.monotonic() < deadline, f"not {videos} videos within {TIMEOUT_S} s"
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.usefixtures("_worker")
def test_a_worker_fills_in_the_background(engine: Engine) -> None:
    added = sceneql("models", "add", "--background", str(SMALL))

    assert f"{SMALL}: a worker will fill it" in added.stderr
    wait_until_covered(engine, str(SMALL), videos=3)
    refused = sceneql("models", "drop", "tiny", "--yes")
    assert refused.returncode == 2
    assert "searches use tiny/shapes-v1" in refused.stderr
    declined = sceneql("models", "drop", str(SMALL), stdin="n\n")
    assert declined.returncode == 2
    assert "say --yes" in declined.stderr
    assert len(list_models(engine)) == 2
    # The worker may be embedding its sample again still, which this waits for.
    dropped = sceneql("models", "drop", str(SMALL), "--yes")
    assert dropped.returncode == 0, dropped.stderr
    assert [model.model for model in list_models(engine)] == [str(TINY)]


@pytest.mark.usefixtures("settings_of_test")
def test_a_model_is_not_dropped_where_nobody_can_be_asked(engine: Engine) -> None:
    add_active_model(engine, "former")
    add_active_model(engine, "present")

    refused = sceneql("models", "drop", "former")

    assert refused.returncode == 2
    assert "nobody is there to be asked; say --yes to drop it" in refused.stderr
    assert len(list_models(engine)) == 2


@pytest.mark.usefixtures("_library")
def test_a_model_whose_weights_cannot_be_had_is_not_added(engine: Engine) -> None:
    refused = sceneql("models", "add", "ViT-B-32-256/datacomp_s34b_b86k")

    assert refused.returncode == 2
    assert "connect to the network" in refused.stderr
    assert len(list_models(engine)) == 1
    unknown = sceneql("models", "add", "ViT-B-32-256/datacomp")
    assert "there is no model ViT-B-32-256/datacomp; choose" in unknown.stderr
    absent = sceneql("models", "activate", str(SMALL))
    assert "sceneql models add NAME/PRETRAINED" in absent.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("_library")
def test_a_chosen_model_that_the_index_has_but_does_not_use_is_no_error(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert sceneql("models", "add", str(SMALL), "--background").returncode == 0
    monkeypatch.setenv("SCENEQL_MODEL", str(SMALL))
    get_settings.cache_clear()

    model = load_for_ingest(engine, get_settings())

    assert model.id == TINY
    assert f"switch: sceneql models activate {SMALL}" in caplog.text
