"""The models of an index: what each covers and takes, and how one is dropped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg.errors import LockNotAvailable
from sqlalchemy import ColumnElement, Connection, Engine, SmallInteger, cast, func, select, text
from sqlalchemy.exc import OperationalError

from app.errors import BadRequestError
from app.locks import patiently
from app.models import EmbeddingModel, Frame, FrameEmbedding

# Whoever fills a model holds the advisory lock of this number and the model's id.
FILL_LOCK = 20266
# A worker fills for half a minute at a time, and until the end of the video that it reads then.
SLICE_ENDS_AFTER_S = 120.0

SIZE = "SELECT pg_total_relation_size(format('frame_embeddings_%s', CAST(:id AS smallint)))"
FILLING = """
    SELECT EXISTS (
        SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.classid = :lock AND l.objid = :id AND l.objsubid = 2
            AND l.granted
            AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    )
"""


@dataclass(frozen=True)
class ModelRow:
    """A model as the index keeps it."""

    id: int
    name: str
    pretrained: str
    dim: int
    active: bool

    def __str__(self) -> str:
        return f"{self.name}/{self.pretrained}"


@dataclass(frozen=True)
class ModelState:
    """How a model stands: of how many of all frames it has vectors, and its bytes on disk."""

    model: str
    dim: int
    active: bool
    filling: bool
    frames: int
    all_frames: int
    size_bytes: int


def models(connection: Connection) -> list[ModelRow]:
    """The models of the index in the order in which they came."""
    model = EmbeddingModel
    rows = connection.execute(
        select(model.id, model.name, model.pretrained, model.dim, model.active).order_by(model.id)
    )
    return [ModelRow(*row) for row in rows]


def searched_model(connection: Connection) -> ModelRow | None:
    """The model that searches use; None in an index without any."""
    return next((model for model in models(connection) if model.active), None)


def find_model(connection: Connection, name: str) -> ModelRow:
    """The model of the index that is called NAME/PRETRAINED, or NAME; raises BadRequestError."""
    known = models(connection)
    found = [model for model in known if str(model) == name]
    found = found or [model for model in known if model.name == name]
    if len(found) != 1:
        names = ", ".join(map(str, known)) or "no model yet"
        raise BadRequestError(
            f"this index has no model {name!r}; it has {names}, and gets more by: "
            "sceneql models add NAME/PRETRAINED"
        )
    return found[0]


def list_models(engine: Engine) -> list[ModelState]:
    """How each model of the index stands, in the order in which they came."""
    with engine.connect() as connection:
        all_frames = connection.execute(select(func.count()).select_from(Frame)).scalar_one()
        return [
            ModelState(
                model=str(model),
                dim=model.dim,
                active=model.active,
                filling=connection.execute(
                    text(FILLING), {"lock": FILL_LOCK, "id": model.id}
                ).scalar_one(),
                frames=connection.execute(
                    select(func.count()).where(FrameEmbedding.model_id == model.id)
                ).scalar_one(),
                all_frames=all_frames,
                size_bytes=connection.execute(text(SIZE), {"id": model.id}).scalar_one(),
            )
            for model in models(connection)
        ]


def lacks(model_id: int) -> ColumnElement[bool]:
    """Whether a frame has no vector of the model: a condition on the table of frames."""
    vector = select(FrameEmbedding.model_id).where(
        FrameEmbedding.model_id == model_id,
        FrameEmbedding.video_id == Frame.video_id,
        FrameEmbedding.frame_no == Frame.frame_no,
    )
    return ~vector.exists()


def count_lacking(connection: Connection, model_id: int) -> int:
    """How many frames have no vector of the model."""
    counted = select(func.count()).select_from(Frame).where(lacks(model_id))
    return int(connection.execute(counted).scalar_one())


@contextmanager
def fill_lock(engine: Engine, model: ModelRow, wait_s: float = 3.0) -> Iterator[None]:
    """Keeps others from filling or dropping the model meanwhile.

    Raises BadRequestError if somebody else still does after `wait_s` seconds.
    """
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(f"SET lock_timeout = {round(1000 * wait_s)}"))
        try:
            connection.execute(select(func.pg_advisory_lock(FILL_LOCK, model.id)))
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            raise BadRequestError(
                f"another process is filling {model} now; `sceneql models list` shows how far it "
                "is, and stopping it loses nothing"
            ) from error
        finally:
            connection.execute(text("RESET lock_timeout"))
        try:
            yield
        finally:
            connection.execute(select(func.pg_advisory_unlock(FILL_LOCK, model.id)))


def drop_model(
    engine: Engine,
    model: ModelRow,
    on_wait: Callable[[str], None],
    *,
    wait_s: float = SLICE_ENDS_AFTER_S,
) -> None:
    """Drops a model with its vectors and questions; a worker that fills it is waited for.

    Raises BadRequestError if searches use it or it is being filled, and BusyDatabaseError.
    """

    def drop(connection: Connection) -> None:
        if any(row.active for row in models(connection) if row.id == model.id):
            raise BadRequestError(
                f"searches use {model}; switch to another model first: "
                "sceneql models activate NAME/PRETRAINED"
            )
        connection.execute(select(func.drop_model(cast(model.id, SmallInteger))))

    # A worker that comes for the next slice finds the model locked, and then gone.
    with fill_lock(engine, model, wait_s):
        patiently(engine, f"drop {model}", drop, on_wait=on_wait)
