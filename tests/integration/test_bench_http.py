"""The benchmark of HTTP, at a size of seconds: all ways to ask are measured, and answer alike."""

import json
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from app.db import address_of
from bench import http
from bench.clients import Client, Pace, in_turn
from bench.drawn import FRAMES_PER_VIDEO, draw, store
from bench.random_weights import Weighted
from tests.benching import two_clips
from tests.cached_model import SMALL
from workers.model import TINY, load

VIDEOS = 20
QUESTIONS = 4
ONE_BY_ONE = (http.IN_SQL, http.KNOWN, http.NEW, http.EMBED_KNOWN, http.EMBED_NEW)


@pytest.fixture(scope="module")
def weighted(tmp_path_factory: pytest.TempPathFactory) -> Weighted:
    return Weighted(SMALL, tmp_path_factory.mktemp("weights"))


@pytest.fixture
def library(engine: Engine, weighted: Weighted) -> Engine:
    """A drawn library that passes for one of the small model."""
    store(engine, draw(VIDEOS * FRAMES_PER_VIDEO))
    http.give_model(engine, weighted.load())
    return engine


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The first answer to each text that a client asks."""
    first: dict[str, bytes] = {}
    ask = Client.ask

    def asked(client: Client, words: str) -> bytes:
        answer = ask(client, words)
        return first.setdefault(words, answer)

    monkeypatch.setattr(Client, "ask", asked)
    return first


def test_all_is_measured_and_sql_finds_what_http_finds(
    library: Engine,
    weighted: Weighted,
    tmp_path: Path,
    answers: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCENEQL_QUESTIONS_PER_MINUTE", "1")
    rows: list[str] = []

    found = two_clips(tmp_path / "clips")
    ratios = http.report(library, tmp_path, found, weighted, QUESTIONS, 3, rows.append)

    assert [row.split(" | ")[:2] for row in rows[2:11]] == [
        *([f"| {name}", "1"] for name in ONE_BY_ONE),
        *([f"| {name}", "3"] for name in (http.KNOWN, http.NEW)),
        *([f"| {name}", "1"] for name in (http.KNOWN_BESIDE, http.NEW_BESIDE)),
    ]
    assert len(ratios) == 5
    # Known ones, and three times new ones.
    assert len(answers) == 4 * QUESTIONS
    with library.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM videos")).scalar_one() == VIDEOS
    with psycopg.connect(address_of(library), autocommit=True) as driver:
        # The first are known before clips are indexed beside them.
        for words, answer in list(answers.items())[:QUESTIONS]:
            by_sql = http.ask_in_sql(driver, http.in_sql(words))
            assert len(by_sql) == http.HITS
            # The rank comes first, then the video.
            assert [row[1] for row in by_sql] == [h["video_id"] for h in json.loads(answer)["hits"]]


def test_a_model_of_other_dimensions_cannot_serve_the_library(
    engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="dimensions"):
        http.give_model(engine, load(TINY, tmp_path))


def test_each_way_is_asked_its_own_texts_in_turn() -> None:
    asked: list[str] = []

    figures = in_turn({"one": (asked.append, ["a", "b"]), "other": (asked.append, ["c", "d"])})

    assert asked == ["a", "c", "b", "d"]
    assert list(figures) == ["one", "other"]


def test_the_pace_counts_all_clients_together() -> None:
    pace = Pace.of([0.1, 0.2, 0.3], 0.3)

    assert pace.times.p50_ms == pytest.approx(200)
    assert pace.per_s == pytest.approx(10)
