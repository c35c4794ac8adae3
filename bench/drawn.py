"""A library of drawn vectors in the project's own tables, to measure searches on at any size."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from app.db import address_of
from app.model_catalog import searched_model
from app.vector_index import Kind
from bench.building import built
from bench.exact import unit
from bench.homes import open_database

DIM = 512
LATENT = 48
FRAMES_PER_VIDEO = 100
FRAMES_PER_SCENE = 5
_VIDEOS_AT_ONCE = 200
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"


@dataclass(frozen=True)
class Drawn:
    """What the library holds; uniformly drawn vectors would all be about equally far apart.

    Each video has a centre in LATENT dimensions, and its frames lie around that.
    """

    videos: int
    plane: NDArray[np.float32]
    """(LATENT, DIM)."""
    centres: NDArray[np.float32]
    """(videos, LATENT)."""

    def vectors(self) -> Iterator[NDArray[np.float16]]:
        """(videos at once * FRAMES_PER_VIDEO, DIM) at a time, as they are stored, in order."""
        random = np.random.default_rng(1)
        for start in range(0, self.videos, _VIDEOS_AT_ONCE):
            centres = self.centres[start : start + _VIDEOS_AT_ONCE, None]
            shape = (len(centres), FRAMES_PER_VIDEO, LATENT)
            latent = centres + 0.5 * random.standard_normal(shape, dtype=np.float32)
            yield unit(latent.reshape(-1, LATENT) @ self.plane).astype(np.float16)

    def questions(self, count: int) -> NDArray[np.float32]:
        """(count, DIM) unit vectors, of the kind that the videos' centres are."""
        random = np.random.default_rng(2)
        latent = random.standard_normal((count, LATENT), dtype=np.float32)
        return unit(latent @ self.plane).astype(np.float16).astype(np.float32)


def draw(frames: int) -> Drawn:
    """A library of this many frames; the same one for the same number."""
    random = np.random.default_rng(0)
    videos = frames // FRAMES_PER_VIDEO
    return Drawn(
        videos,
        random.standard_normal((LATENT, DIM), dtype=np.float32),
        random.standard_normal((videos, LATENT), dtype=np.float32),
    )


def open_library(frames: int, home: Path) -> tuple[Engine, Drawn]:
    """The library of this many frames in the database under `home`, filled if it was not before."""
    engine = open_database(home)
    drawn = draw(frames)
    store(engine, drawn)
    return engine, drawn


def store(engine: Engine, drawn: Drawn) -> None:
    """Fill an empty database, or find that it was filled before; builds the index last."""
    stored = stored_videos(engine)
    if stored not in (0, drawn.videos):
        raise SystemExit(f"the database holds {stored} videos of something else; name another home")
    if not stored:
        _add(engine, drawn, 0, build_index=True)


def grow(engine: Engine, drawn: Drawn) -> None:
    """Add what a smaller drawn library lacks of this one, and leave it without an index."""
    stored = stored_videos(engine)
    if stored > drawn.videos:
        raise SystemExit(f"the database holds {stored} videos already; name another home")
    if stored < drawn.videos:
        _add(engine, drawn, stored, build_index=False)


def stored_videos(engine: Engine) -> int:
    """How many videos the library has."""
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM videos")).scalar_one())


def _add(engine: Engine, drawn: Drawn, stored: int, *, build_index: bool) -> None:
    started = time.monotonic()
    model_id = active_model(engine, DIM)
    with psycopg.connect(address_of(engine)) as driver:
        _drop_indexes(driver, model_id)
        _store_videos(driver, drawn, stored)
        _report(started, "videos, scenes and frames are stored")
        _store_vectors(driver, drawn, stored, model_id)
        _report(started, "vectors are stored")
    with psycopg.connect(address_of(engine), autocommit=True) as driver:
        driver.execute("VACUUM ANALYZE")
    if build_index:
        built(engine, Kind.HALFVEC)
        _report(started, "the index is built")
    _report(started, "ready")


