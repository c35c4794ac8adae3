"""What the benchmarks take for the exact similarity is what the database measures, but for less."""

import numpy as np
import psycopg
import pytest
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from sqlalchemy import Engine

from app.db import address_of
from bench.drawn import FRAMES_PER_VIDEO, draw, store
from bench.exact import TOLERANCE, right_hits, similarities
from bench.growth import exact_tenths


def test_the_database_measures_the_same_similarities(engine: Engine) -> None:
    drawn = draw(3 * FRAMES_PER_VIDEO)
    store(engine, drawn)
    questions = drawn.questions(10)
    [expected] = similarities(questions, drawn.vectors())
    found = np.zeros_like(expected)

    with psycopg.connect(address_of(engine)) as connection:
        register_vector(connection)
        for number, question in enumerate(questions):
            for video_id, frame_no, distance in connection.execute(
                "SELECT video_id, frame_no, distance FROM nearest_frames(%s, 1000)",
                [HalfVector(question)],
            ):
                found[number, (video_id - 1) * FRAMES_PER_VIDEO + frame_no] = 1 - distance

    assert found == pytest.approx(expected, abs=TOLERANCE / 10)


def test_a_hit_is_right_if_it_is_as_near_as_the_tenth() -> None:
    assert right_hits([0.9, 0.5, 0.5 - 0.5 * TOLERANCE, 0.5 - 2 * TOLERANCE], 0.5) == 3
    assert right_hits([], 0.5) == 0


def test_the_tenth_of_a_size_counts_no_vector_beyond_it() -> None:
    drawn = draw(300 * FRAMES_PER_VIDEO)
    questions = drawn.questions(3)
    everything = np.hstack(list(similarities(questions, drawn.vectors())))

    tenths = exact_tenths(drawn, questions, [25_000, 30_000])

    assert list(tenths) == [25_000, 30_000]
    for size, found in tenths.items():
        assert found == pytest.approx(np.sort(everything[:, :size])[:, -10])
