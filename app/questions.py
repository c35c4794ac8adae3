"""Questions on their way to becoming vectors: asked of the embedder, through the database."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import DBAPIError

from app.catalog import ActiveModel
from app.config import get_settings
from app.errors import (
    BadRequestError,
    EmbedderAbsentError,
    EmbedderTimeoutError,
    EmptyIndexError,
    QueryTimeoutError,
    SceneqlError,
)
from app.patience import Patience

MAX_TEXT_LENGTH = 2000
MAX_IMAGE_BYTES = 20 * 1024 * 1024

# What is requested, each with its answer if it had one before, and else whether somebody is there.
ANSWERS = (
    "SELECT r.id, a.*, "
    "CASE WHEN a.answered AND a.error IS NULL THEN NULL ELSE embedder_running() END AS attended "
    "FROM ({}) AS r LEFT JOIN LATERAL embedding_answer(r.id) AS a ON true"
)
# Selected from a query of its own, so that the limit is read before it is lifted.
LIFT_LIMIT = (
    "SELECT limits.usual, set_config('statement_timeout', '0', false) "
    "FROM (SELECT current_setting('statement_timeout') AS usual OFFSET 0) AS limits"
)

# The SQLSTATEs that the SQL functions raise.
ERRORS: dict[str, type[SceneqlError]] = {
    "SQ001": EmbedderAbsentError,
    "SQ002": BadRequestError,
    "SQ003": EmptyIndexError,
    "SQ004": EmbedderTimeoutError,
}

PATIENCE = Patience()


@dataclass(frozen=True)
class Asked:
    """A question that has its vector, by the key that the SQL functions know it by."""

    kind: str
    key: str
    unknown_words: tuple[str, ...]


def ask_words(connection: Connection, words: str, timeout_s: float | None = None) -> list[Asked]:
    """Has what is wanted and each -this of a question turned into a vector, unless it is at hand.

    Waits for each for `timeout_s` seconds, or as long as the settings say. The connection must be
    in autocommit. Raises BadRequestError for what no embedder can read, EmptyIndexError,
    EmbedderTimeoutError, and EmbedderAbsentError at once if nobody is there.
    """
    if not words.strip():
        return []
    request = (
        "SELECT request_embedding(:kind, convert_to(part.term, 'UTF8')) AS id "
        "FROM query_terms(:words) AS part"
    )
    parameters = {"kind": "text", "words": checked_words(words)}
    return _asked(connection, request, parameters, timeout_s)


def ask_picture(connection: Connection, picture: bytes, timeout_s: float | None = None) -> Asked:
    """Has a picture file turned into a vector, as `ask_words` does."""
    parameters = {"kind": "image", "payload": _checked_picture(picture)}
    request = "SELECT request_embedding(:kind, :payload) AS id"
    [asked] = _asked(connection, request, parameters, timeout_s)
    return asked


def ask_again(connection: Connection, key: str, timeout_s: float | None = None) -> Asked:
    """Has a picture that was asked with before turned into a vector, as `ask_words` does.

    Raises BadRequestError, besides, if the picture is no longer kept.
    """
    request = (
        "SELECT request_embedding(kind, payload) AS id FROM query_embeddings "
        "WHERE kind = :kind AND key = :key LIMIT 1"
    )
    asked = _asked(connection, request, {"kind": "image", "key": key}, timeout_s)
    if not asked:
        raise BadRequestError("this picture is no longer kept; pick, paste or drop it again")
    return asked[0]


def _asked(
    connection: Connection, request: str, parameters: dict[str, Any], timeout_s: float | None
) -> list[Asked]:
    """All that a statement requests, once it is answered.

    One statement does for what was answered before.
    """
    with sql_errors():
        answers = list(connection.execute(text(ANSWERS.format(request)), parameters))
        for number, answer in enumerate(answers):
            # One that failed before is requested anew, which the same statement does not yet see.
            if not answer.answered or answer.error is not None:
                answers[number] = _awaited(connection, answer, timeout_s)
    for answer in answers:
        if answer.error is not None:
            raise BadRequestError(answer.error)
    return [Asked(parameters["kind"], one.key, tuple(one.unknown_words)) for one in answers]


def _awaited(connection: Connection, request: Row[Any], timeout_s: float | None) -> Row[Any]:
    """What was requested once it is there; asks for patience only if an embedder is running."""
    if timeout_s is None:
        timeout_s = get_settings().embed_timeout_s
    if request.attended:
        with PATIENCE.waiting(timeout_s) as wait_s, sql_errors(), _no_time_limit(connection):
            connection.execute(
                text("CALL await_embedding(:request, :timeout_s)"),
                {"request": request.id, "timeout_s": wait_s},
            )
    state = text("SELECT a.* FROM embedding_answer(:request) AS a")
    answer = connection.execute(state, {"request": request.id}).one()
    if not answer.answered:
        raise EmbedderAbsentError(
            "no embedder is running to turn the question into a vector; "
            "start one: sceneql worker, or sceneql up"
        )
    return answer


@contextmanager
def _no_time_limit(connection: Connection) -> Iterator[None]:
    """Within the block no statement is stopped: await_embedding ends by a time of its own."""
    usual = connection.execute(text(LIFT_LIMIT)).scalar_one()
    try:
        yield
    finally:
        # A connection that was lost meanwhile is not used again.
        if not connection.invalidated:
            connection.execute(
                text("SELECT set_config('statement_timeout', :usual, false)"), {"usual": usual}
            )


def keep_picture(engine: Engine, picture: bytes) -> str:
    """Keeps a picture to ask with, for a month after it was last asked; returns its key.

    Raises what `ask_picture` raises: a picture that nobody can read is not kept.
    """
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        return ask_picture(connection, picture).key


def kept_picture(engine: Engine, key: str) -> bytes | None:
    """The bytes of a picture that was asked with, or None if it is no longer kept."""
    if not re.fullmatch("[0-9a-f]{64}", key):
        return None
    wanted = text(
        "SELECT payload FROM query_embeddings "
        "WHERE kind = 'image' AND key = :key AND answered_at IS NOT NULL AND error IS NULL LIMIT 1"
    )
    with engine.connect() as connection:
        payload: bytes | None = connection.execute(wanted, {"key": key}).scalar_one_or_none()
        return payload


@contextmanager
def one_model(connection: Connection) -> Iterator[ActiveModel | None]:
    """Within the block all that is read is of one model: a switch to another waits for its end.

    Gives that model, or None as long as nothing was indexed. The connection must be in autocommit.

    A ranking looks up the active model before it reads `moments`, and a switch between the two
    would have it compare vectors of two models.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        # Sent at once, because each way to the server and back is as long as a small statement.
        cursor = driver.execute(
            "BEGIN; LOCK TABLE moments IN ACCESS SHARE MODE; "
            "SELECT id, name, pretrained, dim FROM embedding_models WHERE active"
        )
        while cursor.nextset():
            pass
        row = cursor.fetchone()
        yield ActiveModel(*row) if row else None
    except BaseException:
        # What is lost has nothing to be rolled back, and is not to be used again.
        if driver.closed:
            connection.invalidate()
        else:
            driver.rollback()
        raise
    driver.commit()


