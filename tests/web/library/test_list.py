"""The list of the library: finding, filtering, sorting, turning pages."""

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, text
from werkzeug.test import TestResponse

from app.filters import video_filter
from app.library import Wanted, list_page
from app.web.library import VIDEOS_PER_PAGE


def listed(page: TestResponse) -> list[str]:
    """The titles of the rows, in order."""
    found = re.findall(r'class="entry-text">\s*<span class="title">(.*?)</span>', page.text)
    return [html.unescape(title) for title in found]


def parts_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from parts_of(part)


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("circ", ["Circles"]),
        ("CIRCLE", ["Circles"]),
        ("ircle", ["Circles"]),
        ("hand drawing", ["Circles"]),
        ("beach", ["Circles"]),
        ("d circ", ["Circles"]),
        ("shap", ["Circles"]),
        ("walk", ["alpine_walk"]),
        ("pine_w", ["alpine_walk"]),
        ("gone.mp4", ["Gone"]),
        ("circ walk", []),
        ("100%", ["alpine_walk", "Broken", "Circles", "Gone", "Waiting"]),
        ("_", ["alpine_walk"]),
        ("'", []),
        ("\\", []),
        ("circ:* & !", []),
    ],
)
def test_a_name_is_found_by_beginnings_and_pieces(
    shelf_client: FlaskClient, name: str, titles: list[str]
) -> None:
    assert listed(shelf_client.get("/library", query_string={"name": name})) == titles


@pytest.mark.parametrize(
    ("by", "order", "titles"),
    [
        ("title", "asc", ["alpine_walk", "Broken", "Circles", "Gone", "Waiting"]),
        ("title", "desc", ["Waiting", "Gone", "Circles", "Broken", "alpine_walk"]),
        ("date", "", ["alpine_walk", "Circles", "Broken", "Gone", "Waiting"]),
        ("length", "asc", ["alpine_walk", "Gone", "Circles", "Broken", "Waiting"]),
        ("length", "desc", ["Circles", "Gone", "alpine_walk", "Broken", "Waiting"]),
        ("indexed", "", ["Waiting", "Gone", "alpine_walk", "Broken", "Circles"]),
        ("state", "asc", ["Broken", "Gone", "alpine_walk", "Circles", "Waiting"]),
    ],
)
def test_the_list_is_sorted_and_what_is_unknown_comes_last(
    shelf_client: FlaskClient, by: str, order: str, titles: list[str]
) -> None:
    page = shelf_client.get("/library", query_string={"by": by, "order": order})

    assert listed(page) == titles


@pytest.mark.parametrize(
    ("state", "titles", "says"),
    [
        ("indexed", ["alpine_walk", "Circles"], "Indexed: 0 scenes"),
        ("failed", ["Broken"], "Failed: the file ends too early"),
        ("hidden", ["Gone"], "its file /films/100%/Gone.mp4 is missing"),
        ("pending", ["Waiting"], "Pending"),
    ],
)
def test_a_state_shows_its_videos_and_why(
    shelf_client: FlaskClient, state: str, titles: list[str], says: str
) -> None:
    page = shelf_client.get("/library", query_string={"state": state})

    assert listed(page) == titles
    assert says in page.text


def test_the_states_are_counted_whichever_is_shown(shelf_client: FlaskClient) -> None:
    page = shelf_client.get("/library?state=failed")

    counted = re.findall(r'(\w+) <span class="number">(\d+)</span>', page.text)
    assert dict(counted) == {
        "All": "5", "Indexed": "2", "Failed": "1", "Hidden": "1", "Pending": "1"
    }  # fmt: skip


def test_files_that_could_not_be_read_are_among_the_failures(shelf_client: FlaskClient) -> None:
    page = shelf_client.get("/library?state=failed").text

    assert "2 failures" in page
    assert "/films/no.mp4" in page
    assert "is not a file" in page


def test_links_keep_what_was_asked(shelf_client: FlaskClient) -> None:
    page = shelf_client.get("/library?where=duration_s%3C90&name=mp4&by=length&q=dog").text

    states = page.partition('id="states"')[2].partition("</nav>")[0]
    (link,) = [link for link in re.findall(r'href="(.*?)"', states) if "state=hidden" in link]
    for part in ("where=duration_s", "name=mp4", "by=length", "q=dog"):
        assert part in link, part


