"""Words and pictures together: which vector they make, and how two rankings become one."""

from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, Row, text

from tests.conftest import Databases
from tests.filling import Filled, answer, fill

DIM = 64


@pytest.fixture(scope="module")
def filled(databases: Databases) -> Iterator[tuple[Engine, Filled]]:
    """Twenty videos, some with words of their own, and questions that have their vectors."""
    engine = databases.create()
    filled = fill(engine, videos=20, frames=20, dim=DIM)
    with engine.begin() as connection:
        for video_id, title, description in (
            (1, "Beach holiday", "Sand and waves"),
            (2, "Пляжи Крыма", "Волны и песок"),
            (3, "上海海滩", "日落"),
        ):
            connection.execute(
                text("UPDATE videos SET title = :t, description = :d WHERE id = :id"),
                {"t": title, "d": description, "id": video_id},
            )
        for video_id, scene_no, said in (
            (5, 2, "The ships sail at dawn"),
            (6, 1, "Корабли уходят на рассвете"),
            (7, 3, "船在黎明起航"),
        ):
            connection.execute(
                text("UPDATE scenes SET said = :s WHERE video_id = :v AND scene_no = :n"),
                {"s": said, "v": video_id, "n": scene_no},
            )
    for words, vector in zip(("beach", "people", "two words"), filled.questions, strict=False):
        answer(engine, words, vector)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO query_embeddings "
                "(model_id, kind, key, payload, embedding, answered_at) "
                "SELECT model_id, 'image', 'picture', '', embedding, now() FROM query_embeddings "
                "WHERE payload = 'two words'"
            )
        )
    yield engine, filled
    databases.drop(engine)


@pytest.fixture
def connection(filled: tuple[Engine, Filled]) -> Iterator[Connection]:
    with filled[0].connect() as connection:
        yield connection


def hits(connection: Connection, arguments: str) -> list[Row[tuple[object, ...]]]:
    return list(connection.execute(text(f"SELECT * FROM search_hybrid({arguments})")).all())


def test_keywords_are_read_once_and_not_for_each_scene_in_which_they_are_said(
    connection: Connection,
) -> None:
    calls = text(
        "SELECT coalesce(pg_stat_get_xact_function_calls('split_han(text)'::regprocedure), 0)"
    )
    connection.execute(text("SET track_functions = 'all'"))
    connection.execute(text("UPDATE scenes SET said = 'the harbour'"))
    before = connection.execute(calls).scalar_one()

    found = hits(connection, "keywords => 'harbour'")
    called = connection.execute(calls).scalar_one() - before
    connection.rollback()

    assert len(found) == 20
    assert called < 10, f"keywords were read {called} times for 80 scenes"


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("beach", [("beach", True)]),
        ("a beach -people", [("a beach", True), ("people", False)]),
        ('-people beach -"two words"', [("beach", True), ("people", False), ("two words", False)]),
        ("an x-ray of a T-shirt", [("an x-ray of a T-shirt", True)]),
        ("-people", [("people", False)]),
        ("a - b", [("a - b", True)]),
        ("", []),
    ],
)
def test_a_question_is_taken_apart_at_its_minus_signs(
    connection: Connection, query: str, terms: list[tuple[str, bool]]
) -> None:
    found = connection.execute(text("SELECT * FROM query_terms(:q)"), {"q": query}).all()

    assert [tuple(row) for row in found] == terms


@pytest.mark.parametrize(
    ("query", "image", "weights", "parts"),
    [
        ("beach", None, "{}", (1, 0, 0)),
        ("beach -people", None, "{}", (1, -0.5, 0)),
        ("beach -people", None, '{"not": 1}', (1, -1, 0)),
        ("beach", "picture", "{}", (1, 0, 1)),
        ("beach", "picture", '{"query": 3, "image": 0.5}', (3, 0, 0.5)),
        (None, "picture", "{}", (0, 0, 1)),
    ],
)
def test_the_vector_is_the_weighted_mean_of_its_parts(
    connection: Connection,
    filled: tuple[Engine, Filled],
    query: str | None,
    image: str | None,
    weights: str,
    parts: tuple[float, ...],
) -> None:
    expected = np.array(parts) @ filled[1].questions[:3]

    vector = connection.execute(
        text("SELECT CAST(hybrid_vector(:q, :i, CAST(:w AS jsonb)) AS real[])"),
        {"q": query, "i": image, "w": weights},
    ).scalar_one()

    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=2e-3)


def test_without_keywords_the_ranking_is_that_of_the_picture(connection: Connection) -> None:
    by_hybrid = hits(connection, "'beach', k => 7")
    by_scenes = connection.execute(text("SELECT * FROM search_scenes('beach', 7)")).all()

    assert by_hybrid == list(by_scenes)


