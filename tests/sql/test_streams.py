"""The streams: inlined into the caller's query, served by the HNSW index, and with good recall."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from tests.conftest import Databases
from tests.filling import Filled, answer, fill, literal

QUESTION = "anything"

# Each way in which an analyst narrows a search has to be served by the index.
NARROWED = {
    "a bare limit": "SELECT title, t_s, distance FROM search_text('anything')",
    "a where": "SELECT title FROM search_text('anything') WHERE 'even' = ANY(tags)",
    "a join": "SELECT v.codec FROM search_text('anything') s JOIN videos v ON v.id = s.video_id",
    "an in": "SELECT title FROM search_text('anything') WHERE video_id IN "
    "(SELECT id FROM videos WHERE collection <> 'c3')",
    "an exists": "SELECT title FROM search_text('anything') s WHERE EXISTS "
    "(SELECT FROM scenes c WHERE c.video_id = s.video_id AND c.scene_no = s.scene_no "
    "AND c.end_s > 2)",
    "a frame to be like": "SELECT title FROM search_like(1, 3)",
    "a picture": "SELECT title FROM search_image('picture')",
}


@pytest.fixture(scope="module")
def asked(filled_engine: Engine, filled: Filled) -> Engine:
    """The filled library with a question in words and a picture that have their vectors."""
    answer(filled_engine, QUESTION, filled.questions[0])
    with filled_engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO query_embeddings "
                "(model_id, kind, key, payload, embedding, answered_at) "
                "SELECT model_id, 'image', 'picture', '', embedding, now() FROM query_embeddings"
            )
        )
    return filled_engine


def plan(engine: Engine, query: str) -> str:
    with engine.connect() as connection:
        return json.dumps(connection.execute(text(f"EXPLAIN (FORMAT json) {query}")).scalar_one())


def scans_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a plan that read a table or an index."""
    if "Plans" not in plan:
        yield plan
    for part in plan.get("Plans", []):
        yield from scans_of(part)


@pytest.mark.parametrize("query", NARROWED.values(), ids=NARROWED.keys())
def test_a_stream_is_served_by_the_index(asked: Engine, query: str) -> None:
    chosen = plan(asked, f"{query} ORDER BY distance LIMIT 5")

    assert "_hnsw_idx" in chosen, f"no HNSW index scan in the plan: {chosen}"
    assert "Function Scan" not in chosen, f"the stream was not inlined: {chosen}"


def test_a_filter_by_many_ids_is_looked_up_as_the_index_is_scanned(asked: Engine) -> None:
    ids = list(range(1, 200, 2))

    chosen = plan(
        asked,
        f"SELECT title FROM search_text('anything') WHERE video_id = ANY (ARRAY{ids}) "
        "ORDER BY distance LIMIT 5",
    )

    [chosen_plan] = json.loads(chosen)
    [scan] = [part for part in scans_of(chosen_plan["Plan"]) if "_hnsw_idx" in str(part)]
    assert "ANY" in scan["Filter"], f"each frame is joined before the ids are looked at: {chosen}"


def test_a_vector_as_a_parameter_is_served_by_the_index(asked: Engine, filled: Filled) -> None:
    vector = literal(filled.questions[1])

    chosen = plan(asked, f"SELECT title FROM search_vector('{vector}') ORDER BY distance LIMIT 5")

    assert "_hnsw_idx" in chosen


def test_the_question_is_looked_up_once_however_many_rows_are_read(asked: Engine) -> None:
    chosen = plan(asked, "SELECT count(*) FROM search_text('anything') WHERE distance < 0.5")

    assert "InitPlan" in chosen


@pytest.mark.parametrize("limit", [1, 40, 100, 497, 498, 1000])
def test_as_many_rows_come_back_as_the_limit_asks_for(asked: Engine, limit: int) -> None:
    query = f"SELECT distance FROM search_text('anything') ORDER BY distance LIMIT {limit}"
    assert "_hnsw_idx" in plan(asked, query), "an exact search would prove nothing"

    with asked.connect() as connection:
        distances = list(connection.execute(text(query)).scalars())

    assert len(distances) == limit
    # The index orders by vectors that it has rounded to half precision once more.
    assert distances == pytest.approx(sorted(distances), abs=1e-3)


