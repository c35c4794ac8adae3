"""The form to edit a video."""

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from tests.web.library.rows import video


def form(page: TestResponse) -> dict[str, Any]:
    """What a browser would send of the form to edit a video, unchanged."""
    part = page.text.partition('<form class="edit"')[2].partition("</form>")[0]
    sent: dict[str, list[str]] = {}
    for tag in re.findall(r"<input [^>]*>", part):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") != "checkbox":
            sent.setdefault(attributes["name"], []).append(html.unescape(attributes["value"]))
    for name, value in re.findall(
        r'<textarea [^>]*name="(\w+)"[^>]*>\n(.*?)</textarea>', part, re.S
    ):
        sent[name] = [html.unescape(value).replace("\n", "\r\n")]
    return sent


def saved(client: FlaskClient, video_id: int = 1, /, **changes: Any) -> TestResponse:
    """Sends the form with some values changed."""
    sent = form(client.get(f"/library/{video_id}"))
    return client.post(f"/library/{video_id}", data=sent | changes, follow_redirects=True)


def test_the_form_shows_the_fields_and_the_metadata(shelf_client: FlaskClient) -> None:
    fields = form(shelf_client.get("/library/1"))

    assert fields["title"] == ["Circles"]
    assert fields["description"] == ["Drawn by hand"]
    assert fields["recorded_at"] == ["2026-03-01 12:00"]
    assert fields["tags"] == ["beach, red circle"]
    assert fields["key"] == ["camera", "lens"]
    assert fields["value"] == ["GoPro", '{"mm": 35}']


def test_what_was_changed_is_written_and_noted(three: FlaskClient, engine: Engine) -> None:
    page = saved(three, title="A new one", tags="kept, blue", recorded_at="2026-01-31 18:00")

    row = video(engine)
    assert "Saved." in page.text
    assert (row.title, row.tags) == ("A new one", ["kept", "blue"])
    assert row.recorded_at.isoformat().startswith("2026-01-31T18:00")
    assert row.edited == ["title", "recorded_at", "tags"]


def test_a_form_without_changes_writes_nothing(three: FlaskClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE videos SET title = E' a\\nb ', description = E'\\na\\nb ', edited = '{}'")
        )
    before = video(engine)

    # A browser leaves line breaks out of a field of one line.
    page = saved(three, title=" ab ")

    assert "Nothing was changed." in page.text
    assert video(engine) == before


def test_two_people_do_not_undo_each_others_fields(three: FlaskClient, engine: Engine) -> None:
    mine = form(three.get("/library/1"))
    saved(three, title="theirs", value="Nikon")

    three.post("/library/1", data=mine | {"description": "mine"})

    row = video(engine)
    assert (row.title, row.description, row.metadata) == ("theirs", "mine", {"camera": "Nikon"})


def test_keys_of_metadata_are_added_changed_and_removed(three: FlaskClient, engine: Engine) -> None:
    saved(three, value="Nikon", **{"new-key": ["f", "title", ""], "new-value": ["2.8", "x", "y"]})
    assert video(engine).metadata == {"camera": "Nikon", "f": 2.8, "title": "x"}
    assert video(engine).title == "one"

    saved(three, without=["camera", "f"])

    assert video(engine).metadata == {"title": "x"}


def test_a_list_in_the_metadata_is_left_as_it_is(three: FlaskClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("""UPDATE videos SET metadata = '{"a": [1, {"b": 2}]}'"""))

    saved(three, title="new", value="no longer a list")

    assert video(engine).metadata == {"a": [1, {"b": 2}]}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"recorded_at": "yesterday"}, "recorded_at is a date such as"),
        ({"title": "  "}, "cannot be without a title"),
        ({"description": "a\0b"}, "NUL character"),
        ({"new-key": "a\0b", "new-value": "x"}, "NUL character"),
    ],
)
def test_a_value_that_cannot_be_is_explained_beside_its_field(
    three: FlaskClient, engine: Engine, changes: dict[str, str], says: str
) -> None:
    page = saved(three, **{"collection": "typed in vain"} | changes)

    assert page.status_code == 400
    assert says in page.text.partition('<form class="edit"')[2]
    assert "typed in vain" in page.text
    assert video(engine).collection is None


def test_a_value_that_is_too_long_for_the_index_is_explained(
    three: FlaskClient, engine: Engine
) -> None:
    words = " ".join(f"word{number}" for number in range(200_000))

    page = saved(three, description=words)

    assert page.status_code == 400
    assert "nothing was changed" in page.text
    assert video(engine).description is None


def test_a_video_that_is_gone_is_not_found(three: FlaskClient) -> None:
    for reply in (three.get("/library/99"), three.post("/library/99", data={"title": "x"})):
        assert reply.status_code == 404
        assert "The index has no video 99" in reply.text


def test_the_way_back_leads_to_the_library_only(three: FlaskClient) -> None:
    page = three.get("/library/1", query_string={"back": "https://attacker.example/?name=a"})

    assert 'href="/library#video-1"' in page.text
    assert 'href="https://attacker' not in page.text


@pytest.mark.parametrize(
    "back",
    [
        "_anchor=x",
        "_method=POST",
        "_external=1&_scheme=javascript",
        "endpoint=x",
        "values=1",
        "self=1",
        "said=saved&n=3",
        "&".join(f"a{number}=1" for number in range(200)),
    ],
)
def test_the_way_back_knows_the_names_of_the_list_only(
    shelf_client: FlaskClient, back: str
) -> None:
    page = shelf_client.get("/library/1", query_string={"back": back})

    assert page.status_code == 200
    assert 'href="/library#video-1"' in page.text