@pytest.mark.parametrize("query", ["by=size", "order=up", "state=lost", "page=0", "name=%00"])
def test_what_cannot_be_asked_is_refused_in_one_line(shelf_client: FlaskClient, query: str) -> None:
    assert shelf_client.get(f"/library?{query}").status_code == 400


def test_only_the_rows_of_the_page_are_counted_over(drawn_library: Engine) -> None:
    statements: list[tuple[str, Any]] = []
    with drawn_library.connect() as connection:

        def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            statements.append((statement, parameters))

        event.listen(drawn_library, "before_cursor_execute", note)
        try:
            list_page(drawn_library, Wanted(video_filter(None)), page=6, size=10)
        finally:
            event.remove(drawn_library, "before_cursor_execute", note)
        statement, parameters = statements[-1]
        plan = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters
        ).scalar_one()

    loops = [
        part["Actual Loops"]
        for part in parts_of(plan[0]["Plan"])
        if part.get("Relation Name") in ("frames", "scenes")
    ]
    assert loops
    assert max(loops) <= 10


def test_the_pages_hold_every_video_once(client: FlaskClient) -> None:
    first, second = client.get("/library"), client.get("/library?page=2")

    assert len(listed(first)) == VIDEOS_PER_PAGE
    assert sorted(listed(first) + listed(second)) == sorted(f"video {n}" for n in range(1, 61))
    assert 'href="/library?page=2"' in first.text


def test_a_row_shows_what_is_known_of_the_video(client: FlaskClient) -> None:
    page = client.get("/library", query_string={"where": "title='video 14'"})

    row = page.text.partition('<ol class="entries">')[2].partition("</ol>")[0]
    for fact in ("video 14", "0:10", "2026-01-14", "c4", "even", "2 scenes, 10 frames"):
        assert fact in row, fact


def test_an_empty_library_says_how_to_fill_it(own_client: FlaskClient) -> None:
    assert "sceneql ingest FOLDER" in own_client.get("/library").text


def test_videos_that_are_sorted_alike_are_on_one_page_each(drawn_library: Engine) -> None:
    wanted = Wanted(video_filter(None), sort="length")

    pages = [list_page(drawn_library, wanted, page=page, size=10) for page in range(1, 7)]

    ids = [entry.id for page in pages for entry in page.entries]
    assert len(ids) == len(set(ids)) == 60


def test_a_filter_for_what_is_said_holds_for_videos(three: FlaskClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO scenes (video_id, scene_no, start_s, end_s, said) VALUES "
                "(1, 0, 0, 5, 'good morning'), (1, 1, 5, 9, 'the harbour'), "
                "(3, 0, 0, 5, 'the old harbour in the morning')"
            )
        )

    for said, titles in (
        (["morning"], ["one", "three"]),
        (["harbours"], ["one", "three"]),
        (['"old harbour"'], ["three"]),
        (["harbour -old"], ["one"]),
        (["harbour", "good"], ["one"]),
        (["evening"], []),
        (["the"], []),
    ):
        page = three.get("/library", query_string={"filter": [f"said:{one}" for one in said]})
        assert listed(page) == titles, said


def test_typed_filters_hold_and_are_kept(client: FlaskClient) -> None:
    page = client.get("/library?filter=collection:c3&filter=tag:even&name=video")

    assert listed(page) == []
    page = client.get("/library?filter=collection:c3&filter=tag:odd&name=video&page=1")
    assert len(listed(page)) == 6
    find = page.text.partition('id="find"')[2].partition("</form>")[0]
    assert find.count('type="hidden" name="filter"') == 2


@pytest.mark.parametrize(
    ("query", "place"), [("where=colour=red", "where"), ("filter=after:never", "question")]
)
def test_a_broken_filter_is_explained_beside_its_field(
    client: FlaskClient, query: str, place: str
) -> None:
    page = client.get(f"/library?{query}")

    assert page.status_code == 400
    problem = page.text.partition(f'id="{place}-problem"')[2].partition(">")[2]
    assert problem.partition("<")[0]
