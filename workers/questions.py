"""Answers with another model what was asked of the active one, before searches switch to it."""

from typing import TYPE_CHECKING

import psycopg
from pgvector.psycopg import register_vector
from psycopg.rows import class_row
from sqlalchemy import Engine

from app.db import address_of
from app.model_switch import QUESTIONS_SINCE, UNANSWERED
from workers.embedder import Request, replies

if TYPE_CHECKING:
    from workers.model import Model

QUESTIONS_AT_ONCE = 32


def answer_questions(engine: Engine, model: "Model", model_id: int) -> int:
    """Answers with another model what was asked of the active one; returns how many there were.

    So the questions of the last weeks have their vectors at hand after a switch, too. Clips are
    left out: of a clip nothing is kept that could be embedded again.
    """
    answered = 0
    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        register_vector(connection)
        while requests := _unanswered(connection, model_id):
            for reply in replies(model, requests):
                connection.execute(
                    "INSERT INTO query_embeddings AS q (model_id, kind, key, payload, embedding, "
                    "unknown_words, error, requested_at, answered_at) "
                    "SELECT %s, o.kind, o.key, o.payload, %s, %s, %s, o.requested_at, "
                    "clock_timestamp() FROM query_embeddings o WHERE o.id = %s "
                    "ON CONFLICT ON CONSTRAINT query_embeddings_pkey DO UPDATE SET embedding = "
                    "excluded.embedding, unknown_words = excluded.unknown_words, "
                    "error = excluded.error, answered_at = excluded.answered_at "
                    "WHERE q.answered_at IS NULL",
                    (
                        model_id,
                        reply.embedding,
                        list(reply.unknown_words),
                        reply.error,
                        reply.request.id,
                    ),
                )
            answered += len(requests)
    return answered


def _unanswered(connection: psycopg.Connection, model_id: int) -> list[Request]:
    with connection.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute(
            "SELECT q.id, q.kind, q.payload "
            + UNANSWERED
            + "ORDER BY q.requested_at DESC LIMIT %(limit)s",
            {"since": QUESTIONS_SINCE, "model_id": model_id, "limit": QUESTIONS_AT_ONCE},
        ).fetchall()
