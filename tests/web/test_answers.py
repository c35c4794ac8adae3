"""How the page reads a question and arranges its answer."""

import itertools
import re
from collections.abc import Iterator
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app import suggestions
from app.web import create_app
from app.web.answering import KEPT_VIDEOS, MOMENTS_EACH, SHOWN
from tests.conftest import Databases
from tests.filling import answer, fill

WORDS = "a red circle"
NEXT = "a blue square"


@pytest.fixture(scope="module")
def library(databases: Databases) -> Iterator[Engine]:
    """30 videos of 20 s in four scenes: 600 frames are enough for z. Video 4 is asked for."""
    engine = databases.create()
    filled = fill(engine, videos=30, frames=20)
    answer(engine, WORDS, filled.vectors[3, 7])
    answer(engine, NEXT, filled.vectors[3, 17])
    with engine.begin() as connection:
        connection.execute(text("UPDATE scenes SET said = 'Good morning' WHERE video_id IN (3, 9)"))
        connection.execute(
            text('UPDATE videos SET metadata = \'{"camera": "GoPro"}\' WHERE id IN (5, 6)')
        )
        connection.execute(text("UPDATE videos SET title = 'a red circle at sea' WHERE id = 20"))
    yield engine
    databases.drop(engine)


@pytest.fixture
def client(library: Engine) -> FlaskClient:
    return create_app(library).test_client()


def ask(client: FlaskClient, **question: object) -> str:
    page = client.get("/", query_string={"q": WORDS, **question})
    assert page.status_code == 200, page.text
    return page.text


def titles(page: str) -> list[str]:
    return re.findall(r'class="title" title="([^"]*)"', page)


def test_a_typed_filter_moves_to_a_place_of_its_own_in_the_address(client: FlaskClient) -> None:
    page = client.get("/", query_string={"q": f"{WORDS} collection:c3 sort", "sort": "relevance"})

    assert page.status_code == 302
    assert page.location == "/?q=a+red+circle+sort&filter=collection:c3"


def test_a_filter_is_a_chip_that_can_be_taken_away(client: FlaskClient) -> None:
    page = ask(client, filter=["collection:c3", "tag:even"])

    chips = page.partition('id="chips"')[2].partition("</ul>")[0]
    links = [unescape(link) for link in re.findall(r'href="([^"]*)"', chips)]
    assert links == ["/?q=a+red+circle&filter=tag:even", "/?q=a+red+circle&filter=collection:c3"]


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (["collection:c3"], {3, 13, 23}),
        (["tag:even", "collection:c3", "collection:c4"], {4, 14, 24}),
        (["camera:gopro"], {5, 6}),
        (["-camera:gopro", "after:2026-01-04", "before:2026-01-08"], {4, 7}),
        (["title:video 1"], {1, *range(10, 20)}),
        (["said:morning"], {3, 9}),
        (["said:morning", "tag:odd", "collection:c9"], {9}),
        (["said:evening or morning", "said:good"], {3, 9}),
        (["said:good or evening", "said:noon"], set()),
    ],
    ids=str,
)
def test_filters_hold_for_every_moment(
    client: FlaskClient, filters: list[str], kept: set[int]
) -> None:
    page = ask(client, filter=filters, limit=300)

    assert {int(title.split()[-1]) for title in titles(page)} == kept


def test_what_is_said_can_be_asked_without_words(client: FlaskClient) -> None:
    page = client.get("/", query_string={"filter": "said:morning"})

    assert set(titles(page.text)) == {"video 3", "video 9"}
    assert 'data-what="subtitles"' in page.text
    assert 'data-what="picture"' not in page.text


def test_a_badge_says_what_was_found(client: FlaskClient) -> None:
    by_title = ask(client).partition("a red circle at sea")[2].partition("</li>")[0]
    assert 'data-what="words"' in by_title

    pictures_only = ask(client, match="picture")
    assert 'data-what="words"' not in pictures_only


@pytest.mark.parametrize("found_in", [{}, {"match": "picture"}], ids=["all", "pictures"])
def test_moments_of_a_video_stay_together_when_grouped(
    client: FlaskClient, found_in: dict[str, str]
) -> None:
    page = ask(client, group="video", limit=300, **found_in)

    rows = re.findall(r'<li class="video-hits">.*?<span class="title">([^<]*)', page, re.DOTALL)
    assert "video 4" in rows[:2]
    assert len(rows) == len(set(rows)) == 30


