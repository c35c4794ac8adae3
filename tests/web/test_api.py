"""The JSON API."""

from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from tests.filling import fill


def test_hits_come_best_first_with_all_that_is_known(client: FlaskClient) -> None:
    answer = client.get("/api/search", query_string={"q": "a red circle", "limit": 3}).json

    assert answer is not None
    best = answer["hits"][0]
    assert (best["title"], best["start_s"], best["end_s"], best["t_s"]) == ("video 4", 5, 10, 7)
    assert best["similarity"] > 0.999
    assert best["recorded_at"] == "2026-01-04T12:00:00Z"
    assert best["tags"] == ["even"]
    similarities = [hit["similarity"] for hit in answer["hits"]]
    assert len(similarities) == 3
    assert similarities == sorted(similarities, reverse=True)


def test_a_hit_says_where_its_picture_and_its_video_are(client: FlaskClient) -> None:
    answer = client.get("/api/search", query_string={"q": "a red circle", "limit": 1}).json

    assert answer is not None
    hit = answer["hits"][0]
    assert client.get(hit["thumbnail_url"]).status_code == 200
    assert hit["media_url"] == f"/media/{hit['video_id']}"


def test_a_question_may_be_posted(client: FlaskClient) -> None:
    form = {"q": "a red circle", "where": "tags=odd", "limit": "2"}

    answer = client.post("/api/search", data=form).json

    assert answer is not None
    assert [hit["tags"] for hit in answer["hits"]] == [["odd"], ["odd"]]


def test_what_is_wrong_with_a_question_is_said_in_json(client: FlaskClient) -> None:
    for question, problem in (
        ({}, "the question is empty"),
        ({"q": "x" * 2001}, "2,001 characters"),
        ({"q": "a red circle", "where": "colour=red"}, "no field 'colour'"),
        ({"q": "a red circle", "limit": "some"}, "limit must be a whole number"),
    ):
        reply = client.get("/api/search", query_string=question)

        assert reply.status_code == 400, question
        assert reply.json is not None
        assert problem in reply.json["error"]


def test_without_an_embedder_a_new_question_is_503(client: FlaskClient) -> None:
    reply = client.get("/api/search", query_string={"q": "never asked before"})

    assert reply.status_code == 503
    assert reply.json is not None
    assert "sceneql worker" in reply.json["error"]


def test_an_empty_library_is_a_conflict(own_client: FlaskClient) -> None:
    reply = own_client.get("/api/search", query_string={"q": "a red circle"})

    assert reply.status_code == 409
    assert reply.json is not None
    assert "sceneql ingest FOLDER" in reply.json["error"]


def test_the_status_counts_the_library(client: FlaskClient) -> None:
    status = client.get("/api/status").json

    assert status is not None
    assert status["videos"] == {"indexed": 60}
    assert (status["scenes"], status["frames"]) == (120, 600)
    assert status["model"] == "drawn/test"
    assert status["embedder_running"] is False


def test_an_unknown_address_is_a_404_in_json(client: FlaskClient) -> None:
    reply = client.get("/api/nowhere")

    assert reply.status_code == 404
    assert reply.json is not None
    assert reply.json["error"]


def test_the_wrong_method_names_the_right_one(client: FlaskClient) -> None:
    reply = client.post("/api/videos")

    assert reply.status_code == 405
    assert "GET" in reply.headers["Allow"]


def test_pages_of_a_kept_answer_repeat_and_skip_nothing(client: FlaskClient) -> None:
    whole = client.get("/api/search", query_string={"q": "a red circle", "limit": 1000}).json
    first = client.get(
        "/api/search", query_string={"q": "a red circle", "limit": 4, "keep": 1}
    ).json
    assert whole is not None
    assert first is not None
    pages = list(first["hits"])
    while len(pages) < first["total"]:
        following = client.get(
            f"/api/pages/{first['token']}", query_string={"offset": len(pages), "limit": 7}
        ).json
        assert following is not None
        pages += following["hits"]

    assert pages == whole["hits"]


def test_a_page_of_what_is_not_kept_is_one_line(client: FlaskClient) -> None:
    gone = client.get("/api/pages/00000000-0000-0000-0000-000000000000")

    assert gone.status_code == 400
    assert gone.json is not None
    assert gone.json["error"] == "this answer is no longer kept; ask the question again"


def test_a_parameter_that_nobody_knows_is_refused(client: FlaskClient) -> None:
    reply = client.get("/api/search", query_string={"q": "a red circle", "wehre": "tags=odd"})

    assert reply.status_code == 400
    assert reply.json is not None
    assert "there is no parameter 'wehre'; there are q," in reply.json["error"]


def test_fields_of_a_form_that_nobody_filled_in_count_as_left_out(client: FlaskClient) -> None:
    form = {"q": "a red circle", "where": "", "limit": "", "image": (BytesIO(b""), "")}

    answer = client.post("/api/search", data=form).json

    assert answer is not None
    assert len(answer["hits"]) == 20


