"""What the pages show, with and without anything to show."""

import re
from html import unescape
from io import BytesIO

from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from app.catalog import TINY_MODEL, TINY_WARNING
from app.web.answering import SHOWN
from app.web.library import VIDEOS_PER_PAGE
from app.web.styles import PARTS, STATIC
from tests.filling import answer, fill


def titles(page: TestResponse) -> list[str]:
    """The titles of what can be played on the page, in order."""
    return re.findall(r'class="title"(?: title="[^"]*")?>([^<]*)', page.text)


def test_the_best_moment_comes_first(client: FlaskClient) -> None:
    page = client.get("/", query_string={"q": "a red circle"})

    assert page.status_code == 200
    assert titles(page)[0] == "video 4"


def test_a_moment_shows_its_span_its_score_and_its_frame(client: FlaskClient) -> None:
    page = client.get("/", query_string={"q": "a red circle"})

    first = page.text.partition("</li>")[0]
    assert "0:05\N{EN DASH}0:10" in first
    assert "1.000" in first
    assert re.search(r'src="/thumbnails/\d+/7\?v=\w+"', first)


def test_a_moment_links_to_its_second_without_scripts(client: FlaskClient) -> None:
    page = client.get("/", query_string={"q": "a red circle"})

    assert re.search(r'href="/watch/4\?t=7\.000&', unescape(page.text).partition("</li>")[0])


def test_the_page_keeps_the_question_in_its_fields(client: FlaskClient) -> None:
    page = client.get("/", query_string={"q": "a red circle", "where": "tags=even"})

    assert 'value="a red circle"' in page.text
    assert 'value="tags=even"' in page.text


def test_the_filter_holds_for_every_moment(client: FlaskClient) -> None:
    page = client.get("/", query_string={"q": "a red circle", "where": "tags=odd"})

    numbers = {int(title.removeprefix("video ")) for title in titles(page)}
    assert numbers
    assert all(number % 2 for number in numbers)


def test_more_moments_can_be_asked_for_without_scripts(client: FlaskClient) -> None:
    page = client.get("/", query_string={"q": "a red circle"})
    assert len(titles(page)) == SHOWN
    more = re.search(r'<a href="([^"]*limit=(\d+)[^"]*)"[^>]*data-more', page.text)
    assert more

    page = client.get(unescape(more[1]))

    assert len(titles(page)) == int(more[2]) > SHOWN


def test_the_form_turns_words_into_a_link(client: FlaskClient) -> None:
    no_picture = (BytesIO(b""), "")
    form = {"q": "a red circle", "where": "tags=even", "picture": no_picture}

    page = client.post("/", data=form)

    assert page.status_code == 303
    assert page.location == "/?q=a+red+circle&where=tags%3Deven"


def test_a_filter_alone_lists_the_videos_it_keeps(client: FlaskClient) -> None:
    page = client.get("/", query_string={"where": "collection=c3"}, follow_redirects=True)

    assert page.request.path == "/library"
    assert len(titles(page)) == 6


def test_a_broken_filter_is_explained_beside_the_filter(client: FlaskClient) -> None:
    for path in ("/", "/library"):
        page = client.get(path, query_string={"q": "a red circle", "where": "colour=red"})

        assert page.status_code == 400
        problem = page.text.partition('id="where-problem"')[2].partition("</p>")[0]
        assert "the filter knows no field" in problem
        assert 'value="colour=red"' in page.text


def test_a_question_that_is_too_long_is_refused(client: FlaskClient) -> None:
    page = client.get("/", query_string={"q": "x" * 2001})

    assert page.status_code == 400
    problem = page.text.partition('id="question-problem"')[2].partition("</p>")[0]
    assert "2,001 characters" in problem


def test_an_impossible_limit_is_refused(client: FlaskClient) -> None:
    for limit in ("0", "-1", "many", "1001", "9" * 30):
        page = client.get("/", query_string={"q": "a red circle", "limit": limit})

        assert page.status_code == 400, limit
        assert "limit must be a whole number" in page.text


