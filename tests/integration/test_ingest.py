"""From files to rows: what is written, what is left alone, and what is never there by half."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pgvector.psycopg.halfvec import HalfVectorDumper
from PIL import Image
from sqlalchemy import Engine, text
from torch import Tensor

from app.catalog import TINY_MODEL, list_videos
from app.config import get_settings
from app.errors import ModelUnavailableError, UnreadableError
from tests.filling import add_active_model
from tests.ingesting import ingester_of
from tests.media import shot, write_clip
from workers import store
from workers.attempts import begin_attempt
from workers.decoder import Decoder
from workers.index_model import load_for_ingest
from workers.ingest import Outcome
from workers.library import file_state
from workers.links import Hashes
from workers.model import TINY, Model, load
from workers.store import write_failure
from workers.video import probe

MEDIA = os.environ.get("SCENEQL_TEST_MEDIA")


@pytest.fixture(scope="module")
def tiny() -> Model:
    return load(TINY, Path("unused"))


Ingest = Callable[[Path], Outcome]


@pytest.fixture
def ingest(engine: Engine, tiny: Model, decoder: Decoder, tmp_path: Path) -> Ingest:
    """Indexes one file into the test's database."""
    return ingester_of(engine, tiny, decoder, tmp_path / "spool").ingest


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two shots of a second each, with a title."""
    return write_clip(
        tmp_path / "clip.mp4", shot(1, 25) + shot(2, 25), metadata={"title": "Two places"}
    )


def rows(engine: Engine, query: str) -> Sequence[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def counts(engine: Engine) -> tuple[object, ...]:
    return rows(
        engine,
        "SELECT (SELECT count(*) FROM videos), (SELECT count(*) FROM scenes), "
        "(SELECT count(*) FROM frames), (SELECT count(*) FROM frame_embeddings), "
        "(SELECT count(*) FROM fingerprints)",
    )[0]


def test_a_video_is_written_with_its_scenes_frames_and_vectors(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    outcome = ingest(clip)

    assert (outcome.state, outcome.scenes, outcome.frames) == ("indexed", 2, 4)
    assert counts(engine) == (1, 2, 4, 4, 4)
    video = rows(
        engine, "SELECT title, path, width, height, codec, frame_count, sampling FROM videos"
    )
    assert video == [("Two places", str(clip), 160, 90, "h264", 4, "scenes:2")]
    scenes = rows(engine, "SELECT scene_no, start_s, end_s FROM scenes ORDER BY scene_no")
    assert np.allclose(scenes, [(0, 0, 1), (1, 1, 2)], atol=0.1)


def test_each_frame_lies_in_its_scene_and_has_a_picture(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    ingest(clip)

    outside = "SELECT * FROM moments WHERE t_s < start_s OR t_s >= end_s"
    assert rows(engine, outside) == []
    assert {bytes(row[0])[:3] for row in rows(engine, "SELECT thumbnail FROM frames")} == {
        b"\xff\xd8\xff"
    }


def test_vectors_are_those_of_the_frames(
    engine: Engine, ingest: Ingest, tiny: Model, tmp_path: Path
) -> None:
    picture = shot(7, 1)[0]
    ingest(write_clip(tmp_path / "still.mp4", [picture] * 10, options={"crf": "1"}))

    expected = tiny.encode_images([Image.fromarray(picture)])[0]

    stored = rows(engine, "SELECT embedding::text FROM moments")
    for (vector,) in stored:
        found: NDArray[np.float64] = np.array(json.loads(str(vector)))
        assert found @ expected > 0.95


def test_a_known_file_is_left_alone(engine: Engine, ingest: Ingest, clip: Path) -> None:
    ingest(clip)
    before = rows(engine, "SELECT id, indexed_at FROM videos")

    outcome = ingest(clip)

    assert (outcome.state, outcome.reason) == ("skipped", "already indexed")
    assert rows(engine, "SELECT id, indexed_at FROM videos") == before


def test_a_copy_is_linked_without_being_decoded(
    engine: Engine, ingest: Ingest, clip: Path, tmp_path: Path
) -> None:
    ingest(clip)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())

    outcome = ingest(copy)

    assert (outcome.state, outcome.reason) == ("skipped", f"has the same content as {clip}")
    assert counts(engine) == (1, 2, 4, 4, 4)
    assert rows(engine, "SELECT path FROM video_files ORDER BY path") == [
        (str(clip),),
        (str(copy),),
    ]


def test_a_file_that_was_moved_is_found_in_its_new_place(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    ingest(clip)
    moved = clip.rename(clip.with_name("moved.mp4"))

    outcome = ingest(moved)

    assert (outcome.state, outcome.reason) == ("skipped", f"was moved from {clip}")
    assert rows(engine, "SELECT path, frame_count FROM videos") == [(str(moved), 4)]


def test_a_video_is_not_written_for_a_model_that_is_no_longer_the_index_own(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    add_active_model(engine, "another")

    with pytest.raises(ModelUnavailableError, match="has changed to another model"):
        ingest(clip)

    assert counts(engine) == (1, 0, 0, 0, 0)
    assert rows(engine, "SELECT status FROM videos") == [("pending",)]


def test_a_failure_leaves_alone_what_another_process_has_indexed(
    engine: Engine, ingest: Ingest, clip: Path, tmp_path: Path
) -> None:
    ingest(clip)
    copy = tmp_path / "copy.mp4"
    hashes, state = Hashes.of(clip), file_state(clip)
    attempt = begin_attempt(engine, copy, state, hashes)

    write_failure(engine, copy, "was changed", state, hashes, attempt)

    assert counts(engine) == (1, 2, 4, 4, 4)
    assert rows(engine, "SELECT error FROM video_files WHERE video_id IS NULL") == [
        ("was changed",)
    ]


def test_nothing_is_left_in_memory_of_the_files_that_were_indexed(
    ingest: Ingest, tmp_path: Path
) -> None:
    ingest(write_clip(tmp_path / "first.mp4", shot(1, 5)))
    before = len(HalfVectorDumper.__subclasses__())

    for seed in range(2, 5):
        ingest(write_clip(tmp_path / f"{seed}.mp4", shot(seed, 5)))

    # pgvector makes such a class each time that it is registered with a connection.
    assert len(HalfVectorDumper.__subclasses__()) == before


def test_what_the_database_cannot_keep_fails_its_own_video_alone(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    # An index entry has at most a third of a page, and what repeats is compressed.
    noise = "".join(chr(0x4E00 + n) for n in np.random.default_rng(1).integers(0, 20000, 9000))
    clip.with_suffix(".json").write_text(json.dumps({"collection": noise}))

    outcome = ingest(clip)

    assert outcome.state == "failed"
    assert str(outcome.reason).startswith("cannot be kept in the database: ")
    assert counts(engine) == (1, 0, 0, 0, 0)


def test_a_file_with_new_content_stays_the_same_video(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    ingest(clip)
    (video_id,) = rows(engine, "SELECT id FROM videos")[0]
    write_clip(clip, shot(3, 25))

    outcome = ingest(clip)

    assert outcome.state == "indexed"
    assert rows(engine, "SELECT id FROM videos") == [(video_id,)]
    assert counts(engine) == (1, 1, 2, 2, 2)


def test_new_content_becomes_a_new_video_while_a_copy_has_the_old(
    engine: Engine, ingest: Ingest, clip: Path, tmp_path: Path
) -> None:
    ingest(clip)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    ingest(copy)
    write_clip(clip, shot(3, 25))

    ingest(clip)

    assert {card.path for card in list_videos(engine)} == {str(clip), str(copy)}


def test_a_file_that_fails_is_recorded_and_nothing_of_it_is_searched(
    engine: Engine, ingest: Ingest, tmp_path: Path
) -> None:
    broken = tmp_path / "notes.mp4"
    broken.write_text("these are notes, not a video")

    outcome = ingest(broken)

    assert outcome.state == "failed"
    assert outcome.reason == "is not a video in any format that can be indexed"
    assert rows(engine, "SELECT status, error FROM videos") == [("failed", outcome.reason)]
    assert counts(engine) == (1, 0, 0, 0, 0)


def test_a_failed_file_that_was_mended_is_indexed(
    engine: Engine, ingest: Ingest, clip: Path
) -> None:
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) // 2])
    assert ingest(clip).state == "failed"
    clip.write_bytes(whole)

    outcome = ingest(clip)

    assert outcome.state == "indexed"
    assert rows(engine, "SELECT status, error FROM videos") == [("indexed", None)]


def test_a_file_that_cannot_be_read_belongs_to_no_video(
    engine: Engine, ingest: Ingest, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)

    outcome = ingest(pipe)

    assert outcome.reason == "is not a file"
    assert rows(engine, "SELECT video_id, error FROM video_files") == [(None, outcome.reason)]
    assert counts(engine)[0] == 0


def test_a_link_that_leads_nowhere_fails_and_is_not_kept(
    engine: Engine, ingest: Ingest, tmp_path: Path
) -> None:
    dangling = tmp_path / "dangling.mp4"
    dangling.symlink_to(tmp_path / "gone.mp4")

    outcome = ingest(dangling)

    assert (outcome.state, outcome.reason) == (
        "failed",
        "cannot be read: No such file or directory",
    )
    assert rows(engine, "SELECT count(*) FROM video_files") == [(0,)]


def test_a_disk_that_goes_away_while_a_file_is_read_is_not_the_video_s_fault(
    engine: Engine, ingest: Ingest, tiny: Model, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(clip)
    write_clip(clip, shot(3, 25))

    def encode_and_unplug(pictures: Sequence[Tensor]) -> NDArray[np.float32]:
        clip.unlink(missing_ok=True)
        return np.zeros((len(pictures), tiny.dim), np.float32)

    monkeypatch.setattr(tiny, "encode_prepared", encode_and_unplug)

    assert ingest(clip).state == "failed"
    assert counts(engine) == (1, 2, 4, 4, 4)
    assert rows(engine, "SELECT status, attempt FROM videos") == [("indexed", None)]


@contextmanager
def failing_disk(decoder: Decoder) -> Iterator[None]:
    """Has a disk fail while files are decoded, which have been read for their hashes by then."""

    def fail(*_: object) -> None:
        raise UnreadableError("cannot be read: Input/output error")

    with pytest.MonkeyPatch.context() as disk:
        disk.setattr(decoder, "decode", fail)
        yield


def test_a_disk_that_fails_is_not_the_fault_of_the_file(
    engine: Engine, ingest: Ingest, decoder: Decoder, clip: Path
) -> None:
    reason = "cannot be read: Input/output error"
    with failing_disk(decoder):
        outcome = ingest(clip)

    assert (outcome.state, outcome.reason) == ("failed", reason)
    assert counts(engine) == (0, 0, 0, 0, 0)
    assert rows(engine, "SELECT path, error FROM video_files") == [(str(clip), reason)]

    assert ingest(clip).state == "indexed"
    assert rows(engine, "SELECT path, error FROM video_files") == [(str(clip), None)]


def test_a_disk_that_fails_costs_a_changed_file_none_of_its_former_frames(
    engine: Engine, ingest: Ingest, decoder: Decoder, clip: Path
) -> None:
    ingest(clip)
    write_clip(clip, shot(3, 25))

    with failing_disk(decoder):
        assert ingest(clip).state == "failed"

    assert counts(engine) == (1, 2, 4, 4, 4)
    assert rows(engine, "SELECT status, attempt FROM videos") == [("indexed", None)]
    assert ingest(clip).state == "indexed"


def test_a_file_that_changes_while_it_is_read_is_not_indexed(
    engine: Engine, ingest: Ingest, tiny: Model, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode_and_touch(pictures: Sequence[Tensor]) -> NDArray[np.float32]:
        os.utime(clip, (1, 1))
        return np.zeros((len(pictures), tiny.dim), np.float32)

    monkeypatch.setattr(tiny, "encode_prepared", encode_and_touch)

    outcome = ingest(clip)

    assert outcome.reason is not None
    assert "was changed or went away while it was read" in outcome.reason
    assert counts(engine) == (1, 0, 0, 0, 0)


def test_the_next_file_is_decoded_while_one_waits_for_its_vectors(
    ingest: Any, tiny: Model, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write_clip(tmp_path / "other.mp4", shot(3, 25))
    is_waiting, has_decoder = threading.Event(), threading.Event()
    encode = tiny.encode_prepared

    def encode_when_the_other_is_decoded(pictures: Sequence[Tensor]) -> NDArray[np.float32]:
        is_waiting.set()
        assert has_decoder.wait(60), "the only decoder was kept by a file that is decoded"
        return encode(pictures)

    monkeypatch.setattr(tiny, "encode_prepared", encode_when_the_other_is_decoded)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(ingest, clip)
        assert is_waiting.wait(60)
        second = threads.submit(ingest, other, lambda _: has_decoder.set())

    assert (first.result().state, second.result().state) == ("indexed", "indexed")


def test_a_copy_waits_for_its_twin_that_is_being_indexed(
    engine: Engine,
    ingest: Any,
    tiny: Model,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    is_under_way, copy_waits = threading.Event(), threading.Event()
    encode = tiny.encode_prepared

    def encode_when_the_copy_waits(pictures: Sequence[Tensor]) -> NDArray[np.float32]:
        is_under_way.set()
        assert copy_waits.wait(60), "nobody asked whether to wait on"
        return encode(pictures)

    monkeypatch.setattr(tiny, "encode_prepared", encode_when_the_copy_waits)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(ingest, clip)
        assert is_under_way.wait(60)
        second = threads.submit(ingest, copy, lambda _: copy_waits.set())

    assert first.result().state == "indexed"
    assert second.result().reason == f"has the same content as {clip}"
    assert counts(engine) == (1, 2, 4, 4, 4)


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """Twelve shots whose pictures do not fit into a socket: the decoder is not done at once."""
    pictures = [picture for seed in range(12) for picture in shot(seed, 25, 640, 360)]
    return write_clip(tmp_path / "long.mp4", pictures)


@pytest.fixture
def crash_once(
    tiny: Model, decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Has the decoder crash when the first frame of it has come."""
    prepare = tiny.prepare
    crashed: list[int] = []

    def prepare_and_crash(image: Image.Image) -> Tensor:
        if not crashed:
            assert decoder.pid is not None
            crashed.append(decoder.pid)
            os.kill(decoder.pid, signal.SIGSEGV)
        return prepare(image)

    return lambda: monkeypatch.setattr(tiny, "prepare", prepare_and_crash)


