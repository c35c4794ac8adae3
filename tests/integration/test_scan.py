"""Sources: what a scan finds, what it leaves alone, and what becomes of files that people move."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from procrastinate import JobContext
from procrastinate.exceptions import JobAborted
from sqlalchemy import Engine, text

from app.config import Settings
from app.errors import BadRequestError, UnreadableError
from app.queue import INGEST_QUEUE, SCAN_QUEUE, enqueue_scans
from app.sources import Rules, add_source, due_sources, find_source, pause_source
from tests.command import sceneql
from tests.media import shot, write_clip
from workers import scanner
from workers.decoder import Decoder
from workers.decoders import Decoders
from workers.embedding import Embedding
from workers.model import TINY, load
from workers.scan import LOOK_AGAIN_S, SETTLE_S, Report, scan
from workers.scanner import Scanner
from workers.tasks import IngestWorker

Scan = Callable[[], Report]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two videos, one of them in a folder below."""
    folder = tmp_path / "videos"
    (folder / "beach").mkdir(parents=True)
    clip(folder / "one.mp4", 1)
    clip(folder / "beach" / "two.mp4", 2)
    return folder


def clip(path: Path, seed: int) -> Path:
    """A short video that has been lying there for an hour."""
    write_clip(path, shot(seed, 5))
    return rested(path)


def rested(path: Path, age_s: float = 3600) -> Path:
    os.utime(path, (time.time() - age_s,) * 2)
    return path


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


