"""The SQL of a question, run by psql, gives what the search gives."""

import csv
import io
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from flask import render_template_string
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.asking import FrameKey, Question
from app.db import address_of
from app.search import Answer, search
from app.statement import sql_of
from app.web.answering import SHOWN, to_rank
from app.web.curl import curl
from app.web.question import Given
from tests.conftest import Databases
from tests.filling import answer, answer_everything, fill

PICTURE = b"not really a picture"
HOSTILE = "'; DROP TABLE videos; --"
ODD_TEXTS = (HOSTILE, r"back\slash \' \\", "100% \"sure\" :x :'y'", "größe 東京 🎬", "a\nline")
FILTERED: dict[str, dict[str, Any]] = {
    "typed filters": {"filters": ("tag:even", "-collection:c4", "after:2026-01-05", "n:16")},
    "lengths and alternatives": {"filters": ("longer:5s", "collection:c1", "collection:c2")},
    "a time and a number": {"where": "recorded_at >= 2026-01-05 and metadata.n < 20"},
    "a list": {"where": 'tags in (odd, "it\'s") and not collection = c3'},
    "nothing known": {"where": "description != x and collection in (c1, c2)"},
    "an odd title": {"where": f'title = "{HOSTILE}"'},
    "odd tags": {"filters": (r"tag:back\slash \' \\", "tag:100% sure :x")},
    "a filter that holds nothing": {"where": "collection = none"},
}
ARRANGED: dict[str, dict[str, Any]] = {
    "words": {},
    "words and not": {"text": "a red circle -dog -cat"},
    "keywords": {"keywords": "circle"},
    "videos": {"group": "video", "limit": 7},
    "frames": {"group": "frame", "limit": 30},
    "newest first": {"sort": "date"},
    "longest first by video": {"sort": "length", "group": "video"},
    "a cut-off": {"min_z": 1.25},
    "a least similarity": {"min_similarity": 0.25},
    "exactly": {"exact": True},
    "what follows": {"then": "a cat", "gap_s": 7.5},
    "what is said": {"filters": ('said:"red circle"',)},
    "what is said alone": {"text": "", "filters": ("said:circle",)},
    "what all is said": {"text": "", "filters": ("said:it's or circle", 'said:"a red"')},
    "like a frame": {"text": "", "like": FrameKey(4, 7)},
    "a picture": {"text": "", "image": PICTURE},
    "a picture and words": {"image": PICTURE, "weight": 30},
    "a picture and keywords": {"image": PICTURE, "keywords": "circle", "weight": 80},
}
QUESTIONS = ARRANGED | FILTERED | {text: {"text": text} for text in ODD_TEXTS}


@pytest.fixture(scope="module")
def odd_library(databases: Databases) -> Iterator[Engine]:
    """Videos of which some have texts that SQL and psql could take for their own."""
    engine = databases.create()
    filled = fill(engine, videos=30, frames=10)
    for words, vector in zip(("a red circle", "dog", "cat"), filled.vectors[3:, 7], strict=False):
        answer(engine, words, vector)
    answer_everything(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO subtitles (video_id, line_no, scene_no, start_s, end_s, said) "
                "SELECT id, 0, 0, 1, 2, 'a red circle' FROM videos WHERE id < 9"
            )
        )
        connection.execute(text("UPDATE scenes SET said = 'a red circle' WHERE video_id < 9"))
        connection.execute(
            text("UPDATE videos SET title = :title, tags = tags || :tags WHERE id = 5"),
            {"title": HOSTILE, "tags": ["it's", r"back\slash \' \\", "100% sure :x"]},
        )
        connection.execute(text("UPDATE videos SET collection = NULL WHERE id = 6"))
    yield engine
    databases.drop(engine)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_sql_of_a_question_finds_what_the_search_finds(
    odd_library: Engine, databases: Databases, name: str
) -> None:
    question = Question(**{"text": "a red circle", **QUESTIONS[name]})
    found = search(odd_library, question)
    if found.image_key:
        question = replace(question, image=found.image_key)

    rows = run(databases, odd_library, sql_of(question))

    assert facts_of_rows(rows) == facts_of_hits(found)
    assert bool(rows) == (name != "a filter that holds nothing")


