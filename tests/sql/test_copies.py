"""Finding copies by their fingerprints: where, how fast, mirrored or not, and nothing else."""

from collections.abc import Iterator

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, Row, text

from app.db import address_of
from tests.conftest import Databases

Hashes = NDArray[np.bool_]
"""(prints, 64) bits, two a second."""

MIRROR = np.tile([True, False], 32)
VIDEOS, LENGTH = 30, 120


def film(seed: int, seconds: float = LENGTH / 2) -> Hashes:
    """The fingerprints of a video with a cut every 2 to 5 s, between which little changes."""
    random = np.random.default_rng(seed)
    hashes: list[NDArray[np.bool_]] = []
    while len(hashes) < 2 * seconds:
        shot = random.random(64) < 0.5
        for _ in range(random.integers(4, 11)):
            shot = shot ^ (random.random(64) < 0.08)
            hashes.append(shot)
    return np.array(hashes[: int(2 * seconds)])


def noisy(hashes: Hashes, bits: float, seed: int = 99) -> Hashes:
    """The same with so many of the 64 bits flipped on average."""
    return hashes ^ (np.random.default_rng(seed).random(hashes.shape) < bits / 64)


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[Engine]:
    engine = databases.create()
    for seed in range(1, VIDEOS + 1):
        add_video(engine, f"video {seed}", film(seed))
    yield engine
    databases.drop(engine)


def add_video(engine: Engine, title: str, hashes: Hashes) -> int:
    with psycopg.connect(address_of(engine)) as connection:
        row = connection.execute(
            "INSERT INTO videos (content_hash, title, duration_s, status) "
            "VALUES (%(title)s, %(title)s, %(seconds)s, 'indexed') RETURNING id",
            {"title": title, "seconds": len(hashes) / 2},
        ).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO video_files (path, video_id) VALUES (%s, %s)", [f"/{title}.mp4", row[0]]
        )
        connection.execute(
            "INSERT INTO fingerprints (video_id, t_s, phash) "
            "SELECT %s, (n - 1) / 2.0, bits::bit(64) "
            "FROM unnest(%s::text[]) WITH ORDINALITY AS u (bits, n)",
            [row[0], as_text(hashes)],
        )
    return int(row[0])


def as_text(hashes: Hashes) -> list[str]:
    return ["".join("01"[bit] for bit in row) for row in hashes.astype(int)]


def copies(engine: Engine, hashes: Hashes, interval_s: float = 0.5) -> list[Row[tuple[object]]]:
    with engine.connect() as connection:
        return list(
            connection.execute(
                text(
                    "SELECT * FROM copies_of_fingerprints(CAST(:times AS double precision[]), "
                    "CAST(CAST(:hashes AS text[]) AS bit(64)[]))"
                ),
                {"times": [n * interval_s for n in range(len(hashes))], "hashes": as_text(hashes)},
            ).all()
        )


@pytest.mark.parametrize("bits", [0, 2, 8, 12], ids=lambda bits: f"{bits} bits differ")
@pytest.mark.parametrize("seconds", [6, 20])
def test_a_part_is_found_where_it_lies(engine: Engine, seconds: int, bits: int) -> None:
    part = noisy(film(7)[40 : 40 + 2 * seconds], bits)

    [copy] = copies(engine, part)

    assert (copy.title, copy.path, copy.is_mirrored) == ("video 7", "/video 7.mp4", False)
    assert copy.start_s == pytest.approx(20, abs=1.5)
    assert copy.end_s == pytest.approx(20 + seconds, abs=1.5)
    assert copy.end_s - copy.start_s == pytest.approx(copy.to_s - copy.from_s, abs=0.5)
    assert copy.agreement == pytest.approx(1 - bits / 32, abs=0.1)


def test_a_mirror_image_is_found(engine: Engine) -> None:
    [copy] = copies(engine, noisy(film(3)[10:40] ^ MIRROR, 4))

    assert (copy.title, copy.is_mirrored) == ("video 3", True)
    assert copy.start_s == pytest.approx(5, abs=1)


