"""Many files that are moved at once, and an import of very many."""

import json
import os
import time
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import Engine

from app.config import Settings
from app.sources import Rules, add_source, find_source
from tests.ingesting import ingester_of
from tests.reliability.faults import (
    Watch,
    count,
    tally_up,
    wait_until_idle,
    worker,
)
from workers.decoder import Decoder
from workers.model import TINY, load
from workers.scan import scan

GIFS = "SCENEQL_TEST_GIFS"


def add_gifs(folder: Path, number: int) -> list[Path]:
    """Animated pictures of two frames and a few hundred bytes; the first 65,536 are all unlike."""
    files = []
    for n in range(number):
        colours = [((n >> shift) % 256, (n * 7 + shift) % 256, 90) for shift in (0, 8)]
        first, second = (Image.new("RGB", (16, 16), colour) for colour in colours)
        first.putpixel((n % 16, n // 16 % 16), (255, 255, 255))
        path = folder / f"{n // 1000:03d}" / f"{n:06d}.gif"
        path.parent.mkdir(parents=True, exist_ok=True)
        first.save(path, save_all=True, append_images=[second], duration=500)
        os.utime(path, (time.time() - 3600,) * 2)
        files.append(path)
    return files


@pytest.mark.parametrize("number", [60, pytest.param(1000, marks=pytest.mark.soak)])
def test_moved_files_are_found_again_without_being_indexed_anew(
    engine: Engine, settings_of_test: Settings, decoder: Decoder, tmp_path: Path, number: int
) -> None:
    root = tmp_path / "videos"
    files = add_gifs(root, number)
    model = load(TINY, Path("unused"))
    ingester = ingester_of(engine, model, decoder, settings_of_test.spool_dir, sampling="scenes:3")
    for file in files:
        assert ingester.ingest(file).state == "indexed"
    add_source(engine, root, Rules())
    latest = "SELECT extract(epoch FROM max(indexed_at))::bigint FROM videos"
    indexed_at = count(engine, latest)

    moved = [root / "sorted" / file.parent.name / f"new {file.name}" for file in files]
    for old, new in zip(files, moved, strict=True):
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)
    with Watch(engine) as watch:
        report = scan(engine, find_source(engine, str(root)))

    tally = tally_up(engine, watch, "files moved and renamed", number, moved)
    assert report.counts["moved"] == number
    assert report.counts["queued"] == 0
    assert count(engine, latest) == indexed_at
    assert (tally.lost, tally.duplicated, tally.visible_halves) == (0, 0, 0)


@pytest.mark.soak
@pytest.mark.usefixtures("settings_of_test")
def test_a_huge_import_goes_through_and_takes_no_more_memory_on_the_way(
    engine: Engine, tmp_path: Path
) -> None:
    number = int(os.environ.get(GIFS, "100000"))
    root = tmp_path / "videos"
    files = add_gifs(root, number)
    add_source(engine, root, Rules())
    started = time.monotonic()
    report = scan(engine, find_source(engine, str(root)))
    scanned_s = time.monotonic() - started
    assert report.counts["queued"] == number

    jobs = str(os.cpu_count() or 1)
    environment = os.environ | {"SCENEQL_MODEL": "tiny", "SCENEQL_JOBS": jobs}
    left = "SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE status = 'todo'"
    memory_kb: list[int] = []
    with Watch(engine) as watch, worker(environment) as process:
        while count(engine, left):
            time.sleep(5)
            memory_kb.append(resident_kb(process.pid))
            assert process.poll() is None, "the worker has ended"
        wait_until_idle(engine)
    seconds = time.monotonic() - started

    half = len(memory_kb) // 2
    print(
        json.dumps(
            {
                "files": number,
                "scan_s": round(scanned_s, 1),
                "files_per_s": round(number / seconds, 1),
                "memory_at_half_mb": memory_kb[half] // 1024,
                "memory_at_end_mb": memory_kb[-1] // 1024,
            }
        )
    )
    tally = tally_up(engine, watch, "import of tiny GIFs", 0, files)
    assert (tally.lost, tally.duplicated, tally.visible_halves) == (0, 0, 0)
    assert memory_kb[-1] < 1.1 * memory_kb[half], "the worker's memory grows with what it did"


def resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} tells no VmRSS")
