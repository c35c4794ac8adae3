"""A database whose sessions are elsewhere: dates are shown, filtered and suggested in UTC."""

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.web import create_app
from tests.conftest import Databases
from tests.filling import fill


@pytest.fixture(scope="module")
def elsewhere(databases: Databases) -> Iterator[Engine]:
    """40 videos, recorded each day at noon by UTC, after midnight by the clocks of New Zealand."""
    engine = databases.create()
    databases.run(f"ALTER DATABASE {engine.url.database} SET timezone = 'Pacific/Auckland'")
    engine.dispose()
    fill(engine, videos=40, frames=5)
    yield engine
    databases.drop(engine)


@pytest.fixture
def client(elsewhere: Engine) -> FlaskClient:
    return create_app(elsewhere).test_client()


def test_sessions_are_in_utc(elsewhere: Engine) -> None:
    with elsewhere.connect() as connection:
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"


def test_what_is_recorded_before_a_day_is_shown_with_an_earlier_one(client: FlaskClient) -> None:
    page = client.get("/library?filter=before:2026-01-03")

    assert page.status_code == 200
    assert set(re.findall(r"<time[^>]*>(2026-[0-9-]{5})", page.text)) == {
        "2026-01-01",
        "2026-01-02",
    }


def test_a_suggested_month_finds_as_many_videos_as_it_says(client: FlaskClient) -> None:
    suggested = client.get("/api/suggestions", query_string={"prefix": "after:2026"}).json
    reply = client.get("/api/videos", query_string={"filter": "before:2026-02", "limit": 100})

    assert suggested is not None
    assert [(one["text"], one["videos"]) for one in suggested["suggestions"]] == [
        ("after:2026-01", 31),
        ("after:2026-02", 9),
    ]
    assert reply.json is not None
    assert len(reply.json["videos"]) == 31


def test_times_of_the_api_are_in_utc(client: FlaskClient) -> None:
    reply = client.get("/api/videos?limit=1").json

    assert reply is not None
    assert reply["videos"][0]["recorded_at"] == "2026-01-01T12:00:00Z"
