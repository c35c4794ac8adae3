"""Answers questions: turns the words and pictures that wait in the database into vectors."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from PIL import ExifTags, Image
from psycopg.rows import class_row

from app.config import Settings
from app.db import database_url

if TYPE_CHECKING:
    from workers.model import Model

logger = logging.getLogger(__name__)

# The shared advisory lock by which embedder_running() knows that somebody is there.
PRESENCE_LOCK = (20265, 1)
CHANNEL = "sceneql_embed"
SWEEP_EVERY_S = 1.0
EXPIRE_EVERY_S = 3600.0
# Questions are people's words and pictures: they are not kept longer than they are of use.
EXPIRE_AFTER = "30 days"
RECONNECT_AFTER_S = 1.0
# Words come first and many at a time; pictures are large, and nobody should wait for many.
BATCHES = (("text", 64), ("image", 4))
MAX_PIXELS = 64_000_000
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The orientation of EXIF to what brings a picture upright."""


@dataclass(frozen=True)
class Request:
    """A question without an answer yet."""

    id: UUID
    kind: str
    payload: bytes


@dataclass(frozen=True)
class Reply:
    """The vector of a question, or why there is none."""

    request: Request
    embedding: HalfVector | None = None
    unknown_words: tuple[str, ...] = ()
    error: str | None = None


class UnreadableImageError(Exception):
    """The payload is no picture that can be opened; the message says why."""


def run(settings: Settings) -> None:
    """Answers questions until the process is stopped; reconnects when Postgres restarts."""
    embedder = Embedder(settings)
    while True:
        try:
            embedder.serve()
        except psycopg.OperationalError as error:
            logger.warning("lost the database, trying again: %s", str(error).splitlines()[0])
            time.sleep(RECONNECT_AFTER_S)


class Embedder:
    """Keeps the index's model at hand and answers with it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.model: Model | None = None

    def serve(self) -> None:
        """Answers questions on one pair of connections until one of them breaks.

        The one that listens does nothing else: work on it would deadlock with its notifications.
        """
        url = database_url(self.settings)
        with (
            psycopg.connect(url, autocommit=True, application_name="sceneql embedder") as listener,
            psycopg.connect(url, autocommit=True, application_name="sceneql embedder") as worker,
        ):
            register_vector(worker)
            # What a crash of the server loses of its answers is answered again.
            worker.execute("SET synchronous_commit = off")
            # Before the model is loaded: whoever asks now had better wait than give up.
            listener.execute("SELECT pg_advisory_lock_shared(%s, %s)", PRESENCE_LOCK)
            listener.execute(f"LISTEN {CHANNEL}")
            expired_at = -EXPIRE_EVERY_S
            while True:
                while self.answer(worker):
                    pass
                if time.monotonic() - expired_at >= EXPIRE_EVERY_S:
                    expire(worker)
                    expired_at = time.monotonic()
                # Ends early at a notification; whatever that names, the next round answers all.
                for _ in listener.notifies(timeout=SWEEP_EVERY_S, stop_after=1):
                    pass

    def answer(self, connection: psycopg.Connection) -> int:
        """Answers a batch of waiting questions; returns how many there were, and still are."""
        active = connection.execute(
            "SELECT id, name, pretrained FROM embedding_models WHERE active"
        ).fetchone()
        if active is None:
            return 0
        row_id, name, pretrained = active
        model = self.load(name, pretrained)
        answered = sum(
            self._answer_kind(connection, model, row_id, kind, size) for kind, size in BATCHES
        )
        # Not before, since it is seldom that there are any, and somebody waits.
        return answered + take_over(connection, row_id)

    def _answer_kind(
        self, connection: psycopg.Connection, model: "Model", row_id: int, kind: str, size: int
    ) -> int:
        with connection.transaction(), connection.cursor(row_factory=class_row(Request)) as cursor:
            # Several embedders share the work: each takes what no other one has locked.
            requests = cursor.execute(
                "SELECT id, kind, payload FROM query_embeddings "
                "WHERE answered_at IS NULL AND model_id = %s AND kind = %s "
                "ORDER BY requested_at LIMIT %s FOR UPDATE SKIP LOCKED",
                (row_id, kind, size),
            ).fetchall()
            for reply in replies(model, requests):
                cursor.execute(
                    "UPDATE query_embeddings SET embedding = %s, unknown_words = %s, error = %s, "
                    "answered_at = clock_timestamp() WHERE id = %s",
                    (reply.embedding, list(reply.unknown_words), reply.error, reply.request.id),
                )
        return len(requests)

    def load(self, name: str, pretrained: str) -> "Model":
        """The index's model, loaded when it is first needed and when the index changes to another.

        It is imported here because torch takes seconds, and people who ask meanwhile should see
        that an embedder is there.
        """
        from workers.model import ModelId, load

        model_id = ModelId(name, pretrained)
        if self.model is None or self.model.id != model_id:
            self.model = load(model_id, self.settings.weights_dir)
            logger.info("answering with %s in %s", model_id, self.model.precision)
        return self.model


def take_over(connection: psycopg.Connection, row_id: int) -> int:
    """Has the active model answer what was asked of another one just before the switch.

    Who asked waits for that very request. If the active model has an answer to the same question,
    that goes and is made again. Nothing is done if the index was switched to yet another model.
    Returns how many questions were taken over.
    """
    with connection.transaction():
        is_active = "SELECT FROM embedding_models WHERE id = %s AND active FOR SHARE"
        if connection.execute(is_active, (row_id,)).fetchone() is None:
            return 0
        late = connection.execute(
            "SELECT id, kind, key FROM query_embeddings "
            "WHERE answered_at IS NULL AND model_id <> %s FOR UPDATE",
            (row_id,),
        ).fetchall()
        for request_id, kind, key in late:
            connection.execute(
                "DELETE FROM query_embeddings WHERE model_id = %s AND kind = %s AND key = %s",
                (row_id, kind, key),
            )
            connection.execute(
                # What is asked anew still has its former vector, which is the other model's.
                "UPDATE query_embeddings SET model_id = %s, embedding = NULL WHERE id = %s",
                (row_id, request_id),
            )
        return len(late)


def replies(model: "Model", requests: Sequence[Request]) -> list[Reply]:
    """The answers to some questions of one kind; one that cannot be read spoils no other's."""
    answers: list[Reply] = []
    readable: list[tuple[Request, str | Image.Image]] = []
    for request in requests:
        try:
            is_text = request.kind == "text"
            content = request.payload.decode() if is_text else open_image(request.payload)
        except UnreadableImageError as error:
            answers.append(Reply(request, error=str(error)))
        else:
            readable.append((request, content))
    return answers + _embedded(model, readable)


