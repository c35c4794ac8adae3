"""Switches searches to another model: nothing may lack, neither frames nor questions."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, SmallInteger, cast, func, select

from app.locks import LOCK_TIMEOUT_S, PATIENCE_S, patiently, set_lock_timeout
from app.model_catalog import ModelRow, count_lacking
from app.models import EmbeddingModel

# Writing a long video holds the active model for a while; searches are not held up by that wait.
WRITERS_TIMEOUT_S = 60.0
# As long as the embedder keeps them.
QUESTIONS_SINCE = "30 days"

# What was asked of the active model, and of the other one never or without success.
UNANSWERED = """
    FROM query_embeddings q JOIN embedding_models m ON m.id = q.model_id AND m.active
    WHERE q.kind IN ('text', 'image') AND q.embedding IS NOT NULL
        AND q.requested_at >= now() - %(since)s::interval
        AND NOT EXISTS (
            SELECT FROM query_embeddings other
            WHERE other.model_id = %(model_id)s AND other.kind = q.kind AND other.key = q.key
                AND other.answered_at IS NOT NULL)
"""


@dataclass(frozen=True)
class Lacking:
    """Frames and questions without a vector of the model that is to be active."""

    frames: int
    questions: int

    def __bool__(self) -> bool:
        return bool(self.frames or self.questions)


def lacking(connection: Connection, model_id: int) -> Lacking:
    """What has to be filled before searches can use a model."""
    questions = connection.exec_driver_sql(
        "SELECT count(*) " + UNANSWERED,
        {"since": QUESTIONS_SINCE, "model_id": model_id},
    )
    return Lacking(count_lacking(connection, model_id), questions.scalar_one())


def switch(
    engine: Engine,
    model: ModelRow,
    on_wait: Callable[[str], None],
    *,
    patience_s: float = PATIENCE_S,
) -> Lacking:
    """Makes searches use another model, in one transaction, unless it lacks something.

    Searches go on: the switch waits for a moment at a time for those that run. Videos that are just
    being written are waited for and counted. Returns what lacks; nothing has changed then.

    Raises:
        BusyDatabaseError: Somebody keeps the view `moments` open; the message says who.
    """

    def change(connection: Connection) -> Lacking:
        # Whoever writes a video holds the active model; whoever comes later learns of the new one.
        set_lock_timeout(connection, WRITERS_TIMEOUT_S)
        connection.execute(
            select(EmbeddingModel.id)
            .where(EmbeddingModel.active | (EmbeddingModel.id == model.id))
            .order_by(EmbeddingModel.id)
            .with_for_update(key_share=True)
        ).all()
        missing = lacking(connection, model.id)
        if not missing:
            set_lock_timeout(connection, LOCK_TIMEOUT_S)
            connection.execute(select(func.activate_model(cast(model.id, SmallInteger))))
        return missing

    return patiently(engine, f"switch to {model}", change, on_wait=on_wait, patience_s=patience_s)