def run(databases: Databases, engine: Engine, sql: str) -> list[dict[str, str]]:
    """What psql makes of a text that is pasted into it, as an analyst."""
    url = address_of(engine).replace("postgres@", "sceneql_analyst@", 1)
    psql = [str(databases.server.binary("psql")), url, "-X", "--csv", "-q", "-v", "ON_ERROR_STOP=1"]
    done = subprocess.run(psql, input=sql, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{sql}"
    return list(csv.DictReader(io.StringIO(done.stdout)))


def facts_of_rows(rows: list[dict[str, str]]) -> list[tuple[float | None, ...]]:
    names = ("video_id", "scene_no", "frame_no", "similarity", "z")
    prefix = "first_" if rows and "first_frame_no" in rows[0] else ""
    then = ("then_frame_no", "then_similarity") if prefix else ()
    keys = (names[0], *(prefix + name for name in names[1:]), *then)
    return [tuple(float(row[key]) if row[key] else None for key in keys) for row in rows]


def facts_of_hits(found: Answer) -> list[tuple[float | None, ...]]:
    return [
        (
            *(hit.video_id, hit.scene_no, hit.frame_no, hit.similarity, hit.z),
            *((hit.then.frame_no, hit.then.similarity) if hit.then else ()),
        )
        for hit in found.hits
    ]


def test_the_sql_has_one_clause_a_line() -> None:
    question = Question(text="a red circle", where="collection = c1", limit=5)

    lines = sql_of(question).splitlines()

    assert lines[0] == "CALL embed_terms('a red circle');"
    assert max(map(len, lines)) <= 100
    for clause in ("SELECT ", "FROM rank_scenes(", "JOIN videos ON", "JOIN scenes ON", "ORDER BY"):
        assert any(line.startswith(clause) for line in lines), clause
    assert lines[-1].endswith(";")


def test_the_tab_shows_a_question_as_text_that_asks_the_same(client: FlaskClient) -> None:
    given = Given(q=f"a red circle {HOSTILE}", filter=("tag:odd",), weight="30", min_z="1.5")

    page = tab(client, given)

    texts = [unescape(found) for found in re.findall(r"<code [^>]*>(.*?)</code>", page, re.DOTALL)]
    sql, as_json, as_curl = texts
    body = {
        "q": f"a red circle {HOSTILE}",
        "filter": ["tag:odd"],
        "weight": 30,
        "min_z": 1.5,
        "limit": SHOWN,
    }
    assert sql == sql_of(to_rank(given))
    assert as_json.startswith("POST http://localhost/api/search\nContent-Type: application/json\n")
    assert json.loads(as_json.partition("\n\n")[2]) == body
    command = in_words(as_curl)
    assert command[:2] == ["curl", "http://localhost/api/search"]
    assert json.loads(command[command.index("--data") + 1]) == body


def test_the_tab_shows_markup_as_text(client: FlaskClient) -> None:
    assert "<script>" not in tab(client, Given(q="<script>alert(1)</script>"))


def test_where_people_log_in_curl_sends_a_token(client: FlaskClient) -> None:
    assert "Authorization" not in tab(client, Given(q="a"))

    client.application.jinja_env.globals["has_login"] = True

    assert "Authorization: Bearer TOKEN" in tab(client, Given(q="a"))


def tab(client: FlaskClient, given: Given) -> str:
    source = '{% from "sql_tab.html" import sql_tab with context %}{{ sql_tab(given) }}'
    with client.application.test_request_context():
        return render_template_string(source, given=given)


def in_words(command: str) -> list[str]:
    """What a shell makes of a command."""
    return shlex.split(command.replace("\\\n", ""))


def test_a_command_for_curl_keeps_every_value_apart() -> None:
    command = curl(
        "http://localhost/api/search",
        parameters=[("q", f"{HOSTILE} $(id) `id`"), ("where", 'title = "a b"')],
    )

    assert in_words(command) == [
        *("curl", "--get", "http://localhost/api/search"),
        *("--data-urlencode", f"q={HOSTILE} $(id) `id`"),
        *("--data-urlencode", 'where=title = "a b"'),
    ]


def test_a_command_for_curl_sends_files_and_says_its_method() -> None:
    upload = curl("http://localhost/api/pictures", method="POST", files=[("image", "a b.jpg")])
    removal = curl("http://localhost/api/videos/1", method="DELETE", with_token=True)

    assert in_words(upload)[2:] == ["--form", "image=@a b.jpg"]
    assert in_words(removal)[2:] == [
        *("--request", "DELETE"),
        *("--header", "Authorization: Bearer TOKEN"),
    ]
