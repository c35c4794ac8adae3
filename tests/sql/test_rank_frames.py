"""Frames ranked one by one: the nearest, any number of them from one scene."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import DBAPIError

from tests.filling import FRAMES_PER_SCENE, Filled, literal

KINDS = {"k": "integer", "within": "bigint[]", "min_z": "float8", "exact": "boolean"}


@pytest.fixture
def connection(filled_engine: Engine) -> Iterator[Connection]:
    """In a transaction of its own, so that a test may change the library."""
    with filled_engine.connect() as connection:
        yield connection


def rank(connection: Connection, vector: str | None, **given: Any) -> list[Row[Any]]:
    named = "".join(f", {name} => CAST(:{name} AS {KINDS[name]})" for name in given)
    statement = f"SELECT * FROM rank_frames(CAST(:vector AS halfvec){named})"
    return list(connection.execute(text(statement), {"vector": vector, **given}))


def nearest(filled: Filled, count: int) -> list[tuple[int, int]]:
    """Video and frame of those nearest to the first question."""
    similarity = filled.vectors @ filled.questions[0]
    order = (-similarity).ravel().argsort()[:count]
    frames = similarity.shape[1]
    return [(int(place) // frames + 1, int(place) % frames) for place in order]


def places(rows: list[Row[Any]]) -> list[tuple[int, int]]:
    return [(row.video_id, row.frame_no) for row in rows]


def test_the_nearest_frames_come_first_with_their_scenes(
    connection: Connection, filled: Filled
) -> None:
    rows = rank(connection, literal(filled.questions[0]), k=30, exact=True)

    assert places(rows) == nearest(filled, 30)
    assert [row.rank for row in rows] == list(range(1, 31))
    assert all(row.matched_by == ["picture"] and row.is_exact for row in rows)
    for row in rows:
        # Their frames lie a second apart.
        assert (row.title, row.t_s) == (f"video {row.video_id}", row.frame_no)
        assert row.scene_no == row.frame_no // FRAMES_PER_SCENE
        assert row.start_s <= row.t_s < row.end_s
        similarity = filled.vectors[row.video_id - 1, row.frame_no] @ filled.questions[0]
        assert row.similarity == pytest.approx(similarity, abs=2e-3)


def test_frames_that_look_the_same_come_by_video_and_frame(
    connection: Connection, filled: Filled
) -> None:
    question = literal(filled.questions[0])
    connection.execute(
        text(
            "UPDATE frame_embeddings SET embedding = CAST(:v AS halfvec) WHERE video_id IN (9, 4)"
        ),
        {"v": question},
    )

    rows = rank(connection, question, k=51, exact=True)

    assert places(rows) == [*((4, frame_no) for frame_no in range(50)), (9, 0)]


def test_frames_are_those_of_videos_that_can_be_watched_and_are_asked_for(
    connection: Connection, filled: Filled
) -> None:
    connection.execute(text("UPDATE video_files SET state = 'missing' WHERE video_id = 3"))
    question = literal(filled.questions[0])

    assert {row.video_id for row in rank(connection, question, k=20_000)} == {*range(1, 201)} - {3}
    assert {row.video_id for row in rank(connection, question, k=500, within=[3, 7])} == {7}
    assert rank(connection, question, within=[]) == []


def test_what_stands_out_less_is_left_out(connection: Connection, filled: Filled) -> None:
    question = literal(filled.questions[0])
    everything = rank(connection, question, k=50, exact=True)

    assert rank(connection, question, k=50, min_z=everything[9].z, exact=True) == everything[:10]


@pytest.mark.parametrize(("vector", "k", "problem"), [(None, 5, "empty"), ("[1]", 0, "1 row")])
@pytest.mark.usefixtures("filled")
def test_what_cannot_be_ranked_is_refused(
    connection: Connection, vector: str | None, k: int, problem: str
) -> None:
    with pytest.raises(DBAPIError, match=problem):
        rank(connection, vector, k=k)
