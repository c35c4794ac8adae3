"""Further questions on the command line: what follows, what is alike, and what is a copy."""

import json
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import psycopg
import pytest
from PIL import Image
from sqlalchemy import Engine

from app.db import address_of
from tests.command import sceneql
from tests.conftest import SERVERS

pytestmark = pytest.mark.usefixtures("settings_of_library")


def asked(*arguments: str) -> Any:
    """The JSON that a command prints."""
    shown = sceneql(*arguments, "--json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def names(hits: list[dict[str, Any]]) -> list[str]:
    return [Path(hit["path"]).name for hit in hits]


def sample(name: str) -> Path:
    """A file of the sample library."""
    return Path(os.environ[SERVERS]) / "library" / "videos" / name


def write_part(source: Path, target: Path, start_s: float, end_s: float) -> None:
    """A part of a video, mirrored and encoded anew."""
    with av.open(source) as read, av.open(target, "w") as written:
        stream = written.add_stream("libx264", 24)
        stream.height, stream.width = read.streams.video[0].height, read.streams.video[0].width
        stream.pix_fmt = "yuv420p"
        for frame in read.decode(video=0):
            if start_s <= (frame.time or 0) < end_s:
                picture = np.ascontiguousarray(frame.to_ndarray(format="rgb24")[:, ::-1], np.uint8)
                written.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        written.mux(stream.encode())


def test_what_is_not_wanted_falls_behind() -> None:
    plain = names(asked("search", "a red circle", "--limit", "2")["hits"])

    without = asked("search", "a red circle", "--not", "a white background", "--limit", "1")

    assert set(plain) == {"balloons.mp4", "lanterns.mp4"}
    assert names(without["hits"]) == ["lanterns.mp4"]


def test_a_keyword_finds_what_was_said() -> None:
    hits = asked("search", "--keywords", "pharmacy", "--limit", "3")["hits"]

    assert names(hits) == ["signs.mp4"]
    assert hits[0]["matched_by"] == ["subtitles"]


def test_a_moment_finds_what_looks_like_it() -> None:
    hits = asked("search", "--like", "balloons.mp4@0:01", "--limit", "2")["hits"]

    assert names(hits) == ["balloons.mp4", "lanterns.mp4"]
    assert hits[0]["similarity"] == pytest.approx(1, abs=0.001)


def test_a_second_question_asks_for_what_follows() -> None:
    pairs = asked("search", "a red circle", "--then", "a yellow circle", "--limit", "1")["hits"]

    assert names(pairs) == ["balloons.mp4"]
    assert pairs[0]["t_s"] < 4 <= pairs[0]["then"]["t_s"] < 8


def test_what_follows_has_to_follow_soon() -> None:
    pairs = asked("search", "a red circle", "--then", "a green circle", "--gap", "2")["hits"]

    assert pairs
    assert all(0 < pair["then"]["t_s"] - pair["t_s"] <= 2 for pair in pairs)


def test_hits_are_grouped_by_video() -> None:
    hits = asked("search", "a red circle", "--group", "video", "--limit", "2")["hits"]

    assert names(hits) == 3 * ["balloons.mp4"] + 3 * ["lanterns.mp4"]


def test_a_lowest_similarity_leaves_out_the_rest() -> None:
    everything = asked("search", "a red circle")["hits"]

    kept = asked("search", "a red circle", "--min-similarity", "0.4")["hits"]

    assert kept == [hit for hit in everything if hit["similarity"] >= 0.4]
    assert 0 < len(kept) < len(everything)


def test_a_file_that_is_no_part_of_the_library_is_found_in_it(tmp_path: Path) -> None:
    part = tmp_path / "part.mp4"
    write_part(sample("signs.mp4"), part, 2, 12)

    [copy] = asked("find", str(part))["copies"]

    assert Path(copy["path"]).name == "signs.mp4"
    assert copy["start_s"] == pytest.approx(2, abs=1)
    assert copy["is_mirrored"]


def test_a_file_that_cannot_be_read_does_not_keep_the_others_from_being_found(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")

    shown = sceneql("find", str(broken), str(sample("signs.mp4")))

    assert shown.returncode == 1
    assert len(shown.stderr.splitlines()) == 1
    assert "broken.mp4" in shown.stderr
    assert "agreement" in shown.stdout


def test_similar_videos_are_listed() -> None:
    videos = asked("similar", "balloons.mp4", "--limit", "3")

    assert "balloons.mp4" not in names(videos)
    assert videos[0]["similarity"] >= videos[1]["similarity"]


def test_a_clip_from_outside_is_asked_by_its_key(library: Engine, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_part(sample("stars.webm"), clip, 0.5, 3.5)

    embedded = sceneql("embed", str(clip))

    assert embedded.returncode == 0, embedded.stderr
    with psycopg.connect(address_of(library)) as connection:
        first = connection.execute(
            "SELECT path, start_s FROM search_clip(%s, k => 1)", [embedded.stdout.strip()]
        ).fetchone()
    assert first is not None
    assert (Path(first[0]).name, first[1]) == ("stars.webm", 0)


def test_the_indexed_frames_are_saved_as_pictures(tmp_path: Path) -> None:
    saved = sceneql("frames", "stars.webm", "--out", str(tmp_path / "frames"))

    assert saved.returncode == 0, saved.stderr
    pictures = sorted((tmp_path / "frames").iterdir())
    assert len(pictures) == 9
    with Image.open(pictures[0]) as picture:
        assert min(picture.size) >= 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "--like", "balloons.mp4"], "write VIDEO@TIME"),
        (["search", "--like", "balloons.mp4@soon"], "write VIDEO@TIME"),
        (["search", "--like", "zebra.mp4@1"], "no indexed video 'zebra.mp4'"),
        (["search", "a star", "--like", "balloons.mp4@1"], "not for both"),
        (["search", "a star", "--then", " "], "what follows"),
        (["search", "--not", ""], "the question is empty"),
        (["search", "--like", "balloons.mp4@nan"], "write VIDEO@TIME"),
        (["search", "--keywords", "sky", "--min-similarity", "0.4"], "no similarity"),
        (["search", "a star", "--then", "a cross", "--gap", "0"], "above 0"),
        (["search", "a star", "--then", "a cross", "--group", "video"], "listed by scenes"),
        (["similar", "zebra"], "no indexed video 'zebra'"),
        (["find", "/no/such.mp4"], "does not exist"),
        (["embed", "/no/such.mp4"], "does not exist"),
        (["frames", "stars.webm", "--out", "/proc/frames"], "cannot be written"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_a_wrong_question_gets_one_line(arguments: list[str], message: str) -> None:
    refused = sceneql(*arguments)

    assert refused.returncode == 2
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
