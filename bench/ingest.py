"""Ingest: `python -m bench.ingest` prints how quick it is beside its parts and beside tutorials.

The ideal is what the parts take that nobody can do without, spread over all cores: the processor
time of decoding alone, of detection alone and of the model alone on as many pictures. Where a GPU
has the model, decoding alone is the ideal of what decodes every frame.
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench import pipelines
from bench.clips import CLIPS, Clip, clips
from bench.machine import INGEST, header
from bench.measuring import Pipeline, Run, run
from bench.random_weights import Weighted
from bench.ratios import Ratio, write_ratios
from bench.tables import show
from workers.model import DEFAULT, ModelId

HOME = Path("var/bench-ingest")
EVERY = "every:1s"
# What libgomp takes where nobody tells it how torch's threads wait, as workers does.
_USUAL_SPIN_COUNT = "300000"


@dataclass(frozen=True)
class Round:
    """Each pipeline run once, in this order."""

    decoding: Run
    detection: Run
    pyscenedetect: Run
    scenes: Run
    model_of_scenes: Run
    seeking: Run
    every: Run
    model_of_every: Run
    by_second: Run
    key_decoding: Run
    key_detection: Run
    keys: Run
    model_of_keys: Run

    def frames_read_by(self, pipeline: str) -> int | None:
        """How many frames it decodes one after the other; None for one that seeks or has none."""
        if pipeline in ("decoding", "detection", "pyscenedetect", "scenes", "every"):
            return self.decoding.counts.frames
        if pipeline in ("key_decoding", "key_detection", "keys"):
            return self.key_decoding.counts.frames
        return None

    def ratios(self, on_gpu: bool) -> list[Ratio]:
        """The figures that are held against limits; those of the ideal depend on the device."""
        scenes_ideal_s = every_ideal_s = self.decoding.seconds
        if not on_gpu:
            scenes_ideal_s = _ideal_s(self.decoding, self.detection, self.model_of_scenes)
            every_ideal_s = _ideal_s(self.decoding, self.detection, self.model_of_every)
        keys_ideal_s = _ideal_s(self.key_decoding, self.key_detection, self.model_of_keys)
        return [
            Ratio("scenes:3: share of its ideal", scenes_ideal_s / self.scenes.seconds, 0.85),
            Ratio(f"{EVERY}: share of its ideal", every_ideal_s / self.every.seconds, 0.85),
            Ratio("keyframes: share of its ideal", keys_ideal_s / self.keys.seconds, 0.7),
            Ratio(
                "scenes:3 against PySceneDetect alone",
                self.pyscenedetect.seconds / self.scenes.seconds,
                1.0,
            ),
            _times_as_quick("detect, seek, one by one", self.seeking, self.scenes, 2.5),
            _times_as_quick("seek to each second", self.by_second, self.every, 4.5),
        ]


_NAMES = {
    "decoding": "decode alone",
    "detection": "decode and detect, our way",
    "pyscenedetect": "PySceneDetect alone",
    "scenes": "SceneQL, scenes:3",
    "model_of_scenes": "the model alone, on as many pictures",
    "seeking": "tutorial: detect, seek, one by one",
    "every": f"SceneQL, {EVERY}",
    "model_of_every": "the model alone, on as many pictures",
    "by_second": "tutorial: seek to each second, one by one",
    "key_decoding": "decode key frames alone",
    "key_detection": "decode key frames and detect, our way",
    "keys": "SceneQL, keyframes",
    "model_of_keys": "the model alone, on as many pictures",
}


def report(
    found: list[Clip],
    weighted: Weighted,
    write: Callable[[str], None],
    *,
    run: Callable[..., Run] = run,
    rounds: int = 1,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Ratio]:
    """Run all pipelines over the clips, one after the other, and write the two tables.

    A machine that others share is quicker at one time than at another. Of several rounds the table
    has the run of each pipeline that was neither quicker nor slower than most, and a figure that is
    held against a limit is the median of those of each round.

    Args:
        found: The clips.
        weighted: The model.
        write: Gets each line of the tables.
        run: Runs a pipeline, by default in a process of its own.
        rounds: How often all of them are run; an odd number.
        tell: Told what is run now.
    """
    # Made before anything is measured, where they are not there.
    on_gpu = weighted.load().device != "cpu"
    done = [
        _round(found, weighted, run, tell, f"round {nth} of {rounds}")
        for nth in range(1, rounds + 1)
    ]
    media_s = sum(clip.duration_s for clip in found)
    write(
        "| pipeline | seconds | x real time | core-seconds | frames/s | pictures | pictures/s "
        "| first video, s | peak memory, MB |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for pipeline, name in _NAMES.items():
        runs = sorted((getattr(one, pipeline) for one in done), key=lambda one: one.seconds)
        write(_row(name, runs[len(runs) // 2], media_s, done[0].frames_read_by(pipeline)))
    of_rounds = zip(*(one.ratios(on_gpu) for one in done), strict=True)
    ratios = [_usual(of_a_kind) for of_a_kind in of_rounds]
    write_ratios(ratios, write)
    return ratios


def _round(
    found: list[Clip],
    weighted: Weighted,
    run: Callable[..., Run],
    tell: Callable[[str], None],
    which: str,
) -> Round:
    def one(name: str, pipeline: Pipeline, *arguments: object) -> Run:
        tell(f"{which}: {_NAMES[name]}")
        return run(pipeline, *arguments)

    def tutorial(name: str, pipeline: Pipeline) -> Run:
        with _threads_as_usual():
            return one(name, pipeline, found, weighted)

    return Round(
        decoding=one("decoding", pipelines.decode, found, False),
        detection=one("detection", pipelines.decode_and_detect, found, False),
        pyscenedetect=one("pyscenedetect", pipelines.pyscenedetect, found),
        scenes=(scenes := one("scenes", pipelines.sceneql, found, "scenes:3", weighted)),
        model_of_scenes=one("model_of_scenes", pipelines.embed, scenes.counts.images, weighted),
        seeking=tutorial("seeking", pipelines.detect_then_seek),
        every=(every := one("every", pipelines.sceneql, found, EVERY, weighted)),
        model_of_every=one("model_of_every", pipelines.embed, every.counts.images, weighted),
        by_second=tutorial("by_second", pipelines.seek_every_second),
        key_decoding=one("key_decoding", pipelines.decode, found, True),
        key_detection=one("key_detection", pipelines.decode_and_detect, found, True),
        keys=(keys := one("keys", pipelines.sceneql, found, "keyframes", weighted)),
        model_of_keys=one("model_of_keys", pipelines.embed, keys.counts.images, weighted),
    )


@contextmanager
def _threads_as_usual() -> Iterator[None]:
    """Processes that start within the block have torch's threads wait for each other as usual.

    Ours sleep, for the sake of the page and of Postgres. No tutorial has that.
    """
    os.environ["GOMP_SPINCOUNT"] = _USUAL_SPIN_COUNT
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]


def _usual(rounds: Sequence[Ratio]) -> Ratio:
    """The ratio of all rounds, with the least and the largest where there are several."""
    values = [one.value for one in rounds]
    what = rounds[0].what
    if len(rounds) > 1:
        what += f" ({min(values):.2f} to {max(values):.2f})"
    return replace(rounds[0], what=what, value=median(values))


def _ideal_s(decoding: Run, detection: Run, model: Run) -> float:
    """How long it would take if all cores did nothing but what nobody can do without."""
    cpu_s = decoding.cpu_s + detection.counts.detection_cpu_s + model.cpu_s
    return cpu_s / (os.cpu_count() or 1)


def _times_as_quick(what: str, tutorial: Run, ours: Run, at_least: float) -> Ratio:
    """How much quicker a picture is indexed: tutorials do not always take as many."""
    theirs_s = tutorial.seconds / tutorial.counts.images
    return Ratio(
        f"{what}: its time for a picture against ours",
        theirs_s / (ours.seconds / ours.counts.images),
        at_least,
    )


def _row(name: str, measured: Run, media_s: float, frames: int | None) -> str:
    counts = measured.counts
    real_time = "" if counts.images and not counts.first_s else media_s / measured.seconds
    cells = [
        f"{measured.seconds:.1f}",
        f"{real_time:.1f}" if real_time else "",
        f"{measured.cpu_s:.1f}",
        f"{frames / measured.seconds:.0f}" if frames else "",
        str(counts.images or ""),
        f"{counts.images / measured.seconds:.1f}" if counts.images else "",
        f"{counts.first_s:.1f}" if counts.first_s else "",
        f"{measured.peak_mb:.0f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def parser_of(description: str) -> ArgumentParser:
    """The options that all have in common who index clips."""
    parser = ArgumentParser(description=description, parents=[CLIPS])
    parser.add_argument("--clips", type=int, help="so many of them; default: all")
    parser.add_argument("--model", default=str(DEFAULT), help=f"default: {DEFAULT}")
    parser.add_argument("--home", type=Path, default=HOME)
    return parser


def given(named: Namespace) -> tuple[list[Clip], Weighted]:
    """The clips and the model that the command line names, after printing what they are."""
    found = clips(named.media, named.home, named.clips)
    weighted = Weighted(ModelId.parse(named.model), named.home / "models")
    media_s = sum(clip.duration_s for clip in found)
    show(f"{header(INGEST)}\n\n{len(found)} clips, {media_s:.0f} s of video, {weighted.model_id}\n")
    return found, weighted


def main() -> None:
    """Print the tables."""
    parser = parser_of("How quick the ingest is.")
    parser.add_argument("--rounds", type=int, default=1, help="run all so often; default: 1")
    named = parser.parse_args()
    if named.rounds % 2 == 0:
        parser.error("--rounds takes an odd number, so that one of them is in the middle")
    found, weighted = given(named)
    report(found, weighted, show, rounds=named.rounds, tell=lambda now: print(now, file=sys.stderr))


if __name__ == "__main__":
    main()
