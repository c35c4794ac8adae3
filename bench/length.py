"""Length: `python -m bench.length` prints the memory that an ingest takes against a video's length.

Videos of one kind are rendered, short and long ones, and each is indexed by a process of its own.
The model alone, loaded and warm, is what such a process takes before it has seen a video.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import pipelines
from bench.clips import Clip
from bench.machine import INGEST, header
from bench.measuring import Run, run
from bench.panning import render
from bench.random_weights import Weighted
from bench.ratios import Ratio, write_ratios
from bench.tables import show
from workers.model import DEFAULT, ModelId

HOME = Path("var/bench-length")
MINUTES = (1.0, 4.0, 16.0)
SAMPLING = "scenes:3"


def report(
    found: Sequence[Clip],
    weighted: Weighted,
    write: Callable[[str], None],
    run: Callable[..., Run] = run,
) -> list[Ratio]:
    """Index the videos, of which the first is the shortest, one by one, and write the two tables.

    `run` runs one pipeline, by default in a process of its own.
    """
    # Made before anything is measured, where they are not there.
    weighted.load()
    write("| video, min | pictures | seconds | x real time | peak memory, MB |")
    write("| ---: | ---: | ---: | ---: | ---: |")
    alone = run(pipelines.embed, 0, weighted)
    write(f"| none, the model alone | | | | {alone.peak_mb:.0f} |")
    peaks_mb = []
    for clip in found:
        one = run(pipelines.sceneql, [clip], SAMPLING, weighted)
        peaks_mb.append(one.peak_mb)
        write(
            f"| {clip.duration_s / 60:.1f} | {one.counts.images} | {one.seconds:.1f} "
            f"| {clip.duration_s / one.seconds:.1f} | {one.peak_mb:.0f} |"
        )
    growth = peaks_mb[-1] / peaks_mb[0]
    ratios = [Ratio("peak memory, the longest against the shortest", growth, 1.1, "at most")]
    write_ratios(ratios, write)
    return ratios


def videos(minutes: Sequence[float], folder: Path) -> list[Clip]:
    """Videos of these lengths, the shortest first, rendered where the folder lacks them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for length in sorted(minutes):
        path = folder / f"{length:g}-minutes.mp4"
        if not path.exists():
            render(path, 60 * length)
        found.append(Clip(path, 60 * length))
    return found


def main() -> None:
    """Render what is not there yet, and print the tables."""
    parser = argparse.ArgumentParser(description="Memory against the length of a video.")
    parser.add_argument("--minutes", type=float, nargs="+", default=MINUTES)
    parser.add_argument("--model", default=str(DEFAULT), help=f"default: {DEFAULT}")
    parser.add_argument("--home", type=Path, default=HOME)
    given = parser.parse_args()
    weighted = Weighted(ModelId.parse(given.model), given.home / "models")
    found = videos(given.minutes, given.home / "videos")
    show(f"{header(INGEST)}\n\n{SAMPLING}, {weighted.model_id}\n")
    report(found, weighted, show)


if __name__ == "__main__":
    main()