def test_ordered_by_a_sum_a_stream_measures_all_that_its_filter_holds(asked: Engine) -> None:
    rows = "SELECT video_id, frame_no, distance FROM search_text('anything') WHERE video_id % 2 = 0"
    query = f"{rows} ORDER BY distance + 0 LIMIT 10"
    with asked.connect() as connection:
        nearest = sorted(connection.execute(text(rows)), key=lambda row: row.distance)[:10]

        found = connection.execute(text(query)).all()

    assert "_hnsw_idx" not in plan(asked, query)
    assert found == nearest


def test_recall_against_the_exact_scan_is_at_least_95_percent(
    filled_engine: Engine, filled: Filled
) -> None:
    k = 10
    flat = filled.vectors.reshape(-1, filled.vectors.shape[-1])
    right = 0
    with filled_engine.connect() as connection:
        for question in filled.questions:
            # A hit is right if it is no further than the exact k-th; halfvec rounds a little.
            kth = np.sort(1 - flat @ question)[k - 1] + 1e-3
            found = connection.execute(
                text(
                    "SELECT distance FROM search_vector(CAST(:v AS halfvec)) "
                    "ORDER BY distance LIMIT :k"
                ),
                {"v": literal(question), "k": k},
            ).scalars()
            right += sum(distance <= kth for distance in found)

    recall = right / (k * len(filled.questions))
    assert recall >= 0.95


def test_a_frame_is_most_like_itself(asked: Engine) -> None:
    with asked.connect() as connection:
        nearest = connection.execute(
            text("SELECT video_id, frame_no FROM search_like(7, 3) ORDER BY distance LIMIT 1")
        ).one()

    assert tuple(nearest) == (7, 3)


def test_a_question_that_was_never_embedded_names_the_cure(asked: Engine) -> None:
    with asked.connect() as connection, pytest.raises(Exception, match="CALL embed_query"):
        connection.execute(text("SELECT * FROM search_text('never asked') LIMIT 1"))


def test_a_frame_that_is_not_indexed_is_an_error(asked: Engine) -> None:
    with asked.connect() as connection, pytest.raises(Exception, match="has no indexed frame"):
        connection.execute(text("SELECT * FROM search_like(7, 9999) LIMIT 1"))


def test_a_video_whose_files_are_all_missing_is_hidden_and_comes_back(
    databases: Databases,
) -> None:
    engine = databases.create()
    fill(engine, videos=3, frames=2)

    def titles() -> set[str]:
        with engine.connect() as connection:
            return set(connection.execute(text("SELECT title FROM moments")).scalars())

    def set_state(state: str) -> None:
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE video_files SET state = :state WHERE path LIKE '%video 2.mp4'"),
                {"state": state},
            )

    set_state("missing")
    while_missing = titles()
    set_state("present")

    assert while_missing == {"video 1", "video 3"}
    assert titles() == {"video 1", "video 2", "video 3"}
    databases.drop(engine)


def test_search_follows_when_another_model_is_activated(databases: Databases) -> None:
    engine = databases.create()
    fill(engine, videos=100, frames=20, dim=64)
    with engine.begin() as connection:
        # A view of an analyst's own on moments must survive the change of dimensions.
        connection.execute(text("CREATE VIEW favourites AS SELECT * FROM moments"))
        other = connection.execute(text("SELECT add_model('other', 'test', 32)")).scalar_one()
        connection.execute(
            text(
                "INSERT INTO frame_embeddings SELECT video_id, frame_no, :other, "
                "subvector(embedding::vector, 1, 32)::halfvec FROM frame_embeddings"
            ),
            {"other": other},
        )
        connection.execute(text("ANALYZE"))

    with engine.begin() as connection:
        connection.execute(text("SELECT activate_model(CAST(:id AS smallint))"), {"id": other})

    with engine.connect() as connection:
        dims = connection.execute(text("SELECT DISTINCT vector_dims(embedding) FROM favourites"))
        assert list(dims.scalars()) == [32]
    vector = "[" + ",".join(["0.1"] * 32) + "]"
    query = f"SELECT title FROM search_vector('{vector}') ORDER BY distance LIMIT 1"
    assert f"frame_embeddings_{other}_hnsw_idx" in plan(engine, query)
    databases.drop(engine)


def test_deleting_a_video_deletes_all_that_belongs_to_it(databases: Databases) -> None:
    engine = databases.create()
    fill(engine, videos=3, frames=10)

    with engine.begin() as connection:
        connection.execute(text("DELETE FROM videos WHERE title = 'video 2'"))

    with engine.connect() as connection:
        left = connection.execute(
            text("SELECT (SELECT count(*) FROM frames), (SELECT count(*) FROM frame_embeddings)")
        ).one()
    assert tuple(left) == (20, 20)
    databases.drop(engine)