@pytest.mark.parametrize("speed", [0.95, 1.05])
def test_a_change_of_speed_is_found_and_measured(engine: Engine, speed: float) -> None:
    places = np.arange(20, 80) * speed
    [copy] = copies(engine, noisy(film(5)[np.round(places).astype(int)], 3))

    assert copy.title == "video 5"
    assert copy.speed == pytest.approx(speed, abs=0.015)
    assert copy.start_s == pytest.approx(places[0] / 2, abs=1)


def test_a_part_within_something_else_is_found_where_it_lies_there(engine: Engine) -> None:
    compilation = np.concatenate([film(100, 10), film(8)[60:80], film(101, 10), film(9)[0:20]])

    first, second = sorted(copies(engine, compilation), key=lambda copy: copy.from_s)

    assert (first.title, second.title) == ("video 8", "video 9")
    assert (first.from_s, first.to_s) == pytest.approx((10, 20), abs=1)
    assert (first.start_s, first.end_s) == pytest.approx((30, 40), abs=1)
    assert (second.from_s, second.to_s) == pytest.approx((30, 40), abs=1)
    assert (second.start_s, second.end_s) == pytest.approx((0, 10), abs=1)


def test_two_parts_of_one_video_are_both_found(engine: Engine) -> None:
    cut = np.concatenate([film(5)[0:60], film(102, 20), film(5)[80:100]])

    first, second = sorted(copies(engine, cut), key=lambda copy: copy.from_s)

    assert (first.title, second.title) == ("video 5", "video 5")
    assert (first.from_s, first.start_s) == pytest.approx((0, 0), abs=1)
    assert (second.from_s, second.start_s) == pytest.approx((50, 40), abs=1)


def test_a_slow_change_is_found(databases: Databases) -> None:
    engine = databases.create()
    # Four bits turn at each fingerprint, as in a slow pan.
    turning = np.random.default_rng(7).permuted(np.tile(np.arange(64), (40, 1)), axis=1)[:, :4]
    turned = np.zeros((40, 64), dtype=bool)
    np.put_along_axis(turned, turning, True, axis=1)
    slow = np.logical_xor.accumulate(turned ^ np.eye(1, 64, dtype=bool), axis=0)
    add_video(engine, "slow", slow)

    [copy] = copies(engine, slow)

    assert (copy.title, copy.is_mirrored) == ("slow", False)
    databases.drop(engine)


def test_unrelated_videos_are_no_copies(engine: Engine) -> None:
    for seed in range(200, 220):
        assert copies(engine, film(seed)) == []


def test_a_static_picture_is_no_copy_however_long(engine: Engine) -> None:
    still = np.repeat(film(4)[:1], 60, axis=0)

    assert copies(engine, still) == []


def test_a_first_frame_in_common_is_no_copy(engine: Engine) -> None:
    other = film(300)
    other[:3] = film(6)[:3]

    assert copies(engine, other) == []


def test_black_frames_match_nothing(databases: Databases) -> None:
    engine = databases.create()

    def fading(seed: int) -> NDArray[np.bool_]:
        """Pictures of its own, every other one black."""
        pictures = film(seed, 40)
        pictures[::2] = False
        return pictures

    add_video(engine, "fading", fading(400))

    assert copies(engine, fading(401)) == []
    databases.drop(engine)


def test_a_video_of_the_library_finds_its_copies_but_not_itself(databases: Databases) -> None:
    engine = databases.create()
    original = add_video(engine, "original", film(1))
    copy = add_video(engine, "copy", noisy(film(1)[20:60], 5))
    add_video(engine, "other", film(2))

    with engine.connect() as connection:
        found = {
            video_id: [
                row.video_id
                for row in connection.execute(
                    text("SELECT * FROM find_copies(:id)"), {"id": video_id}
                )
            ]
            for video_id in (original, copy)
        }

    assert found == {original: [copy], copy: [original]}
    databases.drop(engine)