def test_a_new_question_without_an_embedder_says_how_to_start_one(client: FlaskClient) -> None:
    page = client.get("/", query_string={"q": "a question nobody asked before"})

    assert page.status_code == 503
    assert "sceneql worker" in page.text


def test_the_start_page_says_that_no_embedder_runs(client: FlaskClient) -> None:
    page = client.get("/")

    assert page.status_code == 200
    assert "60 videos" in page.text
    assert "sceneql worker" in page.text


def test_a_filter_that_keeps_nothing_is_said_to(client: FlaskClient) -> None:
    page = client.get("/", query_string={"q": "a red circle", "where": "collection=none"})

    assert page.status_code == 200
    assert "Nothing found" in page.text
    assert "The filter keeps none" in page.text


def test_an_empty_library_says_how_to_fill_it(own_client: FlaskClient) -> None:
    for path in ("/", "/library", "/?q=red"):
        assert "sceneql ingest FOLDER" in own_client.get(path).text, path


def test_words_that_the_model_never_saw_are_named(own_client: FlaskClient, engine: Engine) -> None:
    answer(engine, "a red zebra", fill(engine, videos=1).questions[0])
    with engine.begin() as connection:
        connection.execute(text("UPDATE query_embeddings SET unknown_words = '{zebra,gnu}'"))

    page = own_client.get("/?q=a+red+zebra")

    assert "The model never saw: zebra, gnu" in page.text


def test_the_tiny_model_is_not_passed_off_as_a_real_one(
    own_client: FlaskClient, engine: Engine
) -> None:
    answer(engine, "red", fill(engine, videos=1).questions[0])
    with engine.begin() as connection:
        connection.execute(text("UPDATE embedding_models SET name = :name"), {"name": TINY_MODEL})

    for path in ("/", "/?q=red"):
        assert TINY_WARNING in own_client.get(path).text, path


def test_the_library_shows_every_video_page_by_page(client: FlaskClient) -> None:
    first = client.get("/library")
    second = client.get("/library?page=2")

    assert len(titles(first)) == VIDEOS_PER_PAGE
    assert sorted(titles(first) + titles(second)) == sorted(f"video {n}" for n in range(1, 61))
    assert 'href="/library?page=2"' in first.text
    assert "page 2 of 2" in second.text


def test_a_page_past_the_last_is_the_last(client: FlaskClient) -> None:
    assert "page 2 of 2" in client.get("/library?page=99").text


def test_a_video_that_failed_says_why_and_does_not_play(
    own_client: FlaskClient, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO videos (content_hash, title, status, error) "
                "VALUES ('hash', 'broken', 'failed', 'the file ends too early')"
            )
        )

    page = own_client.get("/library")

    assert "Failed: the file ends too early" in page.text
    assert "/watch/" not in page.text


def test_a_hostile_title_is_only_text(own_client: FlaskClient, engine: Engine) -> None:
    script = "<script>alert(1)</script>"
    answer(engine, script, fill(engine, videos=1).questions[0])
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE videos SET title = :title, collection = :title, tags = ARRAY[:title]"),
            {"title": f'">{script}'},
        )

    for path in ("/library", f"/?q={script}", f"/?q=x&where={script}"):
        page = own_client.get(path)
        assert script not in page.text, path
        assert "&lt;script&gt;alert(1)" in page.text, path


def test_an_unknown_address_is_a_friendly_404(client: FlaskClient) -> None:
    page = client.get("/nowhere")

    assert page.status_code == 404
    assert 'role="search"' in page.text


def test_the_start_page_says_how_much_there_is_to_search(client: FlaskClient) -> None:
    page = client.get("/")

    assert "60 videos, 600 frames" in page.text


def test_all_styles_come_in_one_file_that_browsers_keep(client: FlaskClient) -> None:
    page = client.get("/")
    links = re.findall(r'rel="stylesheet" href="([^"]*)"', page.text)
    assert len(links) == 1

    sheet = client.get(unescape(links[0]))

    assert sheet.mimetype == "text/css"
    assert sheet.cache_control.immutable
    for part in PARTS:
        assert (STATIC / part).read_text(encoding="utf-8") in sheet.text
    assert client.get("/styles.css?v=old").cache_control.no_cache
