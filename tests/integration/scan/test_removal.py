"""Videos that people remove: their files stay where they are and are not indexed again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.command import sceneql
from tests.integration.scan.folder import Scan, clip, kinds, shown


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
