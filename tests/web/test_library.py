"""The page /library: finding, sorting, editing, taking out, trying again."""

import html
import re
from collections.abc import Iterator
from io import BytesIO
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, text
from werkzeug.test import TestResponse

from app.filters import video_filter
from app.library import Wanted, list_page
from app.web import create_app
from app.web.edit_form import LABELS
from app.web.library import LIST_PARAMS, VIDEOS_PER_PAGE
from tests.conftest import Databases
from tests.keeping import add_job, add_source, add_video, add_worker

FORM = "application/x-www-form-urlencoded"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def shelf(databases: Databases) -> Iterator[Engine]:
    """Videos of all states, for tests that change nothing."""
    engine = databases.create()
    add_video(
        engine, "Circles", tags="'{beach,red circle}'", duration_s="60",
        recorded_at="'2026-03-01T12:00Z'", collection="'Shapes'", indexed_at="'2026-05-01'",
        description="'Drawn by hand'", metadata="""'{"camera": "GoPro", "lens": {"mm": 35}}'""",
    )  # fmt: skip
    add_video(engine, "alpine_walk", duration_s="10", recorded_at="'2026-04-01T12:00Z'",
              indexed_at="'2026-05-03'")  # fmt: skip
    add_video(engine, "Broken", status="'failed'", error="'the file ends too early'",
              duration_s="NULL", indexed_at="'2026-05-02'")  # fmt: skip
    add_video(engine, "Gone", duration_s="30", indexed_at="'2026-05-04'")
    add_video(engine, "Waiting", status="'pending'", duration_s="NULL", indexed_at="'2026-05-05'")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO video_files (path, video_id, state) "
                "SELECT '/films/100%/' || title || '.mp4', id, "
                "CASE title WHEN 'Gone' THEN 'missing' ELSE 'present' END FROM videos"
            )
        )
        connection.execute(
            text("INSERT INTO video_files (path, error) VALUES ('/films/no.mp4', 'is not a file')")
        )
    yield engine
    databases.drop(engine)


@pytest.fixture(scope="module")
def shelf_client(shelf: Engine) -> FlaskClient:
    return create_app(shelf).test_client()


@pytest.fixture(scope="module")
def own_library(databases: Databases) -> Iterator[Engine]:
    engine = databases.create()
    yield engine
    databases.drop(engine)


@pytest.fixture
def engine(own_library: Engine) -> Engine:
    """A library for tests that change something; each finds it empty."""
    with own_library.begin() as connection:
        connection.execute(text("SET LOCAL search_path = public, procrastinate"))
        connection.execute(text("DELETE FROM procrastinate_jobs"))
        connection.execute(text("DELETE FROM procrastinate_workers"))
        connection.execute(text("TRUNCATE videos, sources RESTART IDENTITY CASCADE"))
    return own_library


@pytest.fixture(scope="module")
def own_app(own_library: Engine) -> Flask:
    # Its pages are compiled once for all tests.
    return create_app(own_library)


@pytest.fixture
def own_client(own_app: Flask, engine: Engine) -> FlaskClient:
    """The page over the engine's library, which is empty until the test fills it."""
    assert own_app.extensions["sceneql"] is engine
    return own_app.test_client()


@pytest.fixture(scope="module")
def client(drawn_library: Engine) -> FlaskClient:
    """The page over the drawn library."""
    return create_app(drawn_library).test_client()


@pytest.fixture
def three(own_client: FlaskClient, engine: Engine) -> FlaskClient:
    """The page over three videos of the test's own, with the ids 1 to 3."""
    for title in ("one", "two", "three"):
        add_video(engine, title, tags="'{old,kept}'", metadata="""'{"camera": "GoPro"}'""")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO video_files (path, video_id) SELECT '/v/' || title || '.mp4', id "
                "FROM videos"
            )
        )
    return own_client


