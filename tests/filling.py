"""Fills the project's own tables with drawn vectors, for tests of search without any video."""

from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from sqlalchemy import Engine, text

from app.db import address_of

FRAMES_PER_SCENE = 5


@dataclass(frozen=True)
class Filled:
    """What was drawn: the vectors (videos, frames, dim), and directions to ask for (n, dim)."""

    model_id: int
    vectors: NDArray[np.float32]
    questions: NDArray[np.float32]


def add_active_model(
    engine: Engine, name: str = "drawn", dim: int = 64, pretrained: str = "test"
) -> int:
    with engine.begin() as connection:
        model_id: int = connection.execute(
            text("SELECT add_model(:name, :pretrained, :dim)"),
            {"name": name, "pretrained": pretrained, "dim": dim},
        ).scalar_one()
        connection.execute(text("SELECT activate_model(CAST(:id AS smallint))"), {"id": model_id})
    return model_id


def fill(
    engine: Engine, videos: int = 100, frames: int = 20, dim: int = 64, latent: int = 16
) -> Filled:
    """Writes videos whose frames lie around a centre each, in `latent` of `dim` dimensions.

    Uniformly drawn vectors are all about equally far from each other, so that recall on them would
    say nothing. Video N has the title "video N", the collection "c" and N modulo 10, the tag "even"
    or "odd", was recorded on day N of 2026, and lasts as many seconds as it has frames.
    """
    random = np.random.default_rng(20260)
    plane = random.normal(size=(latent, dim))
    centres = random.normal(size=(videos, 1, latent))
    vectors = _unit((centres + 0.5 * random.normal(size=(videos, frames, latent))) @ plane)
    questions = _unit(random.normal(size=(20, latent)) @ plane)
    model_id = add_active_model(engine, dim=dim)
    with psycopg.connect(address_of(engine)) as connection:
        register_vector(connection)
        connection.execute(
            "INSERT INTO videos (content_hash, title, collection, tags, metadata, recorded_at, "
            "duration_s, frame_count, status) "
            "SELECT 'hash ' || n, 'video ' || n, 'c' || n %% 10, "
            "ARRAY[CASE n %% 2 WHEN 0 THEN 'even' ELSE 'odd' END], jsonb_build_object('n', n), "
            "timestamptz '2026-01-01 12:00Z' + (n - 1) * interval '1 day', %(frames)s, %(frames)s, "
            "'indexed' FROM generate_series(1, %(videos)s) AS n ORDER BY n",
            {"videos": videos, "frames": frames},
        )
        connection.execute(
            "INSERT INTO video_files (path, video_id) "
            "SELECT '/videos/' || title || '.mp4', id FROM videos"
        )
        connection.execute(
            "INSERT INTO scenes (video_id, scene_no, start_s, end_s) "
            "SELECT id, n, n * %(size)s, least((n + 1) * %(size)s, %(frames)s) "
            "FROM videos, generate_series(0, (%(frames)s - 1) / %(size)s) AS n",
            {"size": FRAMES_PER_SCENE, "frames": frames},
        )
        connection.execute(
            "INSERT INTO frames (video_id, frame_no, scene_no, t_s, thumbnail) "
            "SELECT id, n, n / %(size)s, n, '' FROM videos, generate_series(0, %(last)s) AS n",
            {"size": FRAMES_PER_SCENE, "last": frames - 1},
        )
        ids = [row[0] for row in connection.execute("SELECT id FROM videos ORDER BY id")]
        # An index that is built after the rows is there in a fraction of the time.
        index, definition = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE indexname = %s",
            [f"frame_embeddings_{model_id}_hnsw_idx"],
        ).fetchone() or ("", "")
        connection.execute(f"DROP INDEX {index}")
        with connection.cursor().copy(
            "COPY frame_embeddings (video_id, frame_no, model_id, embedding) FROM STDIN "
            "(FORMAT BINARY)"
        ) as copy:
            copy.set_types(["int8", "int4", "int2", "halfvec"])
            for video_id, of_video in zip(ids, vectors, strict=True):
                for frame_no, vector in enumerate(of_video):
                    copy.write_row((video_id, frame_no, model_id, HalfVector(vector)))
        connection.execute(definition)
    with psycopg.connect(address_of(engine), autocommit=True) as connection:
        connection.execute("ANALYZE")
    return Filled(model_id, vectors, questions)


def answer(engine: Engine, words: str, vector: NDArray[np.float32]) -> None:
    """Stores a question in words with its vector, as an embedder does."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO query_embeddings "
                "(model_id, kind, key, payload, embedding, answered_at) "
                "SELECT id, 'text', encode(sha256(convert_to(:words, 'UTF8')), 'hex'), "
                "convert_to(:words, 'UTF8'), CAST(:vector AS halfvec), now() "
                "FROM embedding_models WHERE active"
            ),
            {"words": words, "vector": literal(vector)},
        )


def answer_everything(engine: Engine) -> None:
    """Has every new question answered at once, by the vector of one that was answered before."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION answer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "SELECT now(), embedding INTO NEW.answered_at, NEW.embedding FROM query_embeddings "
                "ORDER BY md5(key || NEW.key) LIMIT 1; RETURN NEW; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER answer BEFORE INSERT ON query_embeddings "
                "FOR EACH ROW EXECUTE FUNCTION answer()"
            )
        )


def literal(vector: NDArray[np.float32]) -> str:
    """The vector as pgvector reads it in text."""
    return HalfVector(vector).to_text()


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit.astype(np.float32)