def test_frames_of_one_scene_are_listed_one_by_one(client: FlaskClient) -> None:
    page = ask(client, group="frame")

    frames = re.findall(r'src="/thumbnails/4/(\d+)', page)
    assert frames[0] == "7"
    assert len([frame for frame in frames if int(frame) // 5 == 1]) > 1


def test_the_answer_can_be_sorted_by_date(client: FlaskClient) -> None:
    page = ask(client, sort="date", limit=300)

    dates = re.findall(r'<time datetime="([^"]*)"', page)
    assert len(dates) > 100
    assert dates == sorted(dates, reverse=True)


def test_a_cut_off_leaves_what_stands_out_and_says_how_many(client: FlaskClient) -> None:
    page = ask(client, min_z="2.5", match="picture")

    zs = [float(z) for z in re.findall(r"z&nbsp;(-?[0-9.]+)", page)]
    assert zs
    assert min(zs) >= 2.5
    assert f"2.5: {len(zs)} of 120" in page


def test_nothing_above_the_cut_off_is_said_and_the_best_below_is_shown(
    client: FlaskClient,
) -> None:
    page = ask(client, min_z="50", match="picture")

    assert "No moment is above the cut-off of 50" in page
    assert titles(page)[0] == "video 4"


def test_what_follows_is_shown_beside_the_moment(client: FlaskClient) -> None:
    page = ask(client, then=NEXT, gap="12")

    first = page.partition('class="then-pair"')[2].partition("</li>")[0]
    assert re.findall(r'src="/thumbnails/4/(\d+)', first) == ["7", "17"]


def test_an_answer_goes_on_where_it_ended_without_repeating_itself(client: FlaskClient) -> None:
    page = ask(client, match="picture")
    seen = re.findall(r'src="(/thumbnails/[^?"]*)', page)
    assert len(seen) == SHOWN

    while more := re.search(r'data-more="([^"]*)"', page):
        page = client.get(unescape(more[1])).text
        seen += re.findall(r'src="(/thumbnails/[^?"]*)', page)

    assert len(seen) == len(set(seen)) == 120


@pytest.mark.parametrize("found_in", [{}, {"match": "picture"}], ids=["all", "pictures"])
def test_no_part_of_an_answer_tears_a_video_apart(
    client: FlaskClient, found_in: dict[str, str]
) -> None:
    page = ask(client, group="video", **found_in)
    rows = re.findall(r'class="video-hits">.*?"title">([^<]*)', page, re.DOTALL)
    assert 0 < len(rows) < 30

    while more := re.search(r'data-more="([^"]*)"', page):
        page = client.get(unescape(more[1])).text
        rows += re.findall(r'class="video-hits">.*?"title">([^<]*)', page, re.DOTALL)

    assert len(rows) == len(set(rows)) == 30


def test_all_that_a_frame_is_answered_by_can_be_reached_when_grouped(
    own_client: FlaskClient, engine: Engine
) -> None:
    fill(engine, videos=85, frames=60)
    page = own_client.get("/", query_string={"like": "4:17", "group": "video"}).text
    hits = page.count('class="card"')

    while more := re.search(r'data-more="([^"]*)"', page):
        reply = own_client.get(unescape(more[1]))
        assert reply.status_code == 200
        page = reply.text
        hits += page.count('class="card"')

    assert hits == KEPT_VIDEOS * MOMENTS_EACH


def test_a_cut_off_holds_for_what_is_said_as_well(client: FlaskClient) -> None:
    of_all = re.findall(r"z&nbsp;(-?[0-9.]+)", ask(client, filter="said:morning"))
    cut_off = sorted(map(float, of_all))[len(of_all) // 2]

    page = ask(client, filter="said:morning", min_z=str(cut_off))

    left = [float(z) for z in re.findall(r"z&nbsp;(-?[0-9.]+)", page)]
    assert 0 < len(left) < len(of_all)
    assert min(left) >= cut_off


def test_a_refused_form_keeps_what_was_typed(client: FlaskClient) -> None:
    page = client.post("/", data={"q": "dog at sea longer:ages", "filter": "tag:even"})

    assert page.status_code == 400
    assert 'value="dog at sea longer:ages"' in page.text
    assert 'value="tag:even"' in page.text


def test_an_answer_that_is_no_longer_kept_says_what_to_do(client: FlaskClient) -> None:
    page = client.get("/answers/00000000-0000-0000-0000-000000000000")

    assert page.status_code == 400
    assert "ask the question again" in page.text


def test_a_frame_of_the_library_can_be_asked_for(client: FlaskClient) -> None:
    page = client.get("/", query_string={"like": "4:17"})

    assert titles(page.text)[0] == "video 4"
    assert re.search(r'src="/thumbnails/4/1[5-9]', page.text.partition("data-answer")[2])


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"filter": "after:soon"}, "takes a date"),
        ({"q": "dog longer:ages"}, "takes a length"),
        ({"group": "colour"}, "group is one of"),
        ({"min_z": "much"}, "min_z is a number"),
        ({"like": "4"}, "write VIDEO:FRAME"),
        ({"like": "4:7"}, "one of a frame and words"),
        ({"q": "", "like": "4:999"}, "; SELECT frame_no, t_s FROM moments"),
        ({"image": "../../etc/passwd"}, "64 digits"),
        ({"image": "0" * 64}, "no longer kept"),
        ({"weight": "101"}, "0 to 100"),
        ({"weight": "33.3"}, "whole number"),
        ({"then": NEXT, "gap": "0"}, "above 0"),
        ({"then": NEXT, "group": "frame"}, "leave out the other grouping"),
        ({"filter": "said:the"}, "nothing is left"),
    ],
    ids=str,
)
def test_a_question_that_cannot_be_asked_gets_one_line(
    client: FlaskClient, question: dict[str, str], message: str
) -> None:
    page = client.get("/", query_string={"q": WORDS, **question}, follow_redirects=True)

    assert page.status_code == 400
    problem = page.text.partition('id="question-problem" role="alert">')[2].partition("</p>")[0]
    assert message in unescape(problem)