def rows(engine: Engine, query: str) -> Sequence[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def shown(engine: Engine) -> set[str]:
    """The file names of the videos that searches find."""
    return {Path(str(path)).name for (path,) in rows(engine, "SELECT DISTINCT path FROM moments")}


def indexed_at(engine: Engine) -> Sequence[tuple[object, ...]]:
    """When each video was indexed: the same again tells that nothing was embedded anew."""
    return rows(engine, "SELECT id, indexed_at FROM videos ORDER BY id")


def kinds(report: Report) -> dict[str, int]:
    return {kind: count for kind, count in report.counts.items() if count}


def test_new_files_are_queued_once_and_then_known(
    engine: Engine, scan_root: Scan, work: Callable[[], None]
) -> None:
    assert kinds(scan_root()) == {"queued": 2}
    assert kinds(scan_root()) == {"in the queue already": 2}

    work()

    assert shown(engine) == {"one.mp4", "two.mp4"}
    assert kinds(scan_root()) == {"known": 2}


def test_a_video_is_in_the_collection_of_its_folder(
    engine: Engine, scan_root: Scan, work: Callable[[], None]
) -> None:
    scan_root()
    work()

    assert rows(engine, "SELECT title, collection FROM videos ORDER BY title") == [
        ("one", "videos"),
        ("two", "beach"),
    ]


def test_a_renamed_folder_keeps_its_videos_without_indexing_them_anew(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    before = indexed_at(engine)
    (root / "beach").rename(root / "sea")
    (root / "one.mp4").rename(root / "sea" / "uno.mp4")

    report = scan_root()

    assert kinds(report) == {"moved": 2}
    assert ("moved", f"{root}/sea/two.mp4", f"from {root}/beach/two.mp4") in report.notes
    assert shown(engine) == {"uno.mp4", "two.mp4"}
    assert rows(engine, "SELECT DISTINCT collection FROM videos") == [("sea",)]
    assert indexed_at(engine) == before
    assert rows(engine, "SELECT count(*) FROM video_files") == [(2,)]


def test_a_collection_that_people_set_does_not_follow_the_folder(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    sceneql("meta", "set", "two.mp4", "collection=beach")
    (root / "beach").rename(root / "sea")

    scan_root()

    assert rows(engine, "SELECT collection FROM videos WHERE title = 'two'") == [("beach",)]


def test_a_copy_is_a_second_file_of_its_video(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    shutil.copy2(root / "one.mp4", root / "copy.mp4")

    assert kinds(scan_root()) == {"known": 2, "copies": 1}
    assert rows(engine, "SELECT count(*) FROM videos") == [(2,)]


def test_a_file_of_the_same_size_and_other_content_is_no_copy(
    scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    data = bytearray((root / "one.mp4").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (root / "other.mp4").write_bytes(data)
    rested(root / "other.mp4")

    assert kinds(scan_root()) == {"known": 2, "queued": 1}


def test_a_missing_file_hides_its_video_until_it_is_back(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path, tmp_path: Path
) -> None:
    scan_root()
    work()
    before = indexed_at(engine)
    away = tmp_path / "away.mp4"
    (root / "one.mp4").rename(away)

    assert kinds(scan_root()) == {"known": 1, "missing": 1}
    assert shown(engine) == {"two.mp4"}

    away.rename(root / "one.mp4")
    assert kinds(scan_root()) == {"known": 2, "returned": 1}
    assert shown(engine) == {"one.mp4", "two.mp4"}
    assert indexed_at(engine) == before


def test_a_known_path_with_new_content_keeps_its_video_and_is_found_until_replaced(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    ids = rows(engine, "SELECT id FROM videos ORDER BY id")
    vector = "SELECT embedding::text FROM moments WHERE title = 'one' ORDER BY frame_no LIMIT 1"
    former = rows(engine, vector)
    clip(root / "one.mp4", 7)

    assert kinds(scan_root()) == {"known": 1, "queued": 1}
    assert rows(engine, vector) == former

    work()
    assert rows(engine, "SELECT id FROM videos ORDER BY id") == ids
    assert rows(engine, vector) != former


def test_a_sidecar_that_changes_changes_its_video_without_indexing_it_anew(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    before = indexed_at(engine)
    (root / "one.yaml").write_text("title: The first\ntags: [surf]\n")

    assert kinds(scan_root()) == {"known": 2, "new sidecars": 1, "queued": 1}
    work()

    assert rows(engine, "SELECT title, tags FROM videos WHERE path LIKE '%one.mp4'") == [
        ("The first", ["surf"])
    ]
    assert indexed_at(engine) == before
    assert kinds(scan_root()) == {"known": 2}


def test_a_root_that_is_gone_makes_nothing_missing_and_says_so(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path, tmp_path: Path
) -> None:
    scan_root()
    work()
    root.rename(tmp_path / "unplugged")

    with pytest.raises(BadRequestError, match="is its disk mounted"):
        scan_root()

    assert shown(engine) == {"one.mp4", "two.mp4"}
    assert "is its disk mounted" in str(find_source(engine, str(root)).error)

    (tmp_path / "unplugged").rename(root)
    assert kinds(scan_root()) == {"known": 2}
    assert find_source(engine, str(root)).error is None


def test_an_empty_root_is_taken_for_one_that_is_not_mounted(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    shutil.rmtree(root)
    root.mkdir()

    with pytest.raises(BadRequestError, match="is empty; is its disk mounted"):
        scan_root()

    assert shown(engine) == {"one.mp4", "two.mp4"}


@pytest.fixture
def _disk_on_beach(root: Path) -> Iterator[None]:
    """A real file system of its own, mounted on the folder below."""
    beach = root / "beach"
    done = subprocess.run(["mount", "-t", "tmpfs", "none", str(beach)], check=False)
    if done.returncode:
        pytest.skip("file systems cannot be mounted here")
    clip(beach / "two.mp4", 2)
    yield
    subprocess.run(["umount", str(beach)], check=False, stderr=subprocess.DEVNULL)


@pytest.mark.usefixtures("_disk_on_beach")
def test_what_lies_on_a_disk_that_is_not_mounted_is_not_missing(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    subprocess.run(["umount", str(root / "beach")], check=True)
    (root / "beach" / "two.mp4").unlink()

    report = scan_root()

    assert kinds(report) == {"known": 1, "not mounted": 1}
    assert shown(engine) == {"one.mp4", "two.mp4"}
    assert kinds(scan_root()) == {"known": 1, "not mounted": 1}


def test_a_scan_that_is_told_to_stop_is_no_fault_of_its_source(
    engine: Engine, scan_root: Scan, settings_of_test: Settings, root: Path
) -> None:
    assert scan_root
    source = find_source(engine, str(root))

    def stop() -> None:
        raise JobAborted

    with pytest.raises(JobAborted):
        Scanner(settings_of_test).scan_source(source.id, stop)

    assert find_source(engine, str(root)).error is None
    assert due_sources(engine) == [source.id]


def scan_jobs(engine: Engine) -> Sequence[tuple[object, ...]]:
    return rows(
        engine,
        "SELECT status::text FROM procrastinate.procrastinate_jobs WHERE task_name = 'scan_source'",
    )


def test_a_scan_that_breaks_off_waits_for_nothing_that_keeps_other_sources_waiting(
    engine: Engine, settings_of_test: Settings, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_database(_context: JobContext) -> None:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    monkeypatch.setattr(scanner, "stop_if_told", lose_the_database)
    add_source(engine, root, Rules())
    source = find_source(engine, str(root))
    enqueue_scans([source.id])
    begun = datetime.now(UTC)

    Scanner(settings_of_test).app().run_worker(
        queues=[SCAN_QUEUE],
        wait=False,
        install_signal_handlers=False,
        listen_notify=False,
        delete_jobs="successful",
    )

    assert scan_jobs(engine) == []
    broken_off = find_source(engine, str(root))
    assert broken_off.error is None
    assert begun < broken_off.due_at < datetime.now(UTC) + timedelta(seconds=LOOK_AGAIN_S)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_cannot_be_looked_into_makes_nothing_missing(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    (root / "beach").chmod(0)
    try:
        assert kinds(scan_root()) == {"known": 1, "unreadable folders": 1}
    finally:
        (root / "beach").chmod(0o755)
    assert shown(engine) == {"one.mp4", "two.mp4"}


def test_a_file_that_is_still_being_written_waits(scan_root: Scan, root: Path) -> None:
    rested(root / "one.mp4", age_s=SETTLE_S / 2)

    assert kinds(scan_root()) == {"queued": 1, "waiting": 1}

    rested(root / "one.mp4", age_s=SETTLE_S * 2)
    assert kinds(scan_root()) == {"queued": 1, "in the queue already": 1}


def test_a_file_from_the_future_waits_until_two_scans_saw_it_alike(
    engine: Engine, scan_root: Scan, root: Path
) -> None:
    rested(root / "one.mp4", age_s=-86400)
    assert kinds(scan_root()) == {"queued": 1, "waiting": 1}

    with engine.begin() as connection:
        # As if the first look had been an hour ago.
        connection.execute(
            text(
                "UPDATE sources SET waiting = jsonb_build_object(key, "
                "jsonb_set(value, '{2}', to_jsonb((value ->> 2)::float - 3600))) "
                "FROM jsonb_each((SELECT waiting FROM sources))"
            )
        )

    assert kinds(scan_root()) == {"queued": 1, "in the queue already": 1}


def test_globs_say_which_files_count_and_hide_none_that_was_indexed(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    clip(root / "three.mov", 3)
    add_source(engine, root, Rules(include=("*.mov", "*.mp4"), exclude=("beach/",)))

    assert kinds(scan_root()) == {"known": 1, "queued": 1}
    assert shown(engine) == {"one.mp4", "two.mp4"}


def test_a_scan_hands_over_the_newest_first_and_at_most_so_many(
    engine: Engine, scan_root: Scan, root: Path
) -> None:
    for age_s, name in ((30, "b.mp4"), (20, "c.mp4"), (40, "a.mp4")):
        rested(clip(root / name, age_s), age_s)
    add_source(engine, root, Rules(first="newest", at_most=2))

    assert kinds(scan_root()) == {"queued": 2, "later": 3}
    assert kinds(scan_root()) == {"queued": 2, "in the queue already": 2, "later": 1}

    queued = "SELECT args ->> 'path' FROM procrastinate.procrastinate_jobs ORDER BY id"
    assert [Path(str(path)).name for (path,) in rows(engine, queued)][:3] == [
        "c.mp4",
        "b.mp4",
        "a.mp4",
    ]


def test_a_source_inside_another_follows_its_own_rules(
    engine: Engine, scan_root: Scan, root: Path
) -> None:
    add_source(engine, root / "beach", Rules(collection="sea"))

    assert kinds(scan_root()) == {"queued": 1}


def test_a_source_is_due_when_its_time_has_come_and_never_while_paused(
    engine: Engine, scan_root: Scan, root: Path
) -> None:
    source_id = find_source(engine, str(root)).id
    assert due_sources(engine) == [source_id]

    scan_root()
    assert due_sources(engine) == []

    pause_source(engine, source_id, paused=True)
    assert due_sources(engine) == []
    pause_source(engine, source_id, paused=False)
    assert due_sources(engine) == [source_id]


def test_a_video_that_was_begun_and_never_finished_is_queued_again(
    engine: Engine, scan_root: Scan, root: Path
) -> None:
    state = (root / "one.mp4").stat()
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO videos (content_hash, title, status) VALUES ('x', 'one', 'pending')")
        )
        connection.execute(
            text(
                "INSERT INTO video_files (path, video_id, size_bytes, mtime) "
                "SELECT :path, id, :size, to_timestamp(:mtime) FROM videos"
            ),
            {
                "path": str(root / "one.mp4"),
                "size": state.st_size,
                "mtime": state.st_mtime_ns // 1000 / 1e6,
            },
        )

    assert kinds(scan_root()) == {"queued": 2}


@pytest.mark.usefixtures("settings_of_test")
def test_the_command_line_adds_lists_scans_pauses_and_removes(root: Path) -> None:
    added = sceneql("sources", "add", str(root), "--every", "1h", "--collection", "holiday")
    assert (added.returncode, added.stdout) == (0, "")
    assert "will be scanned every 1h" in added.stderr

    scanned = sceneql("sources", "scan")
    assert f"{root}: 2 queued" in scanned.stdout
    listed = sceneql("sources", "list").stdout
    assert "holiday" in listed
    assert "2 queued" in listed

    assert "is paused" in sceneql("sources", "pause", str(root)).stderr
    assert "paused" in sceneql("sources", "list").stdout
    assert "is no source any more" in sceneql("sources", "remove", str(root)).stderr
    assert "no sources yet" in sceneql("sources", "list").stdout


@pytest.mark.usefixtures("settings_of_test")
@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["--every", "soon"], "write 30s, 10m, 2h or 1d"),
        (["--every", "1s"], "every 10s to 30d"),
        (["--sampling", "all"], "scenes:N"),
        (["--exclude", "!"], "as in .gitignore"),
    ],
)
def test_bad_rules_are_one_line_with_the_cure(root: Path, arguments: list[str], cure: str) -> None:
    done = sceneql("sources", "add", str(root), *arguments)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert cure in done.stderr


def test_a_removed_video_stays_out_of_the_index_and_its_file_where_it_is(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()

    done = sceneql("rm", str(root / "beach"), "--yes")

    assert "1 removed from the index" in done.stderr
    assert shown(engine) == {"one.mp4"}
    assert (root / "beach" / "two.mp4").exists()
    assert kinds(scan_root()) == {"known": 1, "removed": 1}


def test_a_removed_file_is_indexed_again_when_somebody_asks_for_it(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    sceneql("rm", "--where", "title = two", "--yes")

    indexed = sceneql("ingest", str(root / "beach" / "two.mp4"))

    assert "1 videos indexed" in indexed.stderr
    assert shown(engine) == {"one.mp4", "two.mp4"}


@pytest.mark.usefixtures("settings_of_test")
@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        ([], "or choose them with --where"),
        (["77"], "name it by its id or path"),
        (["--where", "title ="], "the filter ends"),
        (["--where", "", "--yes"], "an empty filter holds for every video"),
        (["77", "--where", " ", "--yes"], "an empty filter holds for every video"),
    ],
)
def test_nothing_is_removed_that_was_not_named(arguments: list[str], cure: str) -> None:
    done = sceneql("rm", *arguments)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert cure in done.stderr


@pytest.mark.slow
def test_more_files_may_go_missing_than_a_statement_takes_parameters(
    engine: Engine, scan_root: Scan, root: Path
) -> None:
    number = 70_000
    with engine.begin() as connection:
        connection.execute(
            text(
                "WITH new AS (INSERT INTO videos (content_hash, title, status) "
                "SELECT n, n, 'indexed' FROM generate_series(1, :number) AS n RETURNING id) "
                "INSERT INTO video_files (path, video_id) "
                "SELECT :root || '/' || id || '.mp4', id FROM new"
            ),
            {"number": number, "root": str(root)},
        )

    assert kinds(scan_root()) == {"queued": 2, "missing": number}
    hidden = "SELECT count(*) FROM videos WHERE path IS NULL"
    assert rows(engine, hidden) == [(number,)]


def test_a_disk_that_goes_before_a_changed_file_is_read_does_not_cost_it_its_video(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path, tmp_path: Path
) -> None:
    scan_root()
    work()
    sceneql("meta", "set", "one.mp4", "title=Mine")
    ids = rows(engine, "SELECT id, title FROM videos ORDER BY id")
    clip(root / "one.mp4", 9)
    scan_root()
    root.rename(tmp_path / "unplugged")
    work()
    (tmp_path / "unplugged").rename(root)

    assert kinds(scan_root()) == {"known": 1, "queued": 1}
    work()

    assert rows(engine, "SELECT id, title FROM videos ORDER BY id") == ids
    assert kinds(scan_root()) == {"known": 2}


def test_a_file_that_goes_before_it_is_read_leaves_no_failure(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    (root / "one.mp4").unlink()
    work()

    assert kinds(scan_root()) == {"known": 1}
    assert rows(engine, "SELECT count(*) FROM video_files WHERE error IS NOT NULL") == [(0,)]


def test_what_a_failing_disk_did_not_give_is_queued_by_the_next_scan(
    engine: Engine, scan_root: Scan, work: Callable[[], None]
) -> None:
    def fail(*_: object) -> None:
        raise UnreadableError("cannot be read: Input/output error")

    scan_root()
    with pytest.MonkeyPatch.context() as disk:
        disk.setattr(Decoder, "decode", fail)
        work()
    assert shown(engine) == set()

    assert kinds(scan_root()) == {"queued": 2}
    work()

    assert shown(engine) == {"one.mp4", "two.mp4"}


def test_a_link_that_leads_nowhere_any_more_hides_its_video(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path, tmp_path: Path
) -> None:
    target = clip(tmp_path / "store.mp4", 5)
    (root / "link.mp4").symlink_to(target)
    scan_root()
    work()
    target.unlink()

    assert kinds(scan_root()) == {"known": 2, "missing": 1}
    assert shown(engine) == {"one.mp4", "two.mp4"}


def test_what_is_removed_does_not_come_back_from_the_queue(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    work()
    clip(root / "one.mp4", 9)
    assert kinds(scan_root()) == {"known": 1, "queued": 1}

    sceneql("rm", str(root / "one.mp4"), "--yes")
    work()

    assert shown(engine) == {"two.mp4"}


def test_a_root_that_is_a_link_is_known_by_the_disk_it_leads_to(
    engine: Engine, work: Callable[[], None], root: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    add_source(engine, link, Rules())
    scan(engine, find_source(engine, str(link)))
    work()
    with engine.begin() as connection:
        connection.execute(text("UPDATE sources SET mounts = ARRAY[:mount]"), {"mount": str(root)})

    with pytest.raises(BadRequestError, match=f"{root} is not mounted"):
        scan(engine, find_source(engine, str(link)))


def test_a_sidecar_is_looked_for_whatever_its_case(
    scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    # Some disks take NAME.JSON for name.json and others do not: what counts is what they say.
    (root / "ONE.JSON").write_text("{}")
    scan_root()
    work()

    assert kinds(scan_root()) == {"known": 2}
