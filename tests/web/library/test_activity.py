"""What goes on in the library: files waiting, failures tried again, sources scanned."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from tests.keeping import add_job, add_source, add_video, add_worker
from tests.web.library.rows import queued


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
