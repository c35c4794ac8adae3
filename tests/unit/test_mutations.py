"""Files that were hurt at random: each ends as decoded or as failed with a reason, and no later."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from app.errors import MediaError
from app.sampling import Sampling
from tests.media import Pixels, shot, write_clip
from workers.decoder import Decoder, DecoderBugError, DecoderLostError

FOLDERS = [
    folder
    for name in ("SCENEQL_TEST_MEDIA_EDGE", "SCENEQL_TEST_MEDIA")
    if (folder := os.environ.get(name))
]
MAX_BYTES = 400_000
# There is little to hurt in files that are no videos in the first place.
NO_VIDEOS = {".csv", ".md", ".wav", ".flac", ".mp3", ".ogg", ".vtt", ".avif"}
FRAME_TIMEOUT_S = 20.0
SAMPLINGS = [Sampling.parse(text) for text in ("scenes:2", "every:0.5s", "keyframes")]


def rendered(folder: Path) -> list[Path]:
    """A small file of each of the more usual formats."""
    folder.mkdir()
    pictures: list[Pixels] = [*shot(1, 8), *shot(2, 8)]
    formats = {
        "h264.mp4": "libx264",
        "h265.mkv": "libx265",
        "vp9.webm": "libvpx-vp9",
        "mpeg2.ts": "mpeg2video",
        "mpeg4.avi": "mpeg4",
        "flash.flv": "flv",
        "windows.wmv": "wmv2",
    }
    files = [write_clip(folder / name, pictures, codec=codec) for name, codec in formats.items()]
    stills = [Image.fromarray(picture) for picture in pictures[::4]]
    for name in ("moving.gif", "moving.webp", "moving.png"):
        stills[0].save(folder / name, save_all=True, append_images=stills[1:], duration=200)
        files.append(folder / name)
    return files


def originals(folder: Path) -> list[Path]:
    """The rendered files and the small ones of the folders of real media."""
    real = [
        path
        for name in FOLDERS
        for path in sorted(Path(name).rglob("*"))
        if path.suffix not in NO_VIDEOS and "oob" not in path.name and path.is_file()
    ]
    return rendered(folder) + [path for path in real if 0 < path.stat().st_size <= MAX_BYTES]


def hurt(data: bytes, chance: random.Random) -> bytes:
    """The bytes of a file after one to three accidents, which spare neither head nor middle."""
    hurt = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        # What a decoder is told about the rest stands in the head.
        span = len(hurt) if chance.random() < 0.7 else min(len(hurt), 2000)
        at = chance.randrange(span) if span else 0
        match chance.choice(("flip", "flip", "flip", "cut", "zero", "fill", "repeat", "lose")):
            case "flip":
                for _ in range(chance.choice((1, 4, 32, 256))):
                    hurt[chance.randrange(at, len(hurt))] ^= 1 << chance.randrange(8)
            case "cut":
                del hurt[max(1, at) :]
            case "zero":
                end = min(len(hurt), at + chance.choice((4, 64, 4096)))
                hurt[at:end] = bytes(end - at)
            case "fill":
                end = min(len(hurt), at + chance.choice((1, 4, 8)))
                hurt[at:end] = b"\xff" * (end - at)
            case "repeat":
                hurt[at:at] = hurt[at : at + chance.choice((16, 1000))]
            case "lose":
                del hurt[at : at + chance.choice((1, 16, 1000))]
        hurt = hurt or bytearray(1)
    return bytes(hurt)


@dataclass
class Ends:
    """How the variants ended, by kind, and those that ended as none should."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def decode_variants(decoder: Decoder, files: list[Path], folder: Path, seeds: range) -> Ends:
    ends = Ends()
    for seed in seeds:
        chance = random.Random(seed)
        original = chance.choice(files)
        variant = folder / f"variant{original.suffix}"
        variant.write_bytes(hurt(original.read_bytes(), chance))
        began = time.monotonic()
        try:
            decoder.decode(variant, chance.choice(SAMPLINGS), on_sample=lambda _: None)
            end, reason = "decoded", ""
        except DecoderBugError as error:
            end, reason = "internal error", str(error)
        except DecoderLostError as error:
            end, reason = "memory" if "MEMORY" in str(error) else "crash", str(error)
        except MediaError as error:
            end, reason = "hang" if "hangs" in str(error) else "failed", str(error)
        ends.counts[end] += 1
        took_s = time.monotonic() - began
        # A header may claim that anything is needed; FFmpeg has no other word for it than memory.
        if end not in {"decoded", "failed", "memory"} or "\n" in reason or took_s > FRAME_TIMEOUT_S:
            ends.wrong.append(f"seed {seed}, {original}: {end} in {took_s:.1f} s: {reason}")
        variant.unlink()
    return ends


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with Decoder(memory_mb=4096, frame_timeout_s=FRAME_TIMEOUT_S) as decoder:
        yield decoder


def check(decoder: Decoder, tmp_path: Path, seeds: range) -> None:
    files = originals(tmp_path / "originals")

    ends = decode_variants(decoder, files, tmp_path, seeds)

    print(dict(ends.counts))
    assert not ends.wrong, "\n".join(ends.wrong)
    assert ends.counts["decoded"] > len(seeds) / 10
    assert ends.counts["failed"] > len(seeds) / 10


def test_files_that_were_hurt_are_decoded_or_fail_with_a_reason(
    decoder: Decoder, tmp_path: Path
) -> None:
    check(decoder, tmp_path, range(60))


@pytest.mark.slow
def test_a_thousand_files_that_were_hurt_are_decoded_or_fail_with_a_reason(
    decoder: Decoder, tmp_path: Path
) -> None:
    check(decoder, tmp_path, range(1000, 2000))