def _embedded(
    model: "Model", questions: Sequence[tuple[Request, str | Image.Image]]
) -> list[Reply]:
    if not questions:
        return []
    texts = [content for _, content in questions if isinstance(content, str)]
    images = [content for _, content in questions if isinstance(content, Image.Image)]
    try:
        vectors = model.encode_texts(texts) if texts else model.encode_images(images)
    except Exception as error:
        if len(questions) > 1:
            return [reply for question in questions for reply in _embedded(model, [question])]
        # Left unanswered it would be the first of every batch to come, and fail each of them.
        logger.exception("the model failed on a question")
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return [Reply(questions[0][0], error=f"the model failed: {reason}")]
    return [
        Reply(
            request,
            HalfVector(vector),
            model.unknown_words(content) if isinstance(content, str) else (),
        )
        for (request, content), vector in zip(questions, vectors, strict=True)
    ]


def open_image(data: bytes) -> Image.Image:
    """Decodes a picture file, upright, unless it has more than MAX_PIXELS pixels.

    Raises UnreadableImageError. The size is known before any pixel is decoded, so a small file that
    would unpack into a huge picture costs nothing.
    """
    too_large = UnreadableImageError(
        f"the picture is too large; at most {MAX_PIXELS // 1_000_000} million pixels are read"
    )
    try:
        with Image.open(BytesIO(data), formats=PICTURE_FORMATS) as image:
            if image.width * image.height <= MAX_PIXELS:
                return _on_white(_upright(image))
    except Image.DecompressionBombError as error:
        raise too_large from error
    except Exception as error:
        # What a library may raise over bytes that anybody can make is not to be listed, and all of
        # it means this: whatever ended the embedder would end it again as soon as it is back.
        raise UnreadableImageError(
            "this is not a picture that can be read; send a JPEG, PNG, WebP or GIF file"
        ) from error
    raise too_large


def _upright(image: Image.Image) -> Image.Image:
    """The picture as its camera was held.

    ImageOps.exif_transpose also writes the rest of what the camera says anew, and so stumbles over
    what has no bearing on the picture.
    """
    # A PNG may say it after its pixels.
    image.load()
    turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _on_white(image: Image.Image) -> Image.Image:
    """What is transparent shows white, as in the frames of videos; else what lies beneath would."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(seen, mask=seen.getchannel("A"))
    return white


def expire(connection: psycopg.Connection) -> None:
    """Deletes questions that nobody has asked for a while."""
    connection.execute(
        "DELETE FROM query_embeddings WHERE requested_at < now() - %s::interval", (EXPIRE_AFTER,)
    )
