"""The rankings: as many rows as match, the right ones, however little a filter holds."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from tests.conftest import Databases
from tests.filling import FRAMES_PER_SCENE, Filled, answer, fill, literal

VIDEOS, FRAMES = 200, 50
SHARES = {"all": 1.0, "30 %": 0.3, "10 %": 0.1, "3 %": 0.03, "1 %": 0.01, "one video": 1 / VIDEOS}

# Whether the library is measured whole or its index is asked, which larger libraries are.
PATHS = {"measured": "100000", "indexed": "0"}


@pytest.fixture(params=PATHS.values(), ids=list(PATHS))
def connection(request: pytest.FixtureRequest, filled_engine: Engine) -> Iterator[Connection]:
    request.getfixturevalue("filled")
    with filled_engine.connect() as connection:
        connection.execute(text(f"SET LOCAL sceneql.exact_up_to = {request.param}"))
        yield connection


def ids_by_similarity(filled: Filled, question: NDArray[np.float32]) -> list[int]:
    """The videos' ids, nearest first: what a filter holds is alike where its videos are."""
    nearest = (filled.vectors @ question).max(axis=1)
    return [int(place) + 1 for place in np.argsort(-nearest)]


def within(filled: Filled, question: NDArray[np.float32], share: float, near: bool) -> list[int]:
    """The ids of a share of the videos, of those nearest to the question or of the furthest."""
    ids = ids_by_similarity(filled, question)
    count = max(1, round(share * len(ids)))
    return ids[:count] if near else ids[-count:]


def exact(filled: Filled, question: NDArray[np.float32], ids: list[int]) -> NDArray[np.float64]:
    """All scenes' similarities among these videos, best first."""
    similarity = filled.vectors[np.array(ids) - 1] @ question
    scenes = similarity.reshape(len(ids), -1, FRAMES_PER_SCENE).max(axis=2)
    return np.sort(scenes.ravel())[::-1]


@pytest.mark.parametrize("near", [True, False], ids=["correlated", "anti-correlated"])
@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES.keys())
def test_a_filter_loses_no_rows_and_recall_is_at_least_99_percent(
    connection: Connection, filled: Filled, share: float, near: bool
) -> None:
    k, right, wanted = 10, 0, 0
    for question in filled.questions:
        ids = within(filled, question, share, near)
        expected = exact(filled, question, ids)[:k]
        hits = connection.execute(
            text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), :k, :ids)"),
            {"v": literal(question), "k": k, "ids": ids},
        ).all()
        assert len(hits) == len(expected)
        assert {hit.video_id for hit in hits} <= set(ids)
        # halfvec rounds a little.
        right += sum(hit.similarity >= expected[-1] - 1e-3 for hit in hits)
        wanted += len(expected)

    assert right / wanted >= 0.99


@pytest.mark.parametrize(("near", "is_exact"), [(True, False), (False, True)])
def test_the_index_is_asked_unless_the_filter_leaves_out_what_is_near(
    filled: Filled, filled_engine: Engine, near: bool, is_exact: bool
) -> None:
    question = filled.questions[0]
    ids = within(filled, question, 0.3, near)
    with filled_engine.connect() as connection:
        connection.execute(text("SET LOCAL sceneql.exact_up_to = 0"))

        hits = connection.execute(
            text("SELECT is_exact FROM nearest_frames(CAST(:v AS halfvec), 10, :ids)"),
            {"v": literal(question), "ids": ids},
        ).scalars()

        assert set(hits) == {is_exact}


@pytest.mark.parametrize("k", [1, 10, 100, 497, 498, 1000])
def test_as_many_scenes_come_back_as_are_asked_for(
    connection: Connection, filled: Filled, k: int
) -> None:
    hits = connection.execute(
        text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), :k)"),
        {"v": literal(filled.questions[0]), "k": k},
    ).all()

    assert [hit.rank for hit in hits] == list(range(1, k + 1))
    assert len({(hit.video_id, hit.scene_no) for hit in hits}) == k
    similarities = [hit.similarity for hit in hits]
    assert similarities == sorted(similarities, reverse=True)


def test_all_there_is_comes_back_where_that_is_less_than_asked_for(
    connection: Connection, filled: Filled
) -> None:
    hits = connection.execute(
        text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), 1000, ARRAY[3, 7]::bigint[])"),
        {"v": literal(filled.questions[0])},
    ).all()

    assert len(hits) == 2 * FRAMES // FRAMES_PER_SCENE
    assert all(hit.is_exact for hit in hits)


@pytest.mark.parametrize("ids", ["{}", "{999999}"], ids=["no video", "an unknown video"])
def test_a_filter_that_holds_nothing_gives_nothing(
    connection: Connection, filled: Filled, ids: str
) -> None:
    hits = connection.execute(
        text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), 10, CAST(:ids AS bigint[]))"),
        {"v": literal(filled.questions[0]), "ids": ids},
    ).all()

    assert hits == []


