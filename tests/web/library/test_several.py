"""What is done to several videos at once: tags, a collection, taking them out."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.web.library.rows import video


def test_tags_are_added_to_and_taken_from_several(three: FlaskClient, engine: Engine) -> None:
    chosen = {"video": ["1", "3"], "back": "state=indexed"}

    reply = three.post("/library/chosen", data=chosen | {"do": "tag", "tags": "new, kept"})
    three.post("/library/chosen", data=chosen | {"do": "untag", "tags": "old"})

    assert reply.location == "/library?state=indexed&said=changed&n=2"
    assert "2 videos changed." in three.get(reply.location).text
    assert [video(engine, n).tags for n in (1, 2, 3)] == [
        ["kept", "new"], ["old", "kept"], ["kept", "new"]
    ]  # fmt: skip


def test_the_collection_of_several_is_set(three: FlaskClient, engine: Engine) -> None:
    chosen = {"video": ["1", "2"], "do": "collect", "collection": "news"}

    three.post("/library/chosen", data=chosen)

    assert [video(engine, n).collection for n in (1, 2, 3)] == ["news", "news", None]


def test_the_collection_of_several_is_cleared_by_name_only(
    three: FlaskClient, engine: Engine
) -> None:
    chosen = {"video": ["1", "2"], "collection": "news"}
    three.post("/library/chosen", data=chosen | {"do": "collect"})

    for empty in ("", "  "):
        page = three.post(
            "/library/chosen",
            data=chosen | {"do": "collect", "collection": empty},
            follow_redirects=True,
        )
        assert "Write what to set" in page.text
    assert video(engine).collection == "news"

    three.post("/library/chosen", data=chosen | {"do": "clear"})
    assert [video(engine, n).collection for n in (1, 2)] == [None, None]


@pytest.mark.parametrize(
    ("fields", "says", "tags", "collection"),
    [
        ({"tags": "new"}, "1 video changed.", ["old", "kept", "new"], None),
        ({"collection": "news"}, "1 video changed.", ["old", "kept"], "news"),
        ({"tags": "new", "collection": "news"}, "Both fields are filled", ["old", "kept"], None),
        ({}, "Write what to set", ["old", "kept"], None),
    ],
)
def test_enter_does_what_the_filled_field_is_for(
    three: FlaskClient,
    engine: Engine,
    fields: dict[str, str],
    says: str,
    tags: list[str],
    collection: str | None,
) -> None:
    data = {"video": "1", "do": "written", **fields}

    page = three.post("/library/chosen", data=data, follow_redirects=True)

    assert says in page.text
    assert (video(engine).tags, video(engine).collection) == (tags, collection)


def test_without_a_selection_or_tags_nothing_is_done(three: FlaskClient) -> None:
    for data, says in (
        ({"do": "tag", "tags": "new"}, "No video was selected."),
        ({"video": "1", "do": "tag", "tags": " ,"}, "Write what to set"),
    ):
        page = three.post("/library/chosen", data=data, follow_redirects=True)
        assert says in page.text


def test_taking_out_asks_first_and_says_what_stays(three: FlaskClient, engine: Engine) -> None:
    page = three.post("/library/remove", data={"video": ["1", "2"]})

    assert "Take 2 videos out of the index?" in page.text
    for fact in ("one", "two", "Files stay where they are", "Scans pass", "sceneql ingest FILE"):
        assert fact in page.text, fact
    assert video(engine, 1) is not None


@pytest.mark.usefixtures("settings_of_test")
def test_what_was_confirmed_is_taken_out(three: FlaskClient, engine: Engine) -> None:
    data = {"video": ["1", "2"], "confirmed": "yes"}

    page = three.post("/library/remove", data=data, follow_redirects=True)

    assert "2 videos taken out of the index." in page.text
    assert [video(engine, n) is None for n in (1, 2, 3)] == [True, True, False]


@pytest.mark.parametrize("ids", [["x"], ["1" * 30], ["-1"], ["1"] * 1001])
def test_impossible_numbers_are_refused(three: FlaskClient, ids: list[str]) -> None:
    for path in ("/library/remove", "/library/chosen", "/library/retry"):
        assert three.post(path, data={"video": ids, "do": "tag"}).status_code == 400, path