def active_model(engine: Engine, dim: int) -> int:
    """The active model, as one that broke off may have left it; adds one of so many dimensions."""
    with engine.begin() as connection:
        if model := searched_model(connection):
            return model.id
        model_id = connection.execute(
            text("SELECT add_model('drawn', 'bench', :dim)"), {"dim": dim}
        ).scalar_one()
        connection.execute(text("SELECT activate_model(CAST(:id AS smallint))"), {"id": model_id})
    return int(model_id)


def _drop_indexes(driver: psycopg.Connection, model_id: int) -> None:
    """To build them again is a fraction of the work of keeping them up to date."""
    rows = driver.execute(
        "SELECT indexname FROM pg_indexes "
        "WHERE tablename = %s AND indexdef LIKE '%% USING hnsw %%'",
        [f"frame_embeddings_{model_id}"],
    ).fetchall()
    for (name,) in rows:
        driver.execute(f"DROP INDEX {name}")


def _store_videos(driver: psycopg.Connection, drawn: Drawn, stored: int) -> None:
    sizes = {
        "stored": stored,
        "videos": drawn.videos,
        "frames": FRAMES_PER_VIDEO,
        "in_scene": FRAMES_PER_SCENE,
        "scenes": FRAMES_PER_VIDEO // FRAMES_PER_SCENE,
    }
    for statement in (
        # A run that broke off has used numbers up, and the vectors count from one.
        "SELECT setval(pg_get_serial_sequence('videos', 'id'), %(stored)s + 1, false)",
        "INSERT INTO videos (content_hash, title, duration_s, frame_count, status) SELECT n, "
        "'video ' || n, %(frames)s, %(frames)s, 'indexed' "
        "FROM generate_series(%(stored)s + 1, %(videos)s) n ORDER BY n",
        "INSERT INTO video_files (path, video_id) SELECT '/videos/' || id || '.mp4', id "
        "FROM videos WHERE id > %(stored)s",
        "INSERT INTO scenes (video_id, scene_no, start_s, end_s) SELECT id, n, n * %(in_scene)s, "
        "(n + 1) * %(in_scene)s FROM videos, generate_series(0, %(scenes)s - 1) n "
        "WHERE id > %(stored)s ORDER BY id, n",
        "INSERT INTO frames (video_id, frame_no, scene_no, t_s, thumbnail) SELECT id, n, "
        "n / %(in_scene)s, n, '' FROM videos, generate_series(0, %(frames)s - 1) n "
        "WHERE id > %(stored)s ORDER BY id, n",
    ):
        driver.execute(statement, sizes)


def _store_vectors(driver: psycopg.Connection, drawn: Drawn, stored: int, model_id: int) -> None:
    # The binary format of COPY, written for many rows at once.
    layout = np.dtype(
        [
            ("fields", ">i2"),
            ("video_size", ">i4"),
            ("video_id", ">i8"),
            ("frame_size", ">i4"),
            ("frame_no", ">i4"),
            ("model_size", ">i4"),
            ("model_id", ">i2"),
            ("vector_size", ">i4"),
            ("dim", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f2", (DIM,)),
        ]
    )
    first_id = 1
    with driver.cursor().copy(
        "COPY frame_embeddings (video_id, frame_no, model_id, embedding) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.write(_COPY_HEADER)
        for vectors in drawn.vectors():
            video_ids = first_id + np.arange(len(vectors)) // FRAMES_PER_VIDEO
            first_id += len(vectors) // FRAMES_PER_VIDEO
            is_new = video_ids > stored
            video_ids, vectors = video_ids[is_new], vectors[is_new]
            rows = np.zeros(len(vectors), layout)
            rows["fields"], rows["video_size"], rows["frame_size"] = 4, 8, 4
            rows["model_size"], rows["model_id"] = 2, model_id
            rows["vector_size"], rows["dim"] = 4 + 2 * DIM, DIM
            rows["video_id"] = video_ids
            rows["frame_no"] = np.arange(len(vectors)) % FRAMES_PER_VIDEO
            rows["vector"] = vectors
            copy.write(rows.tobytes())
        copy.write(_COPY_END)


def _report(started: float, what: str) -> None:
    print(f"{time.monotonic() - started:6.0f} s  {what}", file=sys.stderr, flush=True)