def test_a_forced_exact_answer_says_so_and_is_the_true_one(
    connection: Connection, filled: Filled
) -> None:
    everything = list(range(1, VIDEOS + 1))
    for question in filled.questions[:5]:
        hits = connection.execute(
            text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), 10, exact => true)"),
            {"v": literal(question)},
        ).all()

        assert all(hit.is_exact for hit in hits)
        np.testing.assert_allclose(
            [hit.similarity for hit in hits], exact(filled, question, everything)[:10], atol=1e-3
        )


def test_a_hit_is_a_scene_with_its_span_and_best_frame(
    filled_engine: Engine, filled: Filled
) -> None:
    question = filled.questions[0]
    with filled_engine.connect() as connection:
        hit = connection.execute(
            text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), 1)"), {"v": literal(question)}
        ).one()

    video, frame = divmod(int((filled.vectors @ question).argmax()), FRAMES)
    assert (hit.video_id, hit.frame_no, hit.t_s) == (video + 1, frame, frame)
    assert hit.scene_no == frame // FRAMES_PER_SCENE
    assert hit.start_s <= hit.t_s <= hit.end_s
    assert hit.title == f"video {video + 1}"
    assert hit.path == f"/videos/video {video + 1}.mp4"
    assert hit.matched_by == ["picture"]


def test_settings_of_the_session_are_as_before(connection: Connection, filled: Filled) -> None:
    show = text("SELECT current_setting('hnsw.ef_search'), current_setting('hnsw.iterative_scan')")
    before = connection.execute(show).one()

    connection.execute(
        text("SELECT * FROM rank_scenes(CAST(:v AS halfvec), 10)"),
        {"v": literal(filled.questions[0])},
    )

    assert connection.execute(show).one() == before


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("k", ["0", "-1", "NULL"])
@pytest.mark.parametrize(
    "call",
    [
        "rank_scenes('[1]'::halfvec, {k})",
        "rank_videos('[1]'::halfvec, {k})",
        "rank_sequences('[1]'::halfvec, '[1]'::halfvec, 10, {k})",
        "search_hybrid(keywords => 'even', k => {k})",
        "similar_videos(1, {k})",
    ],
)
def test_a_ranking_of_no_rows_is_refused(filled_engine: Engine, call: str, k: str) -> None:
    with filled_engine.connect() as connection, pytest.raises(Exception, match="1 row at least"):
        connection.execute(text(f"SELECT * FROM {call.format(k=k)}"))


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "call",
    [
        "nearest_frames(NULL, 10)",
        "rank_scenes(NULL)",
        "rank_videos(NULL, score => 'mean')",
        "rank_sequences(NULL, NULL)",
        "search_hybrid('-\"\"')",
    ],
)
def test_a_question_without_a_vector_is_refused(filled_engine: Engine, call: str) -> None:
    with filled_engine.connect() as connection, pytest.raises(Exception, match="is empty"):
        connection.execute(text(f"SELECT * FROM {call}"))


@pytest.mark.parametrize("score", ["max", "mean"])
def test_videos_are_ranked_by_their_scenes(
    connection: Connection, filled: Filled, score: str
) -> None:
    for question in filled.questions[:5]:
        scenes = (filled.vectors @ question).reshape(VIDEOS, -1, FRAMES_PER_SCENE)
        of_videos = scenes.max(axis=(1, 2)) if score == "max" else scenes.mean(axis=2).mean(axis=1)
        best = np.argsort(-of_videos)[:5]

        rows = connection.execute(
            text(
                "SELECT * FROM rank_videos(CAST(:v AS halfvec), 5, moments_each => 2, "
                "score => :score)"
            ),
            {"v": literal(question), "score": score},
        ).all()

        assert [row.video_rank for row in rows] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
        assert [row.video_id - 1 for row in rows[::2]] == list(best)
        np.testing.assert_allclose(
            [row.video_similarity for row in rows[::2]], of_videos[best], atol=1e-3
        )
        np.testing.assert_allclose(
            [
                [one.similarity, other.similarity]
                for one, other in zip(rows[::2], rows[1::2], strict=True)
            ],
            np.sort(scenes.max(axis=2)[best], axis=1)[:, :-3:-1],
            atol=1e-3,
        )


@pytest.mark.usefixtures("filled")
def test_a_videos_score_is_max_or_mean(filled_engine: Engine) -> None:
    with filled_engine.connect() as connection, pytest.raises(Exception, match="max or mean"):
        connection.execute(text("SELECT * FROM rank_videos('[1]'::halfvec, score => 'median')"))