def test_a_question_may_be_json(client: FlaskClient) -> None:
    answer = client.post("/api/search", json={"q": "a red circle", "limit": 2}).json

    assert answer is not None
    assert answer["hits"][0]["title"] == "video 4"
    assert len(answer["hits"]) == 2


def test_json_that_is_none_is_said_to_be(client: FlaskClient) -> None:
    reply = client.post("/api/search", data="{", content_type="application/json")

    assert (reply.status_code, reply.json) == (
        400,
        {"error": "the body must be one JSON object, in UTF-8"},
    )


def test_a_picture_needs_an_embedder(client: FlaskClient) -> None:
    reply = client.post("/api/pictures", data={"image": (BytesIO(b"png"), "picture.png")})

    assert reply.status_code == 503
    assert reply.json is not None
    assert "sceneql worker" in reply.json["error"]


def test_a_picture_that_was_forgotten_is_asked_for(client: FlaskClient) -> None:
    for form, problem in (({"image": (BytesIO(b""), "")}, "image is missing; it is a file"),):
        reply = client.post("/api/pictures", data=form)

        assert reply.status_code == 400
        assert reply.json == {"error": problem}


def test_suggestions_are_names_first_then_values(client: FlaskClient) -> None:
    names = client.get("/api/suggestions", query_string={"prefix": "n"}).json
    values = client.get("/api/suggestions", query_string={"prefix": "tag:e"}).json

    assert names == {
        "suggestions": [{"text": "n:", "note": "from the metadata", "is_name": True, "videos": 60}]
    }
    assert values is not None
    assert [(one["text"], one["videos"]) for one in values["suggestions"]] == [("tag:even", 30)]


def test_filters_may_stand_among_the_words_or_beside_them(client: FlaskClient) -> None:
    for question in (
        {"q": "a red circle tag:odd"},
        {"q": "a red circle", "filter": ["tag:odd"]},
    ):
        for reply in (
            client.get("/api/search", query_string=question),
            client.post("/api/search", json=question),
            client.post("/api/search", data=question),
        ):
            assert reply.json is not None, question
            assert {tag for hit in reply.json["hits"] for tag in hit["tags"]} == {"odd"}, question


def test_hits_may_be_frames_of_what_is_like_a_frame(client: FlaskClient) -> None:
    question = {"like": "4:7", "group": "frame", "limit": 2}

    answer = client.get("/api/search", query_string=question).json

    assert answer is not None
    assert [hit["frame_no"] for hit in answer["hits"]][:1] == [7]
    assert answer["hits"][0]["similarity"] > 0.999


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ({"like": "4"}, "like must be"),
        ({"group": "day"}, "group must be one of scene, video, frame"),
        ({"weight": "101"}, "weight must be a whole number from 0 to 100"),
        ({"gap": "0"}, "gap must be a number above 0"),
        ({"min_z": "nan"}, "min_z must be a number or null"),
        ({"filter": "beach"}, "'beach' is no filter; write NAME:VALUE"),
    ],
)
def test_what_a_parameter_must_be_is_said(
    client: FlaskClient, question: dict[str, str], problem: str
) -> None:
    reply = client.get("/api/search", query_string={"q": "a red circle"} | question)

    assert reply.status_code == 400
    assert reply.json is not None
    assert problem in reply.json["error"]


def test_what_is_said_is_found_with_its_time(engine: Engine, own_client: FlaskClient) -> None:
    fill(engine, videos=4)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO subtitles (video_id, line_no, scene_no, start_s, end_s, said) "
                "SELECT id, n, n, n * 5 + 1, n * 5 + 3, 'line ' || n || ' of a red circle' "
                "FROM videos, generate_series(0, 2) AS n"
            )
        )
    question = {"q": '"red circle"', "filter": "tag:odd", "limit": 4}

    first = own_client.get("/api/said", query_string=question).json
    rest = own_client.get("/api/said", query_string={**question, "offset": 4}).json

    assert first is not None
    assert rest is not None
    assert (first["total"], len(first["lines"]), len(rest["lines"])) == (6, 4, 2)
    lines = [(line["title"], line["line_no"]) for line in first["lines"] + rest["lines"]]
    assert sorted(lines) == [(f"video {n}", line) for n in (1, 3) for line in range(3)]
    line = next(line for line in first["lines"] if line["line_no"] == 1)
    assert (line["start_s"], line["end_s"], line["scene_no"], line["frame_no"]) == (6, 8, 1, 6)


def test_a_picture_comes_as_a_file_in_a_form(client: FlaskClient) -> None:
    for body, form in (("", None), ("png", "image/png")):
        reply = client.post("/api/pictures", data=body, content_type=form)

        assert reply.status_code == 415
        assert reply.json == {"error": "send the body as multipart/form-data"}


def test_a_part_of_a_form_without_a_name_is_refused(client: FlaskClient) -> None:
    part = "--x\r\nContent-Disposition: form-data\r\n\r\ntext\r\n--x--\r\n"

    reply = client.post("/api/search", data=part, content_type="multipart/form-data; boundary=x")

    assert reply.status_code == 400