@contextmanager
def sql_errors() -> Iterator[None]:
    """Turns what the SQL functions raise into this program's errors, hint included."""
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        raise QueryTimeoutError from error
    except DBAPIError as error:
        original = error.orig
        if isinstance(original, psycopg.errors.QueryCanceled):
            raise QueryTimeoutError from error
        if isinstance(original, psycopg.Error) and original.sqlstate in ERRORS:
            what, cure = original.diag.message_primary or "", original.diag.message_hint or ""
            # SQL stays in capitals.
            if not re.match("[A-Z]{2}", cure):
                cure = cure[:1].lower() + cure[1:]
            line = f"{what}; {cure}" if cure else what
            raise ERRORS[original.sqlstate](line) from error
        raise


def checked_words(words: str) -> str:
    """A question in words as it is asked; raises BadRequestError for what is none."""
    words = words.strip()
    if not words:
        raise BadRequestError("the question is empty; ask for something, such as: a red circle")
    if len(words) > MAX_TEXT_LENGTH:
        raise BadRequestError(
            f"the question has {len(words):,} characters; at most {MAX_TEXT_LENGTH:,} are read"
        )
    if "\0" in words:
        raise BadRequestError("the question has a NUL character, which no text can have")
    try:
        words.encode()
    except UnicodeEncodeError:
        raise BadRequestError("the question is not valid Unicode text") from None
    return words


def _checked_picture(picture: bytes) -> bytes:
    if not picture:
        raise BadRequestError("the picture is an empty file")
    if len(picture) > MAX_IMAGE_BYTES:
        raise BadRequestError(
            f"the picture has {len(picture) / 2**20:.0f} MiB; "
            f"at most {MAX_IMAGE_BYTES // 2**20} MiB are read"
        )
    return picture
