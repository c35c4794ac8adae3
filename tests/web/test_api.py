"""The JSON API."""

from flask.testing import FlaskClient


def test_hits_come_best_first_with_all_that_is_known(client: FlaskClient) -> None:
    answer = client.get("/api/search", query_string={"q": "a red circle", "limit": 3}).json

    assert answer is not None
    best = answer["hits"][0]
    assert (best["title"], best["start_s"], best["end_s"], best["t_s"]) == ("video 4", 5, 10, 7)
    assert best["similarity"] > 0.999
    assert best["recorded_at"] == "2026-01-04T12:00:00+00:00"
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


def test_videos_are_listed_from_an_offset(client: FlaskClient) -> None:
    where = {"where": "collection=c3"}
    everything = client.get("/api/videos", query_string=where).json
    rest = client.get("/api/videos", query_string={**where, "limit": 2, "offset": 4}).json

    assert everything is not None
    assert rest is not None
    assert len(everything["videos"]) == everything["total"] == rest["total"] == 6
    assert rest["videos"] == everything["videos"][4:6]


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
