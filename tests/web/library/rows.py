"""What the database holds after the pages of /library were used."""

from typing import Any

from sqlalchemy import Engine, text


def video(engine: Engine, video_id: int = 1) -> Any:
    with engine.connect() as connection:
        return connection.execute(
            text("SELECT * FROM videos WHERE id = :id"), {"id": video_id}
        ).one_or_none()


def queued(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT task_name, args FROM procrastinate.procrastinate_jobs "
                "WHERE status = 'todo' ORDER BY id"
            )
        )
        return [(row.task_name, row.args) for row in rows]