@pytest.mark.parametrize(
    ("keywords", "video_id", "matched_by"),
    [
        ("beach", 1, "words"),
        ("waves beaches", 1, "words"),
        ("пляж", 2, "words"),
        ("волна", 2, "words"),
        ("海滩", 3, "words"),
        ("上海 日落", 3, "words"),
        ("ship", 5, "subtitles"),
        ('"sail at dawn"', 5, "subtitles"),
        ("корабль рассвет", 6, "subtitles"),
        ("起航", 7, "subtitles"),
    ],
)
def test_keywords_find_inflected_words_in_three_languages(
    connection: Connection, keywords: str, video_id: int, matched_by: str
) -> None:
    [hit] = hits(connection, f"keywords => '{keywords}'")

    assert (hit.video_id, hit.matched_by) == (video_id, [matched_by])
    assert hit.similarity is None


@pytest.mark.parametrize("keywords", ["日落 -上海滩", "日落 -上海", "beach -holiday"])
def test_a_minus_leaves_out_what_has_all_of_the_word(connection: Connection, keywords: str) -> None:
    # Video 3 has 上海海滩, in which 上海 is one word, and 上海滩 is none.
    found = hits(connection, f"keywords => '{keywords}'")

    assert [hit.video_id for hit in found] == ([3] if "上海滩" in keywords else [])


@pytest.mark.parametrize("keywords", ["-beach", "-beach -ship", "beach or -ship"])
def test_words_that_are_only_not_wanted_find_nothing_by_themselves(
    connection: Connection, keywords: str
) -> None:
    plain = hits(connection, "'beach', k => 10")

    found = hits(connection, f"'beach', '{keywords}', k => 10")

    assert [tuple(hit) for hit in found] == [tuple(hit) for hit in plain]


def test_subtitles_name_the_scene_in_which_they_are_said(connection: Connection) -> None:
    [hit] = hits(connection, "keywords => 'ships'")

    assert (hit.video_id, hit.scene_no) == (5, 2)


def test_a_scene_found_by_both_comes_before_what_is_found_by_one(connection: Connection) -> None:
    last = hits(connection, "'beach', k => 50")[-1]
    connection.execute(
        text("UPDATE scenes SET said = 'a zeppelin' WHERE video_id = :v AND scene_no = :s"),
        {"v": last.video_id, "s": last.scene_no},
    )

    first, *others = hits(connection, "'beach', 'zeppelin', k => 80")

    assert (first.video_id, first.scene_no) == (last.video_id, last.scene_no)
    assert first.matched_by == ["picture", "subtitles"]
    assert {tuple(hit.matched_by) for hit in others} == {("picture",)}
    assert len(others) == 79


def test_a_video_found_by_its_title_shows_the_scene_that_fits_best(connection: Connection) -> None:
    by_words, *_ = [
        hit for hit in hits(connection, "'people', 'holiday'") if "words" in hit.matched_by
    ]
    [best] = connection.execute(
        text("SELECT * FROM search_scenes('people', 1, ARRAY[1]::bigint[])")
    ).all()

    assert (by_words.video_id, by_words.scene_no) == (1, best.scene_no)
    assert by_words.similarity == pytest.approx(best.similarity)


def test_a_weight_of_nothing_takes_an_arm_out_of_the_order(connection: Connection) -> None:
    by_picture = hits(connection, """'beach', 'holiday', weights => '{"keywords": 0}', k => 5""")
    by_words = hits(connection, """'beach', 'holiday', weights => '{"picture": 0}', k => 1""")
    plain = hits(connection, "'beach', k => 5")

    def scenes(rows: list[Row[tuple[object, ...]]]) -> list[tuple[int, int]]:
        return [(row.video_id, row.scene_no) for row in rows]

    assert scenes(by_picture) == scenes(plain)
    assert by_words[0].video_id == 1


def test_within_holds_for_words_too(connection: Connection) -> None:
    rows = hits(connection, "'beach', 'ships or пляж', k => 100, within => ARRAY[2, 9]")

    assert {row.video_id for row in rows} == {2, 9}


def test_a_question_of_nothing_is_refused(connection: Connection) -> None:
    with pytest.raises(Exception, match="the question is empty"):
        hits(connection, "")


@pytest.mark.parametrize("weights", ['{"word": 1}', '{"query": "much"}', "[1]"])
def test_weights_that_mean_nothing_are_refused(connection: Connection, weights: str) -> None:
    with pytest.raises(Exception, match="weights are"):
        hits(connection, f"'beach', weights => '{weights}'")


def test_parts_that_cancel_each_other_out_are_refused(connection: Connection) -> None:
    with pytest.raises(Exception, match="cancel each other out"):
        hits(connection, """'beach -beach', weights => '{"not": 1}'""")
