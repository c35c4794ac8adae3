"""Copies: `python -m bench.copies` prints the table of edits against precision and recall.

Every clip of the folder in SCENEQL_TEST_MEDIA, and of the sample library, is taken into a library
of fingerprints. Every whole clip is looked for among the others: many look alike, being from the
same cameras and sets, and are no copies. Then parts of each clip are edited, encoded anew with
PyAV, and looked for. A report is right if it names the clip that the part is from, at the right
time to a second, or a file that shows the same.
"""

import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Engine

from app.db import address_of
from app.errors import MediaError
from app.sampling import Sampling
from bench.clips import CLIPS
from bench.homes import new_library
from bench.machine import INGEST, header
from bench.tables import show
from workers.analysis import Fingerprint
from workers.demo import render_library
from workers.scenes import analyse

Pixels = NDArray[np.uint8]
FPS = 24
SUFFIXES = (".mp4", ".webm", ".mov", ".mkv", ".avi", ".gif")
# Clips of the same film or recording, published in different places.
SAME = ("rabbit", "buck", "traffic_camera")


def cropped(picture: Pixels) -> Pixels:
    height, width, _ = picture.shape
    y, x = height // 20, width // 20
    return picture[y : height - y, x : width - x]


def with_logo(picture: Pixels) -> Pixels:
    height, width, _ = picture.shape
    marked = picture.copy()
    top, left = height // 20, width * 4 // 5
    marked[top : top + height // 9, left : left + width // 7] = (255, 255, 255)
    cv2.putText(
        marked, "TV", (left + 2, top + height // 10), cv2.FONT_HERSHEY_SIMPLEX,
        height / 300, (200, 0, 0), 2,
    )  # fmt: skip
    return marked


@dataclass(frozen=True)
class Edit:
    """What is done to each picture, how fast the part is played, and how well it is encoded."""

    name: str
    picture: Callable[[Pixels], Any] = lambda picture: picture
    speed: float = 1.0
    quality: int = 23


EDITS = (
    Edit("cut out"),
    Edit("encoded poorly", quality=40),
    Edit("half the size", lambda picture: cv2.resize(picture, None, fx=0.5, fy=0.5)),
    Edit("another shape", lambda picture: cv2.resize(picture, (320, 320))),
    Edit("cropped by 10 %", cropped),
    Edit("mirrored", lambda picture: picture[:, ::-1]),
    Edit("with a logo", with_logo),
    Edit("5 % faster", speed=1.05),
    Edit("5 % slower", speed=0.95),
    Edit("brighter", lambda picture: cv2.convertScaleAbs(picture, alpha=1.15, beta=15)),
    Edit("mirrored, with a logo, 5 % faster", lambda p: with_logo(p[:, ::-1]), 1.05, 30),
)


@dataclass(frozen=True)
class Clip:
    """A file, what is known to show the same, and its fingerprints."""

    path: Path
    content: str
    duration_s: float
    fingerprints: tuple[Fingerprint, ...]


def pictures(path: Path, start_s: float, seconds: float) -> Iterator[tuple[float, Pixels]]:
    """The pictures of a part with their times in it, at most 360 lines high."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        zero_s = float((stream.start_time or 0) * (stream.time_base or 0))
        if start_s > 5:
            container.seek(int((zero_s + start_s - 2) * av.time_base))
        for frame in container.decode(stream):
            t_s = (frame.time or 0.0) - zero_s - start_s
            if t_s >= seconds:
                return
            if t_s >= 0:
                height = min(360, frame.height)
                width = round(frame.width * height / frame.height)
                picture = frame.to_ndarray(format="rgb24", width=width, height=height)
                yield t_s, picture.astype(np.uint8, copy=False)


def write_edited(clip: Clip, edit: Edit, start_s: float, seconds: float, path: Path) -> None:
    """Encode an edited part of a clip."""
    with av.open(path, "w") as container:
        stream: Any = None
        for t_s, picture in pictures(clip.path, start_s, seconds):
            edited = edit.picture(picture)
            edited = np.ascontiguousarray(
                edited[: len(edited) // 2 * 2, : edited.shape[1] // 2 * 2]
            )
            if stream is None:
                stream = container.add_stream(
                    "libx264", FPS, options={"preset": "veryfast", "crf": str(edit.quality)}
                )
                stream.height, stream.width = edited.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = Fraction(1, 1000)
            frame = av.VideoFrame.from_ndarray(edited, format="rgb24")
            frame.pts, frame.time_base = round(1000 * t_s / edit.speed), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def fingerprints(path: Path) -> tuple[tuple[Fingerprint, ...], float]:
    """A file's fingerprints, by the pass that indexes it, and its length in seconds."""
    found = analyse(path, Sampling.parse("scenes:1"), on_sample=lambda _: None)
    return found.fingerprints, found.duration_s


def read_clips(folders: list[Path]) -> list[Clip]:
    """All readable clips; a clip in two formats, or a preview of it, shows the same content."""
    clips = []
    files = sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix in SUFFIXES
    )
    for path in files:
        try:
            prints, duration_s = fingerprints(path)
        except MediaError as error:
            print(f"{path.name} is left out: {error}", file=sys.stderr)
            continue
        clips.append(Clip(path, content_of(path), duration_s, prints))
        print(f"\r{len(clips)} of {len(files)} clips read", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return clips


def content_of(path: Path) -> str:
    """What a file shows: the film it is from if others are too, else its name."""
    name = path.stem.removeprefix("preview_").removesuffix("_preview")
    return next((film for film in SAME if film in name), name)


def store(engine: Engine, clips: list[Clip]) -> dict[int, Clip]:
    """Write the clips' fingerprints; returns the clips by the ids of their videos."""
    by_id = {}
    with psycopg.connect(address_of(engine)) as connection:
        for clip in clips:
            row = connection.execute(
                "INSERT INTO videos (content_hash, title, duration_s, status) "
                "VALUES (%(path)s, %(path)s, %(seconds)s, 'indexed') RETURNING id",
                {"path": str(clip.path), "seconds": clip.duration_s},
            ).fetchone()
            assert row is not None
            by_id[int(row[0])] = clip
            connection.execute(
                "INSERT INTO video_files (path, video_id) VALUES (%s, %s)", [str(clip.path), row[0]]
            )
            connection.execute(
                "INSERT INTO fingerprints (video_id, t_s, phash) SELECT %s, t_s, bits::bit(64) "
                "FROM unnest(%s::double precision[], %s::text[]) AS u (t_s, bits)",
                [row[0], *arrays(clip.fingerprints)],
            )
    return by_id


def arrays(prints: tuple[Fingerprint, ...]) -> list[list[Any]]:
    return [[p.t_s for p in prints], [f"{p.phash:064b}" for p in prints]]


def look_up(
    connection: psycopg.Connection, prints: tuple[Fingerprint, ...], but: int | None = None
) -> list[Any]:
    """What copies_of_fingerprints reports: video, where there, where here, speed, mirrored."""
    return connection.execute(
        "SELECT video_id, start_s, end_s, from_s, to_s, speed, is_mirrored, agreement "
        "FROM copies_of_fingerprints(%s::double precision[], %s::text[]::bit(64)[], %s)",
        [*arrays(prints), but],
    ).fetchall()


def is_distinct(prints: tuple[Fingerprint, ...]) -> bool:
    """Whether a part has four pictures that differ: a still one is no copy by definition."""
    changes = [(one.phash ^ other.phash).bit_count() > 4 for one, other in pairwise(prints)]
    return sum(changes) + 1 >= 4 and all(p.phash for p in prints)


def edited_table(
    connection: psycopg.Connection, by_id: dict[int, Clip], folder: Path, lengths_s: list[float]
) -> None:
    """Look for edited parts and print a row for each edit and length."""
    print("| edit | part, s | parts | recall | precision |")
    print("| --- | ---: | ---: | ---: | ---: |", flush=True)
    for edit in EDITS:
        for seconds in lengths_s:
            tally: dict[str, int] = defaultdict(int)
            for clip in by_id.values():
                start_s = (clip.duration_s - seconds) / 2
                part = tuple(p for p in clip.fingerprints if start_s <= p.t_s < start_s + seconds)
                if start_s < 0.5 or not is_distinct(part):
                    continue
                path = folder / "edited.mp4"
                write_edited(clip, edit, start_s, seconds, path)
                tally["parts"] += 1
                found_it = False
                for video_id, there_s, _, from_s, *_ in look_up(connection, fingerprints(path)[0]):
                    true_s = start_s + from_s * edit.speed
                    same_file = by_id[video_id] is clip
                    is_right = by_id[video_id].content == clip.content and (
                        not same_file or abs(there_s - true_s) <= 1
                    )
                    tally["right" if is_right else "wrong"] += 1
                    found_it = found_it or (same_file and is_right)
                    if not is_right:
                        print(
                            f"{edit.name}: {clip.path.name} taken for {by_id[video_id].path.name} "
                            f"at {there_s:.1f} s", file=sys.stderr,
                        )  # fmt: skip
                tally["found"] += found_it
                if not found_it:
                    print(f"{edit.name}: {clip.path.name} not found", file=sys.stderr)
            reports = tally["right"] + tally["wrong"]
            print(
                f"| {edit.name} | {seconds:.0f} | {tally['parts']} "
                f"| {tally['found'] / max(1, tally['parts']):.2f} "
                f"| {tally['right'] / max(1, reports):.2f} |",
                flush=True,
            )


def negatives(connection: psycopg.Connection, by_id: dict[int, Clip]) -> None:
    """Look for every whole clip among the others and print what is taken for a copy."""
    wrong: list[str] = []
    right: list[str] = []
    for own_id, clip in by_id.items():
        for video_id, there_s, _, from_s, to_s, *_ in look_up(
            connection, clip.fingerprints, own_id
        ):
            other = by_id[video_id]
            part = f"{clip.path.name} {from_s:.1f} to {to_s:.1f} s"
            line = f"{part} = {other.path.name} at {there_s:.1f} s"
            (right if other.content == clip.content else wrong).append(line)
    pairs = len(by_id) * (len(by_id) - 1)
    print(
        f"\n{len(by_id)} clips, {pairs} pairs: {len(right)} known copies found, {len(wrong)} others"
    )
    for line in wrong:
        print(f"    {line}")


def main() -> None:
    """Print the tables, for the clips of SCENEQL_TEST_MEDIA and of the sample library."""
    parser = ArgumentParser(description="Edits against precision and recall.", parents=[CLIPS])
    parser.add_argument("--seconds", type=float, nargs="+", default=[5.0, 10.0])
    arguments = parser.parse_args()
    show(header(INGEST))
    with new_library() as (engine, settings):
        folder = settings.home
        render_library(folder / "videos")
        clips = read_clips([folder / "videos", *filter(None, [arguments.media])])
        by_id = store(engine, clips)
        with psycopg.connect(address_of(engine), autocommit=True) as connection:
            connection.execute("ANALYZE fingerprints")
            negatives(connection, by_id)
            print()
            edited_table(connection, by_id, folder, arguments.seconds)


if __name__ == "__main__":
    main()