def test_a_crash_that_an_earlier_file_may_have_caused_loses_and_doubles_nothing(
    engine: Engine, ingest: Ingest, clip: Path, long_clip: Path, crash_once: Callable[[], None]
) -> None:
    ingest(clip)
    crash_once()

    outcome = ingest(long_clip)

    assert (outcome.state, outcome.scenes, outcome.frames) == ("indexed", 12, 24)
    assert counts(engine) == (2, 14, 28, 28, 28)


def test_a_file_that_crashes_a_new_decoder_fails_alone(
    engine: Engine,
    ingest: Ingest,
    decoder: Decoder,
    clip: Path,
    long_clip: Path,
    crash_once: Callable[[], None],
) -> None:
    decoder.close()
    crash_once()

    outcome = ingest(long_clip)

    assert (outcome.state, outcome.reason) == ("failed", "crashed the decoder (SIGSEGV)")
    assert counts(engine) == (1, 0, 0, 0, 0)
    assert ingest(clip).state == "indexed"


def test_a_write_that_breaks_off_leaves_nothing(
    engine: Engine, ingest: Ingest, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_frames = store._copy_frames

    def copy_and_break_off(*arguments: Any) -> None:
        copy_frames(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_copy_frames", copy_and_break_off)

    with pytest.raises(KeyboardInterrupt):
        ingest(clip)

    assert counts(engine) == (1, 0, 0, 0, 0)
    assert rows(engine, "SELECT status, attempt FROM videos") == [("pending", None)]


def test_an_index_refuses_another_model_than_its_own(
    engine: Engine, ingest: Ingest, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(clip)
    monkeypatch.setenv("SCENEQL_MODEL", "ViT-B-32-256/datacomp_s34b_b86k")
    get_settings.cache_clear()

    with pytest.raises(ModelUnavailableError, match=r"uses tiny/.*models add ViT.*SCENEQL_HOME"):
        load_for_ingest(engine, get_settings())
    get_settings.cache_clear()


def test_the_app_knows_the_tiny_model_by_its_name() -> None:
    assert TINY.name == TINY_MODEL


@pytest.mark.usefixtures("settings_of_test", "clip")
def test_the_command_sums_up_in_json_and_fails_if_a_file_did(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"")
    missing = tmp_path / "missing.mp4"

    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "ingest", "--json", str(tmp_path), str(missing)],
        env=os.environ | {"SCENEQL_MODEL": "tiny"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 1, done.stderr
    summary = json.loads(done.stdout)
    assert summary.keys() == {
        "videos", "scenes", "frames", "updated", "skipped", "failed", "seconds"
    }  # fmt: skip
    assert (summary["videos"], summary["scenes"], summary["frames"]) == (1, 2, 6)
    assert {failure["path"] for failure in summary["failed"]} == {str(broken), str(missing)}


@pytest.mark.skipif(not MEDIA, reason="SCENEQL_TEST_MEDIA names no folder of real clips")
def test_real_clips_are_indexed_and_found_by_their_own_frames(
    engine: Engine, ingest: Ingest
) -> None:
    folder = Path(str(MEDIA))
    clips = sorted(folder.rglob("learning-area/*.webm")) + sorted(folder.rglob("sam2/*01*.mp4"))

    outcomes = [ingest(clip) for clip in clips]

    assert {outcome.state for outcome in outcomes} == {"indexed"}
    for card in list_videos(engine):
        duration_s = probe(Path(str(card.path))).duration_s
        assert card.duration_s == pytest.approx(duration_s, abs=0.5)
        nearest = rows(
            engine,
            f"SELECT video_id FROM search_like({card.id}, {card.cover_frame_no}) "
            "ORDER BY distance LIMIT 1",
        )
        assert nearest == [(card.id,)]
