"""Cost: `python -m bench.cost` prints the hours of video that an hour indexes, and what they take.

Each sampling mode indexes the same clips into a database of its own, on the processor and, where
there is one, with the model on the GPU. The disk is apart for pictures and for all else.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from sqlalchemy import Engine, TextClause, text

from bench.clips import Clip
from bench.homes import new_library
from bench.ingest import given, parser_of
from bench.measuring import Clock, Counts, Run, run
from bench.pipelines import index
from bench.random_weights import Weighted
from bench.tables import show

SAMPLINGS = ("keyframes", "scenes:1", "scenes:3", "every:1s")
PROCESSOR, GPU = "processor", "GPU"
_HOUR_S = 3600.0
_PICTURES_BYTES = text("SELECT coalesce(sum(octet_length(thumbnail)), 0) FROM frames")
_LIBRARY_BYTES = text(
    "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c "
    "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
)


@dataclass(frozen=True)
class Weighed(Counts):
    """What a pipeline did, and what its library takes on disk: thumbnails, and all else."""

    thumbnails_bytes: int = 0
    other_bytes: int = 0


def devices() -> list[str]:
    """What the model can run on here."""
    return [PROCESSOR, GPU] if torch.cuda.is_available() else [PROCESSOR]


def index_and_weigh(
    clock: Clock, clips: list[Clip], sampling: str, weighted: Weighted, device: str
) -> Weighed:
    """Index the clips into a new database, as `pipelines.sceneql` does, and weigh that."""
    if device == PROCESSOR:
        # Read when torch first looks for a GPU, which in this process is yet to come.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    with new_library() as (engine, settings):
        empty_bytes = _bytes(engine, _LIBRARY_BYTES)
        counts = index(clock, engine, settings, clips, sampling, weighted)
        thumbnails_bytes = _bytes(engine, _PICTURES_BYTES)
        other_bytes = _bytes(engine, _LIBRARY_BYTES) - empty_bytes - thumbnails_bytes
    return Weighed(**vars(counts), thumbnails_bytes=thumbnails_bytes, other_bytes=other_bytes)


def _bytes(engine: Engine, query: TextClause) -> int:
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def report(
    found: list[Clip],
    weighted: Weighted,
    on: Sequence[str],
    write: Callable[[str], None],
    run: Callable[..., Run] = run,
) -> None:
    """Index the clips in each mode on each device, one after the other, and write the table.

    `run` runs one, by default in a process of its own.
    """
    hours = sum(clip.duration_s for clip in found) / _HOUR_S
    # Made before anything is measured, where they are not there.
    weighted.load()
    write(
        "| sampling | model on | hours of video an hour | pictures an hour of video "
        "| thumbnails, MB an hour | all else, MB an hour |\n"
        "| --- | --- | ---: | ---: | ---: | ---: |"
    )
    for device in on:
        for sampling in SAMPLINGS:
            one = run(index_and_weigh, found, sampling, weighted, device)
            assert isinstance(one.counts, Weighed)
            write(
                f"| {sampling} | {device} | {_HOUR_S * hours / one.seconds:.1f} "
                f"| {one.counts.images / hours:,.0f} "
                f"| {one.counts.thumbnails_bytes / 2**20 / hours:.1f} "
                f"| {one.counts.other_bytes / 2**20 / hours:.1f} |"
            )


def main() -> None:
    """Print the table."""
    found, weighted = given(parser_of("Hours of video an hour, and their disk.").parse_args())
    report(found, weighted, devices(), show)


if __name__ == "__main__":
    main()