@pytest.mark.parametrize("address", ["http://127.0.0.1/a.png", "file:///etc/passwd", "nowhere"])
def test_a_picture_is_fetched_from_public_hosts_only(client: FlaskClient, address: str) -> None:
    page = client.post("/", data={"q": WORDS, "address": address})

    assert page.status_code == 400
    problem = page.text.partition('id="question-problem" role="alert">')[2].partition("</p>")[0]
    assert problem
    assert 'value="a red circle"' in page.text


def test_suggestions_are_names_and_then_values_that_occur(client: FlaskClient) -> None:
    def suggested(word: str) -> list[str]:
        answered = client.get("/api/suggestions", query_string={"prefix": word}).json
        assert answered is not None
        return [one["text"] for one in answered["suggestions"]]

    assert suggested("col") == ["collection:"]
    assert suggested("cam") == ["camera:"]
    assert suggested("camera:g") == ["camera:GoPro"]
    assert suggested("-tag:") == ["-tag:even", "-tag:odd"]
    assert suggested("longer:1") == ["longer:10s", "longer:1m", "longer:1h"]
    assert suggested("-shorter:3") == ["-shorter:30s"]
    assert suggested("after:2026")[0] == "after:2026-01"
    assert suggested("title:x") == []
    assert suggested("") == []


def test_a_scene_can_be_looked_through(client: FlaskClient) -> None:
    frames = client.get("/scenes/4/1/frames").json

    assert frames is not None
    assert [frame["t_s"] for frame in frames] == [5, 6, 7, 8, 9]
    assert client.get("/scenes/4/99/frames").json == []


def test_a_long_scene_is_looked_through_by_16_frames_spread_over_it(
    own_client: FlaskClient, engine: Engine
) -> None:
    fill(engine, videos=1, frames=100)
    with engine.begin() as connection:
        connection.execute(text("UPDATE frames SET scene_no = 0"))

    frames = own_client.get("/scenes/1/0/frames").json

    assert frames is not None
    times = [frame["t_s"] for frame in frames]
    assert len(times) == 16
    assert times[0] == 0
    assert {later - sooner for sooner, later in itertools.pairwise(times)} == {6, 7}


def test_keys_of_metadata_are_read_once_in_a_while(
    own_client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def suggested() -> list[tuple[str, int]]:
        answered = own_client.get("/api/suggestions", query_string={"prefix": "c"}).json
        assert answered is not None
        return [(one["text"], one["videos"]) for one in answered["suggestions"] if one["videos"]]

    fill(engine, videos=3)
    keys = ('{"camera": 1, "city": 1}', '{"city": 1, "_hidden": 1}', '{"crew": 1, "collection": 1}')
    with engine.begin() as connection:
        for video_id, metadata in enumerate(keys, start=1):
            connection.execute(
                text("UPDATE videos SET metadata = CAST(:metadata AS jsonb) WHERE id = :id"),
                {"metadata": metadata, "id": video_id},
            )
    first = suggested()
    with engine.begin() as connection:
        connection.execute(text("UPDATE videos SET metadata = '{\"crane\": 1}'"))

    assert first == [("city:", 2), ("camera:", 1), ("crew:", 1)]
    assert suggested() == first
    monkeypatch.setattr(suggestions, "KEYS_HELD_S", 0)
    assert suggested() == [("crane:", 3)]
