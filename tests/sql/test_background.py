"""The background of a question: what frames that do not answer it score, however many do."""

from collections.abc import Iterator

import numpy as np
import psycopg
import pytest
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from sqlalchemy import Engine, Row, text

from app.db import address_of
from tests.conftest import Databases
from tests.filling import fill, literal

DIM = 64
QUESTION = np.eye(DIM, dtype=np.float32)[0]
MEAN, DEVIATION = 0.2, 0.03


@pytest.fixture(scope="module")
def two_heaps(databases: Databases) -> Iterator[Engine]:
    """A library of 2,000 frames whose embeddings each test writes anew."""
    engine = databases.create()
    filled = fill(engine, videos=40, frames=50, dim=DIM)
    with engine.begin() as connection:
        # Nothing here asks it, and to keep it up to date takes most of the time.
        connection.execute(text(f"DROP INDEX frame_embeddings_{filled.model_id}_hnsw_idx"))
    yield engine
    databases.drop(engine)


def set_similarities(engine: Engine, matching: float, apart: float) -> None:
    """Has a share of the frames answer QUESTION, `apart` deviations better than the others do."""
    random = np.random.default_rng(1)
    with psycopg.connect(address_of(engine)) as connection:
        register_vector(connection)
        keys = connection.execute("SELECT video_id, frame_no FROM frame_embeddings").fetchall()
        similarity = random.normal(MEAN, DEVIATION, len(keys))
        similarity[: round(matching * len(keys))] += apart * DEVIATION
        random.shuffle(keys)
        rest = random.normal(size=(len(keys), DIM - 1))
        rest *= np.sqrt(1 - similarity**2)[:, None] / np.linalg.norm(rest, axis=1, keepdims=True)
        rows = [
            (HalfVector(np.append(first, others)), *key)
            for key, first, others in zip(keys, similarity, rest, strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE frame_embeddings SET embedding = %s WHERE video_id = %s AND frame_no = %s",
                rows,
            )


def background(engine: Engine) -> Row[tuple[float, float, int]]:
    with engine.connect() as connection:
        return connection.execute(
            text("SELECT * FROM search_background(CAST(:v AS halfvec))"), {"v": literal(QUESTION)}
        ).one()


@pytest.mark.parametrize("matching", [0, 0.01, 0.05, 0.2, 0.6, 0.8])
def test_the_background_is_the_same_however_much_of_the_library_matches(
    two_heaps: Engine, matching: float
) -> None:
    set_similarities(two_heaps, matching, apart=5)

    found = background(two_heaps)

    assert found.frames == 1000
    assert found.mean == pytest.approx(MEAN, abs=0.25 * DEVIATION)
    assert found.deviation == pytest.approx(DEVIATION, rel=0.2)


def test_no_more_is_read_than_the_sample(two_heaps: Engine) -> None:
    with two_heaps.connect() as connection:
        # Else what other tests have replaced is read as well.
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM"))
    read = text(
        "SELECT pg_stat_get_xact_tuples_returned(i.indexrelid) FROM pg_index i "
        "WHERE i.indrelid = 'frame_embeddings_1'::regclass "
        "AND pg_get_indexdef(i.indexrelid) LIKE '%hashint8extended%'"
    )

    with two_heaps.connect() as connection:
        before = connection.execute(read).scalar_one()
        connection.execute(
            text("SELECT count(*) FROM sample_similarities(CAST(:v AS halfvec))"),
            {"v": literal(QUESTION)},
        )
        assert connection.execute(read).scalar_one() - before == 1000


def test_the_sample_is_of_frames_that_can_be_found(two_heaps: Engine) -> None:
    # Files of an archive that go after a month leave most of the library hidden.
    with two_heaps.connect() as connection:
        connection.execute(text("UPDATE video_files SET state = 'missing' WHERE video_id > 5"))
        found = connection.execute(
            text("SELECT frames, mean FROM search_background(CAST(:v AS halfvec))"),
            {"v": literal(QUESTION)},
        ).one()
        connection.rollback()

    assert found.frames == 5 * 50
    assert found.mean is not None


def test_a_question_that_most_of_the_library_matches_is_still_answered(two_heaps: Engine) -> None:
    set_similarities(two_heaps, matching=0.6, apart=5)

    with two_heaps.connect() as connection:
        hits = connection.execute(
            text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), 100, min_z => 3.5)"),
            {"v": literal(QUESTION)},
        ).all()

    assert len(hits) == 100


def test_a_question_that_nothing_matches_has_no_answer_above_the_cut_off(
    two_heaps: Engine,
) -> None:
    set_similarities(two_heaps, matching=0, apart=0)

    with two_heaps.connect() as connection:
        hits = connection.execute(
            text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), 100, min_z => 5)"),
            {"v": literal(QUESTION)},
        ).all()

    assert hits == []


def test_the_background_follows_the_library_as_it_grows(databases: Databases) -> None:
    engine = databases.create()
    fill(engine, videos=9, frames=20, dim=DIM)
    small = background(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "WITH new AS (INSERT INTO videos (content_hash, title, frame_count, status) "
                "VALUES ('more', 'more', 100, 'indexed') RETURNING id) "
                "INSERT INTO video_files (path, video_id) SELECT '/videos/more.mp4', id FROM new"
            )
        )
        connection.execute(text("INSERT INTO scenes SELECT max(id), 0, 0, 100 FROM videos"))
        connection.execute(
            text(
                "INSERT INTO frames (video_id, frame_no, scene_no, t_s, thumbnail) "
                "SELECT (SELECT max(id) FROM videos), n, 0, n, '' FROM generate_series(1, 100) n"
            )
        )
        connection.execute(
            text(
                "INSERT INTO frame_embeddings SELECT f.video_id, f.frame_no, e.model_id, "
                "e.embedding FROM frames f CROSS JOIN (SELECT * FROM frame_embeddings LIMIT 1) e "
                "WHERE f.video_id = (SELECT max(id) FROM videos)"
            )
        )

    assert small.frames == 180
    assert small.mean is None, "180 frames are too few for a cut-off"
    assert background(engine).frames == 280
    assert background(engine).mean is not None
    databases.drop(engine)


def test_no_hit_is_cut_off_in_a_library_of_less_than_200_frames(databases: Databases) -> None:
    engine = databases.create()
    filled = fill(engine, videos=9, frames=20, dim=DIM)

    with engine.connect() as connection:
        hits = connection.execute(
            text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), 5, min_z => 100)"),
            {"v": literal(filled.questions[0])},
        ).all()

    assert [hit.z for hit in hits] == [None] * 5
    databases.drop(engine)
