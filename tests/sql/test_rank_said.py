"""Scenes in which something is said, ranked by how they look or by how well the words fit."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import DBAPIError

from tests.conftest import Databases
from tests.filling import FRAMES_PER_SCENE, Filled, fill, literal

Rows = list[Row[Any]]

SAID = {
    (2, 0): "Good morning from the harbour",
    (3, 1): "The harbour, and the harbour master",
    (3, 2): "An evening by the sea",
    (5, 3): "A beach in the morning",
    (7, 0): "The beach at noon",
}


@pytest.fixture(scope="module")
def library(databases: Databases) -> Iterator[tuple[Engine, Filled]]:
    """30 videos of 20 s in four scenes; each line is said from the third second of its scene on."""
    engine = databases.create()
    filled = fill(engine, videos=30, frames=20)
    with engine.begin() as connection:
        for (video_id, scene_no), said in SAID.items():
            place = {"v": video_id, "n": scene_no, "said": said, "t": scene_no * 5 + 3}
            connection.execute(
                text("UPDATE scenes SET said = :said WHERE video_id = :v AND scene_no = :n"), place
            )
            connection.execute(
                text(
                    "INSERT INTO subtitles (video_id, line_no, scene_no, start_s, end_s, said) "
                    "VALUES (:v, 0, :n, :t - 1, :t, 'nothing yet'), (:v, 1, :n, :t, :t + 1, :said) "
                    "ON CONFLICT DO NOTHING"
                ),
                place,
            )
    yield engine, filled
    databases.drop(engine)


@pytest.fixture
def filled(library: tuple[Engine, Filled]) -> Filled:
    return library[1]


@pytest.fixture
def connection(library: tuple[Engine, Filled]) -> Iterator[Connection]:
    """In a transaction of its own, so that a test may change the library."""
    with library[0].connect() as connection:
        yield connection


def rank(connection: Connection, *keywords: str, **given: Any) -> Rows:
    named = "".join(f", {name} => CAST(:{name} AS {KINDS[name]})" for name in given)
    return list(
        connection.execute(
            text(f"SELECT * FROM rank_said(:keywords{named})"),
            {"keywords": list(keywords), **given},
        )
    )


KINDS = {"vector": "halfvec", "k": "integer", "within": "bigint[]", "min_z": "float8"}


def places(rows: Rows) -> list[tuple[int, int]]:
    return [(row.video_id, row.scene_no) for row in rows]


@pytest.mark.parametrize(
    ("keywords", "found"),
    [
        (["harbours"], {(2, 0), (3, 1)}),
        (["beach or harbour"], {(2, 0), (3, 1), (5, 3), (7, 0)}),
        (["beach or harbour", "morning"], {(2, 0), (5, 3)}),
        (["morning", "beach or harbour"], {(2, 0), (5, 3)}),
        (['"good morning"'], {(2, 0)}),
        (["harbour -master"], {(2, 0)}),
        (["harbour", "-master"], {(2, 0)}),
        (["zeppelin"], set()),
    ],
    ids=str,
)
@pytest.mark.parametrize("looks", [False, True], ids=["words alone", "by looks"])
def test_all_keywords_hold_in_each_scene(
    connection: Connection,
    filled: Filled,
    looks: bool,
    keywords: list[str],
    found: set[tuple[int, int]],
) -> None:
    given = {"vector": literal(filled.questions[0])} if looks else {}

    rows = rank(connection, *keywords, **given)

    assert set(places(rows)) == found
    assert len(rows) == len(found)


@pytest.mark.parametrize("keywords", [[], [""], ["the"], ["harbour", "the"], ["the", "harbour"]])
def test_keywords_of_which_nothing_is_left_are_refused(
    connection: Connection, keywords: list[str]
) -> None:
    with pytest.raises(DBAPIError, match="nothing is left"):
        rank(connection, *keywords)


def test_a_ranking_of_no_rows_is_refused(connection: Connection) -> None:
    with pytest.raises(DBAPIError, match="1 row at least"):
        rank(connection, "harbour", k=0)


def test_what_says_it_more_often_comes_first_and_as_it_is_said(connection: Connection) -> None:
    first, second = rank(connection, "harbour")

    assert (first.rank, first.video_id, first.scene_no) == (1, 3, 1)
    assert (first.title, first.path) == ("video 3", "/videos/video 3.mp4")
    # The scene begins at 5 s, and the line three seconds later.
    assert (first.start_s, first.end_s, first.t_s, first.frame_no) == (5, 10, 8, 8)
    assert (first.similarity, first.z, first.matched_by) == (None, None, ["subtitles"])
    assert first.is_exact
    assert (second.rank, second.video_id, second.t_s) == (2, 2, 3)


def test_scenes_that_say_it_equally_come_by_video_and_scene(connection: Connection) -> None:
    connection.execute(text("UPDATE scenes SET said = 'a lighthouse' WHERE video_id IN (9, 4)"))

    rows = rank(connection, "lighthouse")

    assert places(rows) == [(video_id, scene_no) for video_id in (4, 9) for scene_no in range(4)]
    assert [row.rank for row in rows] == list(range(1, 9))
    # No line says it, so the scene's first frame stands for it.
    assert [row.t_s for row in rows[:2]] == [0, 5]


def test_looks_are_ranked_as_all_frames_of_the_scenes_are_alike(
    connection: Connection, filled: Filled
) -> None:
    connection.execute(text("UPDATE scenes SET said = 'a lighthouse'"))
    question = filled.questions[0]
    similarity = filled.vectors @ question
    scenes = similarity.reshape(-1, FRAMES_PER_SCENE)
    best = [(int(at) // 4 + 1, int(at) % 4) for at in (-scenes.max(axis=1)).argsort()]

    rows = rank(connection, "lighthouse", vector=literal(question), k=1000)

    assert places(rows)[:20] == best[:20]
    assert len(rows) == len(best)
    for row in rows[:20]:
        assert row.similarity == pytest.approx(similarity[row.video_id - 1, row.frame_no], abs=2e-3)
        assert row.frame_no // FRAMES_PER_SCENE == row.scene_no
        assert (
            row.frame_no % FRAMES_PER_SCENE
            == scenes[(row.video_id - 1) * 4 + row.scene_no].argmax()
        )
        assert row.matched_by == ["picture", "subtitles"]
        assert row.is_exact
    assert rank(connection, "lighthouse", vector=literal(question), k=7) == rows[:7]


def test_scenes_that_look_the_same_come_by_video_and_scene(
    connection: Connection, filled: Filled
) -> None:
    connection.execute(text("UPDATE scenes SET said = 'a lighthouse' WHERE video_id IN (9, 4)"))
    connection.execute(
        text(
            "UPDATE frame_embeddings SET embedding = CAST(:one AS halfvec) WHERE video_id IN (9, 4)"
        ),
        {"one": literal(filled.vectors[0, 0])},
    )

    rows = rank(connection, "lighthouse", vector=literal(filled.questions[0]), k=5)

    assert places(rows) == [(4, 0), (4, 1), (4, 2), (4, 3), (9, 0)]
    assert [row.frame_no for row in rows] == [0, 5, 10, 15, 0]


def test_z_is_that_of_all_rankings_and_cuts_off(connection: Connection, filled: Filled) -> None:
    connection.execute(text("UPDATE scenes SET said = 'a lighthouse'"))
    vector = literal(filled.questions[0])
    everything = rank(connection, "lighthouse", vector=vector, k=1000)
    scenes = connection.execute(
        text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), 1000, exact => true)"), {"v": vector}
    ).all()
    assert [(row.frame_no, row.z) for row in everything] == [
        (row.frame_no, row.z) for row in scenes
    ]
    cut_off = everything[6].z

    assert rank(connection, "lighthouse", vector=vector, k=1000, min_z=cut_off) == everything[:7]


def test_without_looks_nothing_is_cut_off(connection: Connection) -> None:
    assert len(rank(connection, "harbour", min_z=100)) == 2


@pytest.mark.parametrize("looks", [False, True], ids=["words alone", "by looks"])
def test_only_videos_that_can_be_watched_and_are_asked_for_are_ranked(
    connection: Connection, filled: Filled, looks: bool
) -> None:
    given = {"vector": literal(filled.questions[0])} if looks else {}
    connection.execute(text("UPDATE video_files SET state = 'missing' WHERE video_id = 3"))
    connection.execute(text("UPDATE videos SET status = 'failed' WHERE id = 5"))

    everywhere = rank(connection, "beach or harbour", **given)
    narrowed = rank(connection, "beach or harbour", within=[3, 7, 8], **given)
    nowhere = rank(connection, "beach or harbour", within=[], **given)

    assert set(places(everywhere)) == {(2, 0), (7, 0)}
    assert places(narrowed) == [(7, 0)]
    assert nowhere == []


@pytest.mark.parametrize("looks", [False, True], ids=["words alone", "by looks"])
def test_scenes_without_a_frame_take_no_place(
    connection: Connection, filled: Filled, looks: bool
) -> None:
    given = {"vector": literal(filled.questions[0])} if looks else {}
    connection.execute(text("DELETE FROM frames WHERE video_id = 3 AND scene_no = 1"))
    connection.execute(text("DELETE FROM frames WHERE video_id = 7"))

    assert set(places(rank(connection, "beach or harbour", k=2, **given))) == {(2, 0), (5, 3)}


def test_without_a_model_nothing_is_found(databases: Databases) -> None:
    engine = databases.create()
    with engine.connect() as connection:
        assert rank(connection, "harbour") == []
        assert rank(connection, "harbour", vector="[1,0]") == []
    databases.drop(engine)
