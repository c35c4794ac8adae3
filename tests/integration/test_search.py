"""Asking the sample library, by the command line and in SQL; the tiny model answers."""

import json
from pathlib import Path

import psycopg
import pytest
from PIL import Image
from sqlalchemy import Engine

from app import asking
from app.db import address_of
from app.errors import BadRequestError
from app.search import Hit, search
from tests.command import sceneql
from workers.demo_library import QUESTIONS, Question
from workers.tiny.drawing import Picture, Shape, draw

pytestmark = pytest.mark.usefixtures("settings_of_library")


def png(picture: Picture, path: Path) -> bytes:
    Image.fromarray(draw(picture, 320, 240)).save(path)
    return path.read_bytes()


def shows(hit: Hit, file_name: str, t_s: float) -> bool:
    return Path(hit.path).name == file_name and hit.start_s <= t_s < hit.end_s


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.text or "a picture")
def test_the_first_hit_is_the_scene_that_the_question_names(
    library: Engine, question: Question, tmp_path: Path
) -> None:
    image = png(question.picture, tmp_path / "asked.png") if question.picture else None

    answer = search(
        library,
        asking.Question(
            text=question.text or "", image=image or "", where=question.where or "", limit=5
        ),
    )

    first = answer.hits[0]
    assert shows(first, question.file_name, question.t_s), f"{first.title} at {first.start_s} s"


def test_words_and_a_picture_together_find_what_is_like_both(
    library: Engine, tmp_path: Path
) -> None:
    red_circle = png(Picture("white", (Shape("circle", "red", 0.5, 0.5, 0.5),)), tmp_path / "a.png")

    answer = search(
        library,
        asking.Question(text="a red circle on a black background", image=red_circle, limit=2),
    )

    assert {Path(hit.path).name for hit in answer.hits} == {"balloons.mp4", "lanterns.mp4"}


def test_a_scene_is_listed_once_by_its_best_frame(library: Engine) -> None:
    hits = search(library, asking.Question(text="a red circle", limit=1000)).hits

    scenes = [(hit.video_id, hit.scene_no) for hit in hits]
    assert len(scenes) == len(set(scenes))
    similarities = [hit.similarity for hit in hits if hit.similarity is not None]
    assert len(similarities) == len(hits)
    assert similarities == sorted(similarities, reverse=True)


def test_a_filter_holds_for_every_hit(library: Engine) -> None:
    hits = search(
        library, asking.Question(text="a red circle", where="collection = evening", limit=100)
    ).hits

    assert {hit.collection for hit in hits} == {"evening"}


def test_a_word_that_the_model_never_saw_is_named(library: Engine) -> None:
    assert search(library, asking.Question(text="a red zebra")).unknown_words == ("zebra",)


def test_the_tiny_model_is_always_named_as_such(library: Engine) -> None:
    assert "tiny model" in search(library, asking.Question(text="a red circle")).warnings[0]


@pytest.mark.parametrize("image", [b"", b"no picture", b"x" * (20 * 2**20 + 1)])
def test_what_is_no_picture_is_refused(library: Engine, image: bytes) -> None:
    with pytest.raises(BadRequestError, match="picture"):
        search(library, asking.Question(image=image))


@pytest.mark.parametrize("words", ["\0", "a\0b", "\ud800"])
def test_what_is_no_text_is_refused(library: Engine, words: str) -> None:
    with pytest.raises(BadRequestError):
        search(library, asking.Question(text=words))


def test_the_command_prints_a_table() -> None:
    shown = sceneql("search", "a yellow star on a black background", "--limit", "3")

    assert shown.returncode == 0, shown.stderr
    header, first, *_ = shown.stdout.splitlines()
    assert header.split() == ["score", "z", "moment", "video", "file"]
    assert "stars.webm" in first
    assert "0:00.0 - 0:04" in first


def test_the_command_prints_json() -> None:
    shown = sceneql("search", "a red circle", "--where", "collection=day", "--limit", "2", "--json")

    answer = json.loads(shown.stdout)
    assert answer["model"].startswith("tiny/")
    assert [hit["collection"] for hit in answer["hits"]] == ["day", "day"]
    assert answer["hits"][0]["matched_by"] == ["picture"]


def test_the_command_saves_a_sheet_of_pictures(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"

    saved = sceneql("search", "a red circle", "--limit", "6", "--sheet", str(sheet))

    assert saved.returncode == 0, saved.stderr
    with Image.open(sheet) as image:
        colours = image.convert("RGB").getcolors(maxcolors=2**24)
    assert colours is not None
    assert len(colours) > 1000, "the sheet shows no pictures"


def test_a_sheet_that_cannot_be_written_is_one_line() -> None:
    refused = sceneql("search", "a red circle", "--sheet", "/no/such/folder/sheet.png")

    assert refused.returncode == 2
    assert "the sheet cannot be written" in refused.stderr.splitlines()[-1]


def test_an_analyst_asks_in_sql(library: Engine) -> None:
    url = address_of(library).replace("postgres@", "sceneql_analyst@", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CALL embed_query('a blue square')")
        titles = connection.execute(
            "SELECT title FROM search_text('a blue square') WHERE 'subtitles' = ANY(tags) "
            "ORDER BY distance LIMIT 1"
        ).fetchall()

    assert titles == [("Signs and what they mean",)]


def test_subtitles_are_kept_with_the_scene_they_are_said_in(library: Engine) -> None:
    with psycopg.connect(address_of(library)) as connection:
        said = connection.execute(
            "SELECT DISTINCT m.start_s, m.said FROM moments m "
            "JOIN scenes s USING (video_id, scene_no) "
            "WHERE s.said_words @@ plainto_tsquery('russian', 'pharmacy')"
        ).fetchall()

    assert [(round(start), words) for start, words in said] == [
        (10, "A green cross is a pharmacy.")
    ]
