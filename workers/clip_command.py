"""`python -m workers fingerprint` and `embed`: what a clip from outside the library is known by."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from app.catalog import active_model
from app.config import Settings
from app.db import address_of, get_engine
from app.errors import EmptyIndexError, MediaError
from app.migrate import ensure_current
from app.sampling import Sampling
from workers.analysis import Analysis, Sample
from workers.library import content_hash
from workers.scenes import analyse

if TYPE_CHECKING:
    from workers.model import Model

BATCH_SIZE = 32
SAMPLING = Sampling.parse("scenes:1")
"""A clip is asked for by one frame of each of its scenes."""


def fingerprint(path: Path) -> None:
    """Prints a clip's fingerprints as JSON: their times in seconds and the hashes in hex.

    Raises MediaError if the file is no video or cannot be read.
    """
    found = _analyse(path, lambda _: None).fingerprints
    json.dump(
        {
            "times_s": [print_.t_s for print_ in found],
            "hashes": [f"{print_.phash:016x}" for print_ in found],
        },
        sys.stdout,
    )


def embed(settings: Settings, path: Path) -> None:
    """Keeps the vectors of a clip's frames as a question, and prints its key for search_clip.

    Raises MediaError if the file is no video or cannot be read, and EmptyIndexError.
    """
    engine = get_engine(settings)
    ensure_current(engine, settings)
    with engine.connect() as connection:
        active = active_model(connection)
    if active is None:
        raise EmptyIndexError("the index is empty; index some videos first: sceneql ingest FOLDER")
    # Not above: torch takes seconds, and fingerprints need no model.
    from workers.model import ModelId, load

    model = load(ModelId(active.name, active.pretrained), settings.weights_dir)
    samples: list[Sample] = []
    rows: list[tuple[int, float, HalfVector]] = []
    _analyse(path, lambda sample: _add(model, samples, sample, rows))
    _flush(model, samples, rows)
    key = content_hash(path)
    with psycopg.connect(address_of(engine)) as driver:
        register_vector(driver)
        # Another sampling may have left other frames.
        driver.execute(
            "DELETE FROM query_embeddings WHERE model_id = %s AND kind = 'clip' "
            "AND starts_with(key, %s)",
            [active.id, f"{key}:"],
        )
        with driver.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO query_embeddings "
                "(model_id, kind, key, payload, embedding, answered_at) "
                "VALUES (%s, 'clip', %s, convert_to(%s, 'UTF8'), %s, now())",
                [
                    (active.id, f"{key}:{number:09d}", f"{t_s:.3f} s", vector)
                    for number, t_s, vector in rows
                ],
            )
    print(key)


def _analyse(path: Path, on_sample: Callable[[Sample], None]) -> Analysis:
    try:
        return analyse(path, SAMPLING, on_sample=on_sample)
    except MediaError as error:
        raise MediaError(f"{path}: {error}") from error


def _add(
    model: "Model",
    samples: list[Sample],
    sample: Sample,
    rows: list[tuple[int, float, HalfVector]],
) -> None:
    samples.append(sample)
    if len(samples) == BATCH_SIZE:
        _flush(model, samples, rows)


def _flush(
    model: "Model", samples: list[Sample], rows: list[tuple[int, float, HalfVector]]
) -> None:
    if samples:
        vectors = model.encode_images([sample.image for sample in samples])
        rows += [
            (sample.frame_no, sample.t_s, HalfVector(vector))
            for sample, vector in zip(samples, vectors, strict=True)
        ]
        samples.clear()