@pytest.mark.parametrize(
    ("max_gap_s", "min_z"), [(1, None), (7, None), (1000, None), (7, 0.5), (1000, 1)]
)
def test_a_sequence_is_the_best_pair_in_the_right_order(
    connection: Connection, filled: Filled, max_gap_s: int, min_z: float | None
) -> None:
    first, then = filled.questions[:2]
    one, other = filled.vectors @ first, filled.vectors @ then
    grounds = [
        connection.execute(
            text("SELECT * FROM search_background(CAST(:v AS halfvec))"), {"v": literal(vector)}
        ).one()
        for vector in (first, then)
    ]
    one = (one - grounds[0].mean) / grounds[0].deviation
    other = (other - grounds[1].mean) / grounds[1].deviation
    if min_z is not None:
        one, other = (np.where(z >= min_z, z, -np.inf) for z in (one, other))
    scores = np.full((VIDEOS, FRAMES), -np.inf)
    for frame in range(FRAMES - 1):
        later = other[:, frame + 1 : frame + 1 + max_gap_s].max(axis=1)
        scores[:, frame] = one[:, frame] + later
    scenes = scores.reshape(VIDEOS, -1, FRAMES_PER_SCENE).max(axis=2).ravel()
    expected = np.sort(scenes[np.isfinite(scenes)])[::-1][:10]

    hits = connection.execute(
        text(
            "SELECT * FROM rank_sequences(CAST(:a AS halfvec), CAST(:b AS halfvec), :gap, 10, "
            "min_z => :min_z)"
        ),
        {"a": literal(first), "b": literal(then), "gap": max_gap_s, "min_z": min_z},
    ).all()

    assert all(0 < hit.then_t_s - hit.first_t_s <= max_gap_s for hit in hits)
    assert len({(hit.video_id, hit.first_scene_no) for hit in hits}) == len(expected)
    np.testing.assert_allclose([hit.first_z + hit.then_z for hit in hits], expected, atol=0.02)


def test_the_most_similar_videos_show_what_this_one_shows(databases: Databases) -> None:
    engine = databases.create()
    filled = fill(engine, videos=50, frames=10)
    with engine.begin() as connection:
        # Video 2 shows now what video 1 does.
        connection.execute(
            text(
                "UPDATE frame_embeddings e SET embedding = o.embedding FROM frame_embeddings o "
                "WHERE e.video_id = 2 AND o.video_id = 1 AND o.frame_no = e.frame_no"
            )
        )

    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM similar_videos(1, 5)")).all()

    assert [row.rank for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0].video_id == 2
    assert rows[0].similarity == pytest.approx(1, abs=1e-3)
    assert rows[0].frame_no == rows[0].like_frame_no
    assert 1 not in {row.video_id for row in rows}
    assert filled.model_id
    databases.drop(engine)


@pytest.mark.usefixtures("filled")
def test_similar_videos_look_up_each_vector_that_they_ask_once(filled_engine: Engine) -> None:
    with filled_engine.connect() as connection:
        connection.execute(text("SET LOCAL track_functions = 'all'"))
        connection.execute(text("SELECT count(*) FROM similar_videos(1, 5)"))
        calls = connection.execute(
            text("SELECT calls FROM pg_stat_xact_user_functions WHERE funcname = 'frame_vector'")
        ).scalar_one()

    # 12 frames to find candidates with, and the same to compare them with; not each of their rows.
    assert calls <= 2 * 12


@pytest.mark.usefixtures("filled")
def test_all_other_videos_can_be_asked_for(filled_engine: Engine) -> None:
    with filled_engine.connect() as connection:
        ids = connection.execute(text("SELECT video_id FROM similar_videos(1, 1000)")).scalars()
        assert sorted(ids) == list(range(2, VIDEOS + 1))


def test_two_frames_are_as_similar_as_their_vectors(filled_engine: Engine, filled: Filled) -> None:
    with filled_engine.connect() as connection:
        similarity = connection.execute(text("SELECT frame_similarity(3, 4, 5, 6)")).scalar_one()

    assert similarity == pytest.approx(filled.vectors[2, 4] @ filled.vectors[4, 6], abs=1e-3)


def test_words_are_ranked_by_their_vector(filled_engine: Engine, filled: Filled) -> None:
    answer(filled_engine, "one thing", filled.questions[2])
    answer(filled_engine, "another", filled.questions[3])
    calls: dict[str, Callable[[str, str], str]] = {
        "scenes": lambda a, _: f"_scenes({a}, 7)",
        "videos": lambda a, _: f"_videos({a}, 7)",
    }
    with filled_engine.connect() as connection:
        for call in calls.values():
            by_words = connection.execute(
                text(f"SELECT * FROM search{call(repr('one thing'), '')}")
            ).all()
            by_vector = connection.execute(
                text(f"SELECT * FROM rank{call(repr(literal(filled.questions[2])), '')}")
            ).all()
            assert by_words == by_vector
            assert by_words
        sequence = connection.execute(
            text("SELECT * FROM search_sequence('one thing', 'another', 5)")
        ).all()
        assert len(sequence) == 20