def listed(page: TestResponse) -> list[str]:
    """The titles of the rows, in order."""
    found = re.findall(r'class="entry-text">\s*<span class="title">(.*?)</span>', page.text)
    return [html.unescape(title) for title in found]


def video(engine: Engine, video_id: int = 1) -> Any:
    with engine.connect() as connection:
        return connection.execute(
            text("SELECT * FROM videos WHERE id = :id"), {"id": video_id}
        ).one_or_none()


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


def parts_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from parts_of(part)


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


def test_a_hostile_title_is_only_text(three: FlaskClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE videos SET title = :t, collection = :t, description = :t, "
                "tags = ARRAY[:t], metadata = jsonb_build_object(CAST(:t AS text), :t), "
                "error = :t"
            ),
            {"t": f'">{SCRIPT}'},
        )
        connection.execute(
            text("INSERT INTO video_files (path, error) VALUES (:t, :t)"), {"t": SCRIPT}
        )
        connection.execute(text("UPDATE videos SET status = 'failed' WHERE id = 2"))
    add_job(engine, "doing", SCRIPT)
    add_job(engine, "todo", SCRIPT)
    add_source(engine, SCRIPT, error=f"'{SCRIPT}'")

    pages = [
        three.get(path)
        for path in ("/library", "/library?state=failed", "/library/1", "/library/activity",
                     f"/library?name={SCRIPT}&where=title!='{SCRIPT}'",
                     f"/library/1?back=name={SCRIPT}")
    ]  # fmt: skip
    pages.append(three.post("/library/remove", data={"video": "1", "back": SCRIPT}))

    for page in pages:
        assert page.status_code == 200
        assert SCRIPT not in page.text
        assert "&lt;script&gt;alert(1)" in page.text


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


def queued(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT task_name, args FROM procrastinate.procrastinate_jobs "
                "WHERE status = 'todo' ORDER BY id"
            )
        )
        return [(row.task_name, row.args) for row in rows]


@pytest.mark.usefixtures("settings_of_test")
def test_a_failed_video_is_tried_again_by_the_rules_of_its_source(
    three: FlaskClient, engine: Engine
) -> None:
    add_source(engine, "/v", sampling="'every:2s'")
    with engine.begin() as connection:
        connection.execute(text("UPDATE videos SET status = 'failed' WHERE id IN (1, 2)"))

    reply = three.post("/library/retry", data={"video": ["1", "3"], "back": "state=failed"})

    assert "1 file queued" in three.get(reply.location).text
    job = {"path": "/v/one.mp4", "sampling": "every:2s", "collection": "v"}
    assert queued(engine) == [("ingest_file", job)]


