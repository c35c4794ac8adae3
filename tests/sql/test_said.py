"""Lines of subtitles: found by keywords, with the time they were said, by their index."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from tests.conftest import Databases
from tests.filling import fill

NARROWED = {
    "as it stands": "SELECT title, start_s FROM search_said('lighthouse')",
    "a where": "SELECT title FROM search_said('lighthouse') WHERE collection = 'c3'",
    "a join": "SELECT v.codec FROM search_said('lighthouse') s JOIN videos v ON v.id = s.video_id",
    "ordered": "SELECT title, frame_no FROM search_said('lighthouse') "
    "ORDER BY relevance DESC LIMIT 5",
    "a phrase": "SELECT title FROM search_said('\"old lighthouse\" -fog')",
}


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[Engine]:
    """200 videos of 20 s in four scenes, with 50 lines each, of which few say anything special."""
    engine = databases.create()
    fill(engine, videos=200, frames=20)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO subtitles (video_id, line_no, scene_no, start_s, end_s, said) "
            "SELECT id, n, (n * 0.4)::int / 5, n * 0.4, n * 0.4 + 0.3, "
            "'line ' || n || ' of nothing special' FROM videos, generate_series(0, 48) AS n"
        )
        for video_id, line_no, said in (
            (3, 20, "The old lighthouse at night"),
            (3, 45, "A lighthouse, and the lighthouse keeper"),
            (4, 7, "Маяки в тумане"),
            (5, 7, "灯塔在雾中"),
        ):
            connection.execute(
                text("UPDATE subtitles SET said = :s WHERE video_id = :v AND line_no = :n"),
                {"s": said, "v": video_id, "n": line_no},
            )
        connection.exec_driver_sql(
            "UPDATE scenes SET said = 'a lighthouse' WHERE video_id = 3 AND scene_no = 1"
        )
        connection.exec_driver_sql("ANALYZE subtitles")
    yield engine
    databases.drop(engine)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.mark.parametrize("query", NARROWED.values(), ids=NARROWED.keys())
def test_lines_are_found_by_their_index(connection: Connection, query: str) -> None:
    explained = connection.exec_driver_sql(f"EXPLAIN (FORMAT json) {query}").scalar_one()
    plan = json.dumps(explained)

    assert "subtitles_said_words_idx" in plan, f"no index scan in the plan: {plan}"
    assert "Function Scan" not in plan, f"the stream was not inlined: {plan}"


@pytest.mark.parametrize(
    ("keywords", "places"),
    [
        ("lighthouses", {(3, 8.0), (3, 18.0)}),
        ('"old lighthouse"', {(3, 8.0)}),
        ("lighthouse -keeper", {(3, 8.0)}),
        ("маяк", {(4, 2.8)}),
        ("灯塔", {(5, 2.8)}),
        ("zeppelin", set()),
        ("", set()),
    ],
)
def test_keywords_find_the_line_and_when_it_was_said(
    connection: Connection, keywords: str, places: set[tuple[int, float]]
) -> None:
    found = connection.execute(
        text("SELECT video_id, start_s FROM search_said(:k)"), {"k": keywords}
    )

    assert {(row.video_id, round(row.start_s, 3)) for row in found} == places


def test_a_line_comes_with_its_scene_and_the_nearest_frame(connection: Connection) -> None:
    row = connection.exec_driver_sql(
        "SELECT * FROM search_said('keeper') ORDER BY relevance DESC"
    ).one()

    assert (row.video_id, row.title, row.scene_no, row.line_no) == (3, "video 3", 3, 45)
    assert row.path == "/videos/video 3.mp4"
    # The frames of these videos lie a second apart.
    assert row.frame_no == 18
    assert row.end_s == pytest.approx(18.3)


def test_what_says_it_more_often_is_more_relevant(connection: Connection) -> None:
    first, second = connection.exec_driver_sql(
        "SELECT line_no FROM search_said('lighthouse') ORDER BY relevance DESC"
    ).scalars()

    assert (first, second) == (45, 20)


def test_a_hidden_video_says_nothing(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE video_files SET state = 'missing' WHERE video_id = 3")

    assert connection.exec_driver_sql("SELECT * FROM search_said('lighthouse')").all() == []


def test_a_scene_that_was_found_by_what_is_said_shows_the_moment(connection: Connection) -> None:
    connection.exec_driver_sql(
        "UPDATE subtitles SET said = 'a lighthouse here' WHERE video_id = 3 AND line_no = 20"
    )

    hit = connection.exec_driver_sql("SELECT * FROM search_hybrid(keywords => 'lighthouse')").one()

    assert (hit.video_id, hit.scene_no, hit.matched_by) == (3, 1, ["subtitles"])
    # The scene begins at 5 s, and the line at 8 s.
    assert (hit.t_s, hit.frame_no) == (8, 8)


def test_lines_go_with_their_video(connection: Connection) -> None:
    connection.exec_driver_sql("DELETE FROM videos WHERE id = 3")

    left = connection.exec_driver_sql("SELECT count(*) FROM subtitles WHERE video_id = 3")
    assert left.scalar_one() == 0
