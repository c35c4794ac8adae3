"""What a scan makes of files that are new, moved, copied, changed, gone or still being written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.command import sceneql
from tests.integration.scan.folder import Scan, clip, indexed_at, kinds, rested, rows, shown
from workers.scan import SETTLE_S


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


def test_a_file_that_goes_before_it_is_read_leaves_no_failure(
    engine: Engine, scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    scan_root()
    (root / "one.mp4").unlink()
    work()

    assert kinds(scan_root()) == {"known": 1}
    assert rows(engine, "SELECT count(*) FROM video_files WHERE error IS NOT NULL") == [(0,)]


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


def test_a_sidecar_is_looked_for_whatever_its_case(
    scan_root: Scan, work: Callable[[], None], root: Path
) -> None:
    # Some disks take NAME.JSON for name.json and others do not: what counts is what they say.
    (root / "ONE.JSON").write_text("{}")
    scan_root()
    work()

    assert kinds(scan_root()) == {"known": 2}
