"""Disks and folders that a scan cannot look into, which makes no video missing."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.errors import BadRequestError, UnreadableError
from app.sources import Rules, add_source, find_source
from tests.command import sceneql
from tests.integration.scan.folder import Scan, clip, kinds, rows, shown
from workers.decoder import Decoder
from workers.scan import scan


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
