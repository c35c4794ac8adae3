"""Puts together what indexes files, for tests that need something indexed."""

from pathlib import Path

from sqlalchemy import Engine

from app.sampling import Sampling
from workers.decoder import Decoder
from workers.decoders import Decoders
from workers.embedding import Embedding
from workers.index_model import claim
from workers.ingest import Ingester
from workers.model import Model


def ingester_of(
    engine: Engine,
    model: Model,
    decoder: Decoder,
    spool_folder: Path,
    *,
    sampling: str = "scenes:2",
    model_id: int | None = None,
) -> Ingester:
    """One with a single decoder, for the model as it is searched or for a model's row by its id."""
    return Ingester(
        engine,
        Embedding(model),
        claim(engine, model) if model_id is None else model_id,
        spool_folder,
        Decoders([decoder]),
        Sampling.parse(sampling),
    )
