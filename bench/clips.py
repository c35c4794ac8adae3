"""The clips that ingest is measured on: those of a folder, or drawn ones where there is none."""

import os
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from workers.analysis import VideoInfo
from workers.demo import render_library
from workers.library import find_media
from workers.video import open_video

CLIPS = ArgumentParser(add_help=False)
"""The option that names the folder of the clips."""
CLIPS.add_argument("--media", type=Path, default=os.environ.get("SCENEQL_TEST_MEDIA") or None)


@dataclass(frozen=True)
class Clip:
    """A file, and how long it is."""

    path: Path
    duration_s: float


def clips(folder: Path | None, home: Path, most: int | None = None) -> list[Clip]:
    """The clips of a folder, or of a library that is drawn under `home`, in their order.

    Args:
        folder: Searched with its subfolders; None: the sample library is drawn.
        home: Where the bench keeps what it makes.
        most: How many are taken, spread over the folder; None: all.
    """
    paths = find_media([folder]).files if folder else render_library(home / "clips")
    if most is not None and most < len(paths):
        paths = [paths[n * len(paths) // most] for n in range(most)]
    return [Clip(path, _duration_s(path)) for path in paths]


def _duration_s(path: Path) -> float:
    with open_video(path) as video:
        info: VideoInfo = video.info
    if info.duration_s is None:
        raise SystemExit(f"{path} does not say how long it is; take it out of the folder")
    return info.duration_s