@pytest.mark.usefixtures("settings_of_test")
def test_all_failures_are_tried_again_but_for_those_in_the_queue(
    three: FlaskClient, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE videos SET status = 'failed' WHERE id IN (1, 2)"))
        connection.execute(
            text("INSERT INTO video_files (path, error) VALUES ('/v/no.mp4', 'unreadable')")
        )
    add_job(engine, "doing", "/v/two.mp4")

    three.post("/library/retry", data={"all": "yes"})

    assert sorted(args["path"] for _, args in queued(engine)) == ["/v/no.mp4", "/v/one.mp4"]


@pytest.mark.usefixtures("settings_of_test")
def test_only_files_that_the_index_knows_are_tried_again(
    three: FlaskClient, engine: Engine
) -> None:
    three.post("/library/retry", data={"path": "/etc/passwd"})

    assert queued(engine) == []


@pytest.mark.usefixtures("settings_of_test")
def test_a_source_is_scanned_now(three: FlaskClient, engine: Engine) -> None:
    add_source(engine, "/v")

    reply = three.post("/library/scan", data={"source": "/v"})

    assert "The scan is queued." in three.get(reply.location).text
    assert [task for task, _ in queued(engine)] == ["scan_source"]
    assert three.post("/library/scan", data={"source": "/w"}).status_code == 400


def test_the_strip_shows_what_is_going_on(own_client: FlaskClient, engine: Engine) -> None:
    add_source(engine, "/nas", error="'/nas is not mounted'")
    add_job(engine, "doing", "/long.mp4", worker_id=add_worker(engine), began_s_ago=4000)
    add_job(engine, "todo", "/next.mp4")
    add_video(engine, "new")

    page = own_client.get("/library/activity?since=2026-01-01T00:00:00%2B00:00").text

    for part in ("1 file waiting", "/long.mp4", "1 h 6 min", "/next.mp4", "/nas is not mounted",
                 "1 cannot be scanned", "1 new video", "No worker takes files",
                 "data-busy"):  # fmt: skip
        assert part in page, part


def test_nothing_is_read_anew_where_nothing_goes_on(client: FlaskClient) -> None:
    assert "data-busy" not in client.get("/library").text
    assert "data-busy" not in client.get("/library/activity").text


def test_a_broken_time_is_refused(client: FlaskClient) -> None:
    for since in ("yesterday", "0001-01-01T00:00:00%2B14:00"):
        assert client.get(f"/library/activity?since={since}").status_code == 400, since


def test_the_pages_have_no_inline_script_or_style(shelf_client: FlaskClient) -> None:
    for path in ("/library?state=failed", "/library/1"):
        page = shelf_client.get(path).text
        assert "<style" not in page
        assert " style=" not in page


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/library/1", {"title": "theirs"}),
        ("/library/chosen", {"video": "1", "do": "tag", "tags": "theirs"}),
        ("/library/remove", {"video": "1", "confirmed": "yes"}),
        ("/library/retry", {"all": "yes"}),
        ("/library/scan", {"source": "/v"}),
        ("/library/uploads/", {"file": (BytesIO(b"x"), "a.mp4")}),
    ],
)
def test_another_site_can_change_nothing(
    three: FlaskClient, engine: Engine, path: str, data: dict[str, Any]
) -> None:
    before = video(engine)

    reply = three.post(path, data=data, headers={"Origin": "https://attacker.example"})

    assert reply.status_code == 403
    assert video(engine) == before
    assert queued(engine) == []


@pytest.mark.usefixtures("settings_of_test")
@pytest.mark.parametrize("value", ["a\0b", "\ud800", "9" * 40, str(2**63 - 1)])
def test_nothing_that_is_asked_or_sent_breaks_a_page(
    own_app: Flask, three: FlaskClient, value: str
) -> None:
    it = quote(value, errors="surrogatepass")
    asked = [f"{name}={it}" for name in (*LIST_PARAMS, "back", "since", "said", "n")]
    sent = [f"{name}={it}" for name in ("video", "path", "source", "back", "do")]
    sent += [f"video=1&do={do}&tags={it}&collection={it}" for do in ("tag", "untag", "collect")]
    sent += [f"{name}={it}&was-{name}=" for name in LABELS]
    sent += [
        f"key={it}&value=x&was=y",
        f"key={it}&value=x&was=y&without={it}",
        f"key={it}&value=x&was=y&fixed={it}",
        f"new-key={it}&new-value=x",
        f"new-key=x&new-value={it}",
        f"video={it}&confirmed=yes",
        f"video=1&back={quote(f'name={it}')}",
    ]
    for rule in own_app.url_map.iter_rules():
        if not rule.rule.startswith("/library"):
            continue
        replies = {}
        methods = {"GET", "POST", "PUT"} & (rule.methods or set())
        for method, number in product(methods, ("1", it)):
            address = re.sub("<.*?>", number, rule.rule)
            for form in asked if method == "GET" else sent:
                at = f"{address}?{form}" if method == "GET" else address
                data = None if method == "GET" else form
                reply = three.open(at, method=method, data=data, content_type=FORM)
                replies[method, address, form] = reply.status_code
        assert {key: status for key, status in replies.items() if status >= 500} == {}


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
