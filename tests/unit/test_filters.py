"""The filter grammar: what it accepts, what it says of what it does not, and what it means."""

import pytest
from sqlalchemy import Engine, create_engine, select

from app.asking import Question
from app.errors import BadRequestError
from app.filters import video_filter
from app.models import Video
from app.search import search
from tests.filling import fill


@pytest.fixture
def library(engine: Engine) -> Engine:
    fill(engine, videos=12, frames=2)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE videos SET collection = NULL WHERE title = 'video 12'")
    return engine


def matching(engine: Engine, where: str | None) -> list[int]:
    """The numbers of the videos that a filter leaves."""
    query = select(Video.title).where(video_filter(where)).order_by(Video.id)
    with engine.connect() as connection:
        return [int(title.split()[1]) for title in connection.execute(query).scalars()]


def test_filters_mean_what_they_say(library: Engine) -> None:
    meanings = {
        "collection=c3": [3],
        "collection != c3 and video_id < 5": [1, 2, 4],
        "collection in (c1, c2)": [1, 2, 11],
        'title = "video 7"': [7],
        "title='video 7' or title=\"video 8\"": [7, 8],
        "tags = even and video_id <= 4": [2, 4],
        "tags != even and video_id <= 4": [1, 3],
        "tags in (even, nothing) and video_id <= 2": [2],
        "metadata.n > 9": [10, 11, 12],
        "metadata.n = 9": [9],
        "metadata.n in (9, 10)": [9, 10],
        "metadata.nothing = 1": [],
        "recorded_at >= 2026-01-11": [11, 12],
        "recorded_at < '2026-01-02 13:00'": [1, 2],
        "duration_s > 1.5 and video_id = 1": [1],
        "not (video_id > 2)": [1, 2],
        "not collection = c1 and video_id > 10": [12],
        "video_id = 1 or video_id = 2 and tags = odd": [1],
        "(video_id = 1 or video_id = 2) and tags = even": [2],
        "VIDEO_ID = 1".lower() + " AND NOT tags = even": [1],
    }

    assert {where: matching(library, where) for where in meanings} == meanings


@pytest.mark.parametrize("where", [None, "", "  "])
def test_no_filter_holds_for_all(library: Engine, where: str | None) -> None:
    assert len(matching(library, where)) == 12


def test_not_equal_holds_where_nothing_is_known(library: Engine) -> None:
    assert 12 in matching(library, "collection != c1")


def test_values_are_bound_and_never_part_of_the_sql() -> None:
    condition = video_filter('title = "x\'; DROP TABLE videos; --"')

    compiled = condition.compile(create_engine("postgresql+psycopg://"))

    assert "DROP" not in str(compiled)
    assert list(compiled.params.values()) == ["x'; DROP TABLE videos; --"]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("colection = news", "knows no field 'colection'; there are title"),
        ("collection", "ends where =, !="),
        ("collection =", "ends where a value belongs"),
        ("collection news", "'news' after collection"),
        ("collection = news or", "ends where a field"),
        ("collection = news tags = x", "goes on with 'tags'"),
        ("collection = (", "quote it if it is the value"),
        ("collection in news", "where '(' belongs"),
        ("collection in (a, b", "its end where ')' belongs"),
        ("(collection = a", "its end where ')' belongs"),
        ("title = 'unended", "opening ' without its closing one"),
        ("duration_s > long", "duration_s is a number, not 'long'"),
        ("duration_s > nan", "duration_s is a number"),
        ("video_id = 99999999999999999999", "never as large"),
        ("duration_s < 1" + "0" * 400, "never as large"),
        ("recorded_at > yesterday", "recorded_at is a date such as 2026-01-31"),
        ("tags > a", "tags have no order"),
        ("title = a\0b", "NUL"),
        ("x" * 3000, "at most 2000"),
        ("(" * 1000, "nested more than 50 deep"),
        ("not " * 400, "nested more than 50 deep"),
    ],
)
def test_a_broken_filter_gets_one_line_that_says_where(where: str, message: str) -> None:
    with pytest.raises(BadRequestError) as raised:
        video_filter(where)

    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_broken_filter_is_refused_before_the_question_is_embedded(engine: Engine) -> None:
    with pytest.raises(BadRequestError, match="knows no field"):
        search(engine, Question(text="a red circle", where="colour = red"))
