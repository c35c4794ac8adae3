"""The model belongs to the index: the first ingest decides, everybody after that follows."""

import logging

from sqlalchemy import Connection, Engine, Select, SmallInteger, cast, func, select

from app.catalog import active_model
from app.config import Settings
from app.errors import ModelUnavailableError
from app.locks import patiently
from app.model_catalog import models
from app.models import EmbeddingModel, Video
from workers.model import Model, ModelId, choose, load

logger = logging.getLogger(__name__)

# Any number would do, as long as every process that names the index's model takes the same.
CLAIM_LOCK = 20265_1


def load_for_ingest(engine: Engine, settings: Settings) -> Model:
    """The index's own model, or for an empty index the one that is chosen or can be had.

    Where one was chosen that the index has as well, but does not use now, its own is taken: the
    index may have been switched while this process ran. Raises ModelUnavailableError if it cannot
    be loaded, or if one was chosen that the index does not have.
    """
    with engine.connect() as connection:
        model_id = _model_of_index(connection)
        others = {ModelId(row.name, row.pretrained) for row in models(connection)}
    if model_id is None:
        model_id = choose(settings.model, settings.weights_dir)
    elif settings.model and (chosen := ModelId.parse(settings.model)) != model_id:
        if chosen not in others:
            raise _another_model(model_id, settings.model)
        logger.warning(
            "SCENEQL_MODEL names %s, but searches use %s, and so do new videos; unset it, or "
            "switch: sceneql models activate %s",
            chosen,
            model_id,
            chosen,
        )
    return load(model_id, settings.weights_dir)


def claim(engine: Engine, model: Model) -> int:
    """Makes the model the index's own, if the index is empty, and returns its id there.

    An index without frames may still change its model; write_video makes sure that it writes for
    the one it has. Raises ModelUnavailableError if the index has frames of another model, and
    BusyDatabaseError if somebody keeps open what they read of an empty index.
    """
    with engine.connect() as connection:
        model_id = connection.scalar(_is(model.id).where(EmbeddingModel.active))
    if model_id is not None:
        return model_id
    return patiently(
        engine,
        f"make {model.id} the model of the index",
        lambda connection: _claim(connection, model),
        on_wait=logger.warning,
    )


def _claim(connection: Connection, model: Model) -> int:
    connection.execute(select(func.pg_advisory_xact_lock(CLAIM_LOCK)))
    owner = _model_of_index(connection)
    if owner is not None and owner != model.id:
        raise _another_model(owner, str(model.id))
    model_id = connection.scalar(_is(model.id))
    if model_id is None:
        added = func.add_model(model.id.name, model.id.pretrained, model.dim)
        model_id = int(connection.scalars(select(added)).one())
    connection.execute(select(func.activate_model(cast(model_id, SmallInteger))))
    return model_id


def _is(model_id: ModelId) -> Select[int]:
    return select(EmbeddingModel.id).where(
        EmbeddingModel.name == model_id.name, EmbeddingModel.pretrained == model_id.pretrained
    )


def _model_of_index(connection: Connection) -> ModelId | None:
    """The model that the indexed frames were embedded with, or None if there are none yet."""
    active = active_model(connection)
    if active is None:
        return None
    has_frames = select(Video.id).where(Video.frame_count > 0).exists()
    if not connection.execute(select(has_frames)).scalar_one():
        return None
    return ModelId(active.name, active.pretrained)


def _another_model(owner: ModelId, other: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"this index uses {owner}, so {other} cannot add to it; unset SCENEQL_MODEL, or give the "
        f"index that model: sceneql models add {other}, then sceneql models activate {other}; "
        "or name another SCENEQL_HOME for an index of its own"
    )
