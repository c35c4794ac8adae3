"""Rankings over 100,000 frames of 512 dimensions: no filter loses rows, and recall holds."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from bench.drawn import Drawn, draw, store
from bench.exact import K, right_hits
from bench.filters import exact_tenths, filters
from tests.conftest import Databases
from tests.filling import literal

pytestmark = pytest.mark.slow

FRAMES = 100_000


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return draw(FRAMES)


@pytest.fixture(scope="module")
def large(databases: Databases, drawn: Drawn) -> Iterator[Engine]:
    engine = databases.create()
    store(engine, drawn)
    yield engine
    databases.drop(engine)


@pytest.fixture(scope="module")
def questions(drawn: Drawn) -> NDArray[np.float32]:
    return drawn.questions(20)


@pytest.fixture(params=["50000", "0"], ids=["as it comes", "the index wherever it can"])
def connection(request: pytest.FixtureRequest, large: Engine) -> Iterator[Connection]:
    with large.connect() as connection:
        connection.execute(text(f"SET LOCAL sceneql.exact_up_to = {request.param}"))
        yield connection


def test_recall_is_at_least_99_percent_under_every_filter(
    connection: Connection, drawn: Drawn, questions: NDArray[np.float32]
) -> None:
    within = filters(drawn, questions)
    tenths = exact_tenths(drawn, questions, within)
    recall = {}
    for key, of_questions in within.items():
        right = 0
        for question, ids, tenth in zip(questions, of_questions, tenths[key], strict=True):
            found = connection.execute(
                text("SELECT 1 - distance FROM nearest_frames(CAST(:v AS halfvec), :k, :ids)"),
                {"v": literal(question), "k": K, "ids": ids},
            ).scalars()
            hits = list(found)
            assert len(hits) == K, f"{len(hits)} rows under {key}"
            right += right_hits(hits, tenth)
        recall[key] = right / (K * len(questions))

    assert {key: value for key, value in recall.items() if value < 0.99} == {}


@pytest.mark.parametrize("k", [1, 20, 100, 497, 498, 1000])
@pytest.mark.parametrize("share", [1.0, 0.3, 0.03])
def test_as_many_scenes_come_back_as_are_asked_for(
    connection: Connection, drawn: Drawn, questions: NDArray[np.float32], k: int, share: float
) -> None:
    ids = filters(drawn, questions)[share, "near"][0]

    hits = connection.execute(
        text("SELECT video_id, scene_no FROM rank_scenes(CAST(:v AS halfvec), :k, :ids)"),
        {"v": literal(questions[0]), "k": k, "ids": ids},
    ).all()

    assert len(set(hits)) == min(k, 20 * len(ids))
    assert {hit.video_id for hit in hits} <= set(ids)
