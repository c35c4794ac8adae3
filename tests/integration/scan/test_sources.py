"""Sources: which files they choose, when they are due, and how people keep them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from procrastinate import JobContext
from procrastinate.exceptions import JobAborted
from sqlalchemy import Engine, text

from app.config import Settings
from app.queue import SCAN_QUEUE, enqueue_scans
from app.sources import Rules, add_source, due_sources, find_source, pause_source
from tests.command import sceneql
from tests.integration.scan.folder import Scan, clip, kinds, rested, rows, shown
from workers import scanner
from workers.scan import LOOK_AGAIN_S
from workers.scanner import Scanner


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


@pytest.mark.usefixtures("scan_root")
def test_a_scan_that_is_told_to_stop_is_no_fault_of_its_source(
    engine: Engine, settings_of_test: Settings, root: Path
) -> None:
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
