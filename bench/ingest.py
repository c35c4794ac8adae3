"""Ingest: `python -m bench.ingest` prints how quick it is beside its parts and beside tutorials.

The ideal is what the parts take that nobody can do without, spread over all cores: the processor
time of decoding alone, of detection alone and of the model alone on as many pictures.
"""

import os
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import pipelines
from bench.clips import CLIPS, Clip, clips
from bench.machine import header
from bench.measuring import Run, run
from bench.random_weights import Weighted
from bench.ratios import Ratio, write_ratios
from bench.tables import show
from workers.model import DEFAULT, ModelId

HOME = Path("var/bench-ingest")
EVERY_S = 1


@dataclass(frozen=True)
class Parts:
    """What nobody can do without, each part by itself."""

    decoding: Run
    detection: Run
    model: Run

    def ideal_s(self) -> float:
        """How long it would take if all cores did nothing else, all the time."""
        detection_cpu_s = self.detection.counts.detection_cpu_s
        return (self.decoding.cpu_s + detection_cpu_s + self.model.cpu_s) / (os.cpu_count() or 1)


def report(
    found: list[Clip],
    weighted: Weighted,
    write: Callable[[str], None],
    run: Callable[..., Run] = run,
) -> list[Ratio]:
    """Run all pipelines over the clips, one after the other, and write the two tables.

    `run` runs one, by default in a process of its own.
    """
    table = _Table(sum(clip.duration_s for clip in found), write)
    # Made before anything is measured, where they are not there.
    weighted.load()
    decoding = table.row("decode alone", run(pipelines.decode, found, False))
    detection = run(pipelines.decode_and_detect, found, False)
    table.row("decode and detect, our way", detection)
    theirs = table.row("PySceneDetect alone", run(pipelines.pyscenedetect, found))
    scenes = table.row("SceneQL, scenes:3", run(pipelines.sceneql, found, "scenes:3", weighted))
    of_scenes = run(pipelines.embed, scenes.counts.images, weighted)
    table.row("the model alone, on as many pictures", of_scenes)
    seeking = run(pipelines.detect_then_seek, found, weighted)
    table.row("tutorial: detect, seek, one by one", seeking)
    every = run(pipelines.sceneql, found, f"every:{EVERY_S}s", weighted)
    table.row(f"SceneQL, every:{EVERY_S}s", every)
    of_every = run(pipelines.embed, every.counts.images, weighted)
    table.row("the model alone, on as many pictures", of_every)
    by_second = run(pipelines.seek_every_second, found, weighted)
    table.row("tutorial: seek to each second, one by one", by_second)
    key_decoding = table.row("decode key frames alone", run(pipelines.decode, found, True))
    key_detection = run(pipelines.decode_and_detect, found, True)
    table.row("decode key frames and detect, our way", key_detection)
    keys = table.row("SceneQL, keyframes", run(pipelines.sceneql, found, "keyframes", weighted))
    of_keys = run(pipelines.embed, keys.counts.images, weighted)
    table.row("the model alone, on as many pictures", of_keys)

    ratios = [
        _share_of_ideal("scenes:3", Parts(decoding, detection, of_scenes), scenes, 0.85),
        _share_of_ideal(f"every:{EVERY_S}s", Parts(decoding, detection, of_every), every, 0.85),
        _share_of_ideal("keyframes", Parts(key_decoding, key_detection, of_keys), keys, 0.7),
        Ratio("scenes:3 against PySceneDetect alone", theirs.seconds / scenes.seconds, 1.0),
        _times_as_quick("detect, seek, one by one", seeking, scenes, 2.5),
        _times_as_quick("seek to each second", by_second, every, 4.5),
    ]
    write_ratios(ratios, write)
    return ratios


def _share_of_ideal(what: str, parts: Parts, whole: Run, at_least: float) -> Ratio:
    ideal_s = parts.ideal_s()
    return Ratio(f"{what}: share of its ideal, {ideal_s:.1f} s", ideal_s / whole.seconds, at_least)


def _times_as_quick(what: str, tutorial: Run, ours: Run, at_least: float) -> Ratio:
    """How much quicker a picture is indexed: tutorials do not always take as many."""
    theirs_s = tutorial.seconds / tutorial.counts.images
    return Ratio(
        f"{what}: its time for a picture against ours",
        theirs_s / (ours.seconds / ours.counts.images),
        at_least,
    )


class _Table:
    def __init__(self, media_s: float, write: Callable[[str], None]) -> None:
        self._media_s = media_s
        self._write = write
        write(
            "| pipeline | seconds | x real time | core-seconds | frames/s | pictures | pictures/s "
            "| first video, s | peak memory, MB |\n"
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        )

    def row(self, name: str, measured: Run) -> Run:
        counts = measured.counts
        real_time = "" if counts.images and not counts.first_s else self._media_s / measured.seconds
        cells = [
            f"{measured.seconds:.1f}",
            f"{real_time:.1f}" if real_time else "",
            f"{measured.cpu_s:.1f}",
            f"{counts.frames / measured.seconds:.0f}" if counts.frames else "",
            str(counts.images or ""),
            f"{counts.images / measured.seconds:.1f}" if counts.images else "",
            f"{counts.first_s:.1f}" if counts.first_s else "",
            f"{measured.peak_mb:.0f}",
        ]
        self._write(f"| {name} | {' | '.join(cells)} |")
        return measured


def given(description: str) -> tuple[list[Clip], Weighted]:
    """The clips and the model that the command line names, after printing what they are."""
    parser = ArgumentParser(description=description, parents=[CLIPS])
    parser.add_argument("--clips", type=int, help="so many of them; default: all")
    parser.add_argument("--model", default=str(DEFAULT), help=f"default: {DEFAULT}")
    parser.add_argument("--home", type=Path, default=HOME)
    named = parser.parse_args()
    found = clips(named.media, named.home, named.clips)
    weighted = Weighted(ModelId.parse(named.model), named.home / "models")
    media_s = sum(clip.duration_s for clip in found)
    show(f"{header()}\n\n{len(found)} clips, {media_s:.0f} s of video, {weighted.model_id}\n")
    return found, weighted


def main() -> None:
    """Print the tables."""
    found, weighted = given("How quick the ingest is.")
    report(found, weighted, show)


if __name__ == "__main__":
    main()
