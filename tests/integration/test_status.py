"""`sceneql status`: sources, queue, failures, rate and time left, as the database has them."""

import json

import pytest
from sqlalchemy import Engine, text

from app import care
from tests.command import sceneql
from tests.keeping import add_job, add_source, add_video, add_worker


def test_an_empty_library_has_nothing_to_tell(engine: Engine) -> None:
    state = care.status(engine)

    assert (state.sources, state.running, state.failures) == ((), (), ())
    assert state.tasks == {}
    assert state.rate == care.Rate(None, None, None)
    assert state.workers_alive == 0


def test_a_source_tells_when_it_was_scanned_and_what_was_found(engine: Engine) -> None:
    add_source(
        engine,
        "/videos",
        collection="'holiday'",
        scanned_at="now() - interval '200 s'",
        due_at="now() + interval '400 s'",
        report="""'{"new": 12, "moved": 3}'""",
    )

    (source,) = care.status(engine).sources

    assert (source.path, source.collection, source.state) == ("/videos", "holiday", "ok")
    assert source.scanned_ago_s == pytest.approx(200, abs=5)
    assert source.due_in_s == pytest.approx(400, abs=5)
    assert source.report == {"new": 12, "moved": 3}


def test_a_source_that_is_paused_new_or_not_mounted_says_so(engine: Engine) -> None:
    add_source(engine, "/a", paused="true")
    add_source(engine, "/b")
    add_source(engine, "/c", scanned_at="now()", error="'/c is not mounted'")

    sources = care.status(engine).sources

    assert [source.state for source in sources] == ["paused", "new", "failed"]
    assert sources[0].due_in_s is None
    assert sources[2].error == "/c is not mounted"


def test_the_queue_is_counted_by_task_and_state(engine: Engine) -> None:
    for status in ("todo", "todo", "failed", "succeeded"):
        add_job(engine, status)
    add_job(engine, task="scan")

    state = care.status(engine)

    assert state.tasks == {"ingest_file": {"todo": 2, "failed": 1}, "scan": {"todo": 1}}
    assert state.queue == {"todo": 3, "failed": 1}


def test_what_is_being_done_says_for_how_long_and_whether_its_worker_lives(engine: Engine) -> None:
    add_job(engine, "doing", "/a.mp4", worker_id=add_worker(engine), began_s_ago=4000)
    add_job(engine, "doing", "/b.mp4", worker_id=add_worker(engine, heartbeat_s_ago=300))
    add_job(engine, "doing", "/c.mp4", worker_id=None)

    state = care.status(engine)

    assert [(job.path, job.is_stalled) for job in state.running] == [
        ("/a.mp4", False),
        ("/b.mp4", True),
        ("/c.mp4", True),
    ]
    assert state.running[0].running_s == pytest.approx(4000, abs=60)
    assert state.workers_alive == 1


def test_failures_come_newest_first_with_their_reasons(engine: Engine) -> None:
    long_ago = {"indexed_at": "now() - interval '1 day'", "path": "'/old.mp4'"}
    add_video(engine, "old", status="'failed'", error="'no frame could be decoded'", **long_ago)
    add_video(engine, "new", status="'failed'", error="'cut short'", path="'/new.mp4'")
    add_video(engine, "fine")
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO video_files (path, error) VALUES ('/locked.mp4', 'cannot be read')")
        )
    job_id = add_job(engine, "failed", "/killer.mp4")

    state = care.status(engine)

    by_path = {failure.path: failure for failure in state.failures}
    assert state.failure_count == 4
    assert [f.path for f in state.failures if f.kind == "video"] == ["/new.mp4", "/old.mp4"]
    assert state.failures[-1].path == "/locked.mp4", "its time is not known"
    assert by_path["/new.mp4"].reason == "cut short"
    assert by_path["/locked.mp4"].reason == "cannot be read"
    assert f"job {job_id} " in by_path["/killer.mp4"].reason


def test_the_list_of_failures_ends_where_asked_and_the_count_does_not(engine: Engine) -> None:
    for number in range(5):
        add_video(engine, f"broken {number}", status="'failed'", error="'broken'")

    for most in (0, 2):
        state = care.status(engine, failures=most)

        assert (len(state.failures), state.failure_count) == (most, 5)


def test_the_time_left_follows_from_the_rate_and_what_waits(engine: Engine) -> None:
    for number in range(10):
        add_video(
            engine,
            f"video {number}",
            indexed_at=f"now() - {number} * interval '10 s'",
            attempted_at=f"now() - ({number} + 1) * interval '10 s'",
        )
    add_video(engine, "of yesterday", indexed_at="now() - interval '1 day'")
    for _ in range(30):
        add_job(engine)

    rate = care.status(engine).rate

    # Ten videos of 30 s in 100 s, and thirty to go.
    assert rate.videos_per_minute == pytest.approx(6, rel=0.1)
    assert rate.video_s_per_s == pytest.approx(3, rel=0.1)
    assert rate.left_s == pytest.approx(300, rel=0.1)


def test_the_rate_is_unknown_after_a_while_without_work(engine: Engine) -> None:
    add_video(engine, "of yesterday", indexed_at="now() - interval '1 day'")
    add_job(engine)

    assert care.status(engine).rate == care.Rate(None, None, None)


@pytest.mark.usefixtures("settings_of_test")
def test_the_command_shows_all_of_it(engine: Engine) -> None:
    add_source(engine, "/holidays [2026]", error="'/holidays is not mounted'")
    add_job(engine, "doing", "/long.mp4", worker_id=add_worker(engine), began_s_ago=4000)
    add_video(engine, "a", status="'failed'", error="'cut short'", path="'/a.mp4'")

    shown = sceneql("status").stdout

    for part in (
        "/holidays [2026]",
        "every 10 min",
        "/holidays is not mounted",
        "/long.mp4: for 1 h 6 min",
        "/a.mp4: cut short",
        "1 alive",
    ):
        assert part in shown, part


@pytest.mark.usefixtures("settings_of_test")
def test_the_json_keeps_its_keys_and_has_the_new_ones(engine: Engine) -> None:
    add_source(engine, "/videos", scanned_at="now()")
    for number in range(3):
        add_video(engine, f"broken {number}", status="'failed'", error="'broken'")

    state = json.loads(sceneql("status", "--json", "--failures", "1").stdout)

    assert {"videos", "scenes", "frames", "model", "model_warning", "database_bytes", "queue",
            "embedder_running"} <= state.keys()  # fmt: skip
    assert state["sources"][0]["path"] == "/videos"
    assert state["failures"][0]["reason"] == "broken"
    assert state["failure_count"] == 3
