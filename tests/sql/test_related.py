"""Similar videos and copies, asked through the app."""

import psycopg
from sqlalchemy import Engine, event

from app.related import find_copies, find_fingerprints, similar_videos
from tests.filling import fill


def test_the_server_has_nothing_to_warn_of(engine: Engine) -> None:
    fill(engine, videos=3)
    warnings: list[str | None] = []

    @event.listens_for(engine, "connect")
    def listen(driver: psycopg.Connection, _record: object) -> None:
        driver.add_notice_handler(lambda notice: warnings.append(notice.message_primary))

    engine.dispose()
    alike = similar_videos(engine, 1)
    find_copies(engine, 1)
    find_fingerprints(engine, [0.0, 1.0], [1, 2])

    assert len(alike) == 2
    assert warnings == []
