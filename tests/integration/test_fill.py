"""Another model is filled with the very same frames, from files or thumbnails."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from procrastinate.exceptions import JobAborted
from sqlalchemy import Engine, text
from torch import Tensor

from app.config import Settings
from app.errors import BadRequestError
from app.model_catalog import ModelRow, count_lacking, fill_lock, find_model, list_models
from app.queue import FILL_PRIORITY, enqueue_fill
from tests.command import sceneql
from tests.filling import add_active_model
from tests.ingesting import ingester_of
from tests.media import shot, write_clip
from workers.background_fill import BackgroundFill
from workers.decoder import Decoder
from workers.fill import Filler
from workers.library import find_media
from workers.model import TINY, Model, load
from workers.model_check import check

EDGE = os.environ.get("SCENEQL_TEST_MEDIA_EDGE")


@pytest.fixture(scope="module")
def tiny() -> Model:
    return load(TINY, Path("unused"))


@pytest.fixture
def live_id(engine: Engine, tiny: Model) -> int:
    """The model that searches use: the tiny one under another name, so that vectors compare."""
    return add_active_model(engine, "live", dim=tiny.dim)


@pytest.fixture
def row(engine: Engine, tiny: Model, live_id: int) -> ModelRow:
    """The tiny model beside the live one, without any vector yet."""
    with engine.begin() as connection:
        connection.execute(
            text("SELECT add_model(:name, :pretrained, :dim)"),
            {"name": TINY.name, "pretrained": TINY.pretrained, "dim": tiny.dim},
        )
        assert live_id
        return find_model(connection, str(TINY))


class Library:
    """Indexes clips with the live model."""

    def __init__(
        self, engine: Engine, model: Model, live_id: int, decoder: Decoder, folder: Path
    ) -> None:
        self.engine, self.model, self.live_id = engine, model, live_id
        self.decoder, self.folder = decoder, folder

    def index(self, path: Path, sampling: str = "scenes:3") -> Path:
        ingester = ingester_of(
            self.engine,
            self.model,
            self.decoder,
            self.folder / "spool",
            sampling=sampling,
            model_id=self.live_id,
        )
        outcome = ingester.ingest(path)
        assert outcome.state == "indexed", outcome
        return path

    def clip(self, seed: int, sampling: str = "scenes:3") -> Path:
        path = self.folder / f"clip{seed}.mp4"
        write_clip(path, shot(seed, 40) + shot(seed + 1000, 35), options={"g": "12"})
        return self.index(path, sampling)


@pytest.fixture
def library(engine: Engine, tiny: Model, live_id: int, decoder: Decoder, tmp_path: Path) -> Library:
    return Library(engine, tiny, live_id, decoder, tmp_path)


def cosines(engine: Engine, one: int, other: int) -> list[float]:
    """Of each frame, between its vectors by two models."""
    compared = text(
        "SELECT 1 - (a.embedding <=> b.embedding) FROM frame_embeddings a "
        "JOIN frame_embeddings b USING (video_id, frame_no) "
        "WHERE a.model_id = :one AND b.model_id = :other"
    )
    with engine.connect() as connection:
        return list(connection.execute(compared, {"one": one, "other": other}).scalars())


def vectors(engine: Engine, model_id: int) -> dict[int, int]:
    """How many vectors of a model each video has."""
    counted = text(
        "SELECT video_id, count(*) FROM frame_embeddings WHERE model_id = :id GROUP BY video_id"
    )
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(counted, {"id": model_id})}


@pytest.mark.parametrize("sampling", ["scenes:3", "every:0.4s", "keyframes"])
def test_the_very_same_frames_are_taken_from_the_file(
    engine: Engine, tiny: Model, library: Library, row: ModelRow, live_id: int, sampling: str
) -> None:
    library.clip(1, sampling)

    report = Filler(engine, tiny, row.id).run()

    found = cosines(engine, live_id, row.id)
    assert (report.videos, report.frames, report.by_thumbnails) == (1, len(found), 0)
    assert len(found) >= 3
    assert min(found) > 0.9999
    assert check(engine, tiny, row.id).is_passed


def test_a_hidden_video_is_filled_from_its_thumbnails(
    engine: Engine, tiny: Model, library: Library, row: ModelRow, live_id: int
) -> None:
    library.clip(1).unlink()
    with engine.begin() as connection:
        connection.execute(text("UPDATE video_files SET state = 'missing'"))

    report = Filler(engine, tiny, row.id).run()

    assert (report.videos, report.by_thumbnails, report.failed) == (1, 1, {})
    assert min(cosines(engine, live_id, row.id)) > 0.98


def test_a_changed_file_is_not_read_but_its_thumbnails(
    engine: Engine, tiny: Model, library: Library, row: ModelRow, live_id: int
) -> None:
    write_clip(library.clip(1), shot(7, 75))

    report = Filler(engine, tiny, row.id).run()

    assert report.by_thumbnails == 1
    assert min(cosines(engine, live_id, row.id)) > 0.98


def test_a_file_with_other_frames_is_noticed_even_if_it_looks_unchanged(
    engine: Engine, tiny: Model, library: Library, row: ModelRow, live_id: int
) -> None:
    path = library.clip(1)
    stat = path.stat()
    write_clip(path, shot(7, 75), fps=20)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE video_files SET size_bytes = :size"), {"size": path.stat().st_size}
        )
    os.utime(path, ns=(stat.st_mtime_ns, stat.st_mtime_ns))

    report = Filler(engine, tiny, row.id).run()

    assert report.by_thumbnails == 1
    assert min(cosines(engine, live_id, row.id)) > 0.98


def test_a_damaged_thumbnail_leaves_its_own_video_out_and_says_so(
    engine: Engine, tiny: Model, library: Library, row: ModelRow
) -> None:
    library.clip(1).unlink()
    library.clip(2)
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE frames SET thumbnail = 'x' WHERE video_id = "
                "(SELECT id FROM videos WHERE title = 'clip1')"
            )
        )

    report = Filler(engine, tiny, row.id).run()

    assert report.videos == 1
    assert list(report.failed.values()) == [
        "clip1: its file is gone and its stored picture is damaged"
    ]
    with engine.connect() as connection:
        assert count_lacking(connection, row.id) == 6


def test_what_comes_and_is_replaced_meanwhile_has_its_own_vectors_in_the_end(
    engine: Engine,
    tiny: Model,
    library: Library,
    row: ModelRow,
    live_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = library.clip(1)
    encode = tiny.encode_prepared
    done = False

    def encode_while_others_ingest(pictures: Sequence[Tensor]) -> NDArray[np.float32]:
        nonlocal done
        if not done:
            done = True
            library.clip(2)
            library.index(write_clip(path, shot(5, 25) + shot(6, 25) + shot(7, 25)))
        return encode(pictures)

    monkeypatch.setattr(tiny, "encode_prepared", encode_while_others_ingest)

    report = Filler(engine, tiny, row.id).run()

    assert report.changed_meanwhile == 1
    assert len(cosines(engine, live_id, row.id)) == 6 + 9
    assert min(cosines(engine, live_id, row.id)) > 0.9999


def test_a_video_that_is_deleted_meanwhile_is_let_be(
    engine: Engine, tiny: Model, library: Library, row: ModelRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.clip(1)
    encode = tiny.encode_prepared

    def encode_and_delete(pictures: Sequence[Tensor]) -> NDArray[np.float32]:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM videos"))
        return encode(pictures)

    monkeypatch.setattr(tiny, "encode_prepared", encode_and_delete)

    assert Filler(engine, tiny, row.id).run().frames == 0


def test_a_wrong_vector_is_found_by_embedding_again(
    engine: Engine, tiny: Model, library: Library, row: ModelRow
) -> None:
    library.clip(1)
    Filler(engine, tiny, row.id).run()
    assert check(engine, tiny, row.id).is_passed
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE frame_embeddings SET embedding = (SELECT array_agg(-x) FROM "
                "unnest(embedding::real[]) AS x)::real[]::halfvec WHERE model_id = :id "
                "AND frame_no = (SELECT min(frame_no) FROM frames)"
            ),
            {"id": row.id},
        )

    checked = check(engine, tiny, row.id)

    assert checked.wrong == 1
    assert checked.lowest == pytest.approx(-1, abs=0.01)
    assert not checked.is_passed


def test_a_slice_ends_and_the_next_goes_on(
    engine: Engine, tiny: Model, library: Library, row: ModelRow
) -> None:
    for seed in (1, 2, 3):
        library.clip(seed)

    first = Filler(engine, tiny, row.id).run(seconds=0)
    assert (first.videos, first.is_complete) == (1, False)

    second = Filler(engine, tiny, row.id).run(seconds=60)
    assert (second.videos, second.is_complete) == (2, True)


def test_two_cannot_fill_the_same_model(engine: Engine, row: ModelRow) -> None:
    with (
        fill_lock(engine, row),
        pytest.raises(BadRequestError, match="another process is filling tiny/"),
        fill_lock(engine, row, wait_s=0.1),
    ):
        pass

    with fill_lock(engine, row):
        assert [model.filling for model in list_models(engine)] == [False, True]


def test_killed_at_any_time_it_leaves_whole_videos_and_goes_on(
    engine: Engine, library: Library, row: ModelRow, live_id: int, settings_of_test: Settings
) -> None:
    for seed in range(12):
        library.clip(seed)
    fill = [sys.executable, "-m", "workers", "fill", "tiny"]
    kills = 0
    for least in (1, 5, 9):
        process = subprocess.Popen(fill, stderr=subprocess.DEVNULL)
        while len(vectors(engine, row.id)) < least and process.poll() is None:
            time.sleep(0.005)
        kills += process.poll() is None
        process.kill()
        process.wait()
        assert set(vectors(engine, row.id).values()) <= {6}

    done = subprocess.run(fill, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "all 72 frames have a vector; 24 embedded again: 0 differ" in done.stderr
    assert kills > 0
    assert len(cosines(engine, live_id, row.id)) == 72
    assert min(cosines(engine, live_id, row.id)) > 0.9999
    assert settings_of_test.database_url


@pytest.mark.usefixtures("row")
def test_a_worker_fills_in_slices_and_the_queue_never_piles_up(
    engine: Engine, library: Library, settings_of_test: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.clip(1)
    library.clip(2)
    monkeypatch.setattr("workers.background_fill.SLICE_S", 0.0)
    worker = BackgroundFill(settings_of_test, engine)
    assert enqueue_fill(str(TINY))
    assert not enqueue_fill(str(TINY)), "one waits already"

    worker.fill_model(str(TINY))
    assert [model.frames for model in list_models(engine)] == [12, 6]

    worker.fill_model(str(TINY))
    worker.fill_model(str(TINY))
    assert [model.frames for model in list_models(engine)] == [12, 12]
    with engine.connect() as connection:
        jobs = connection.execute(
            text(
                "SELECT args->>'model', priority FROM procrastinate.procrastinate_jobs "
                "WHERE status = 'todo'"
            )
        ).all()
    assert [tuple(job) for job in jobs] == [(str(TINY), FILL_PRIORITY)]


@pytest.mark.usefixtures("row")
def test_a_slice_ends_at_once_when_its_worker_is_told_to_stop(
    engine: Engine, library: Library, settings_of_test: Settings
) -> None:
    library.clip(1)
    worker = BackgroundFill(settings_of_test, engine)

    def stop() -> None:
        raise JobAborted

    with pytest.raises(JobAborted):
        worker.fill_model(str(TINY), stop)
    assert [model.frames for model in list_models(engine)] == [6, 0]

    worker.fill_model(str(TINY))
    assert [model.frames for model in list_models(engine)] == [6, 6]


@pytest.mark.usefixtures("settings_of_test")
def test_models_are_filled_one_after_the_other(engine: Engine) -> None:
    assert enqueue_fill("one/model")
    assert enqueue_fill("another/model")

    with engine.connect() as connection:
        locks = connection.execute(text("SELECT lock FROM procrastinate.procrastinate_jobs"))
        assert locks.scalars().all() == ["filling", "filling"]


@pytest.mark.usefixtures("settings_of_test")
def test_a_job_of_a_model_that_was_dropped_does_nothing(
    engine: Engine, settings_of_test: Settings
) -> None:
    BackgroundFill(settings_of_test, engine).fill_model("gone/forever")

    assert list_models(engine) == []


@pytest.mark.usefixtures("settings_of_test")
def test_an_empty_index_gets_no_second_model() -> None:
    refused = sceneql("models", "add", "tiny")

    assert refused.returncode == 2
    assert "nothing is indexed yet" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.skipif(not EDGE, reason="SCENEQL_TEST_MEDIA_EDGE names no folder of hard media")
def test_hard_media_yield_the_very_same_frames_again(
    engine: Engine,
    tiny: Model,
    row: ModelRow,
    live_id: int,
    decoder: Decoder,
    tmp_path: Path,
) -> None:
    ingester = ingester_of(engine, tiny, decoder, tmp_path / "spool", model_id=live_id)
    # The hard thing about a large file is in small ones as well.
    small = [path for path in find_media([Path(str(EDGE))]).files if path.stat().st_size < 300_000]
    indexed = sum(ingester.ingest(path).state == "indexed" for path in small)

    report = Filler(engine, tiny, row.id).run()

    assert indexed > 10
    assert (report.videos, report.by_thumbnails, report.failed) == (indexed, 0, {})
    assert min(cosines(engine, live_id, row.id)) > 0.999
