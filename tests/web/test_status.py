"""The page /status."""

from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.keeping import add_job, add_source, add_video, add_worker


def test_the_status_page_shows_sources_queue_and_failures(
    own_client: FlaskClient, engine: Engine
) -> None:
    add_source(engine, "/videos", scanned_at="now()", report="""'{"new": 12}'""")
    add_source(engine, "/nas", error="'/nas is not mounted'")
    add_job(engine, "doing", "/long.mp4", worker_id=add_worker(engine), began_s_ago=3700)
    add_job(engine, "doing", "/lost.mp4")
    add_video(engine, "a", status="'failed'", error="'cut short'", path="'/a.mp4'")

    page = own_client.get("/status")

    assert page.status_code == 200
    for part in ("12 new", "/nas is not mounted", "/long.mp4", "for 1 h 1 min",
                 "its worker is gone", "/a.mp4", "cut short"):  # fmt: skip
        assert part in page.text, part


def test_the_status_page_of_an_empty_library_says_how_to_begin(own_client: FlaskClient) -> None:
    page = own_client.get("/status").text

    assert "No videos yet" in page
    assert "sceneql sources add FOLDER" in page


def test_what_a_file_is_called_is_text_on_the_page(own_client: FlaskClient, engine: Engine) -> None:
    add_source(engine, "/<script>alert(1)</script>", error="'<b>'")

    page = own_client.get("/status").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "&lt;b&gt;" in page


def test_every_page_leads_to_the_status(own_client: FlaskClient) -> None:
    for address in ("/", "/library", "/status"):
        assert 'href="/status"' in own_client.get(address).text, address


def test_failures_beyond_the_page_are_counted(own_client: FlaskClient, engine: Engine) -> None:
    for number in range(51):
        add_video(engine, f"broken {number}", status="'failed'", error="'broken'")

    page = own_client.get("/status").text

    assert "The newest 50 of 51" in page
    assert "sceneql status --failures 51" in page
