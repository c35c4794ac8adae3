"""Videos in the JSON API: listed, looked at, changed and taken out."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from tests.filling import fill


def test_videos_are_listed_from_an_offset(client: FlaskClient) -> None:
    where = {"where": "collection=c3"}
    everything = client.get("/api/videos", query_string=where).json
    rest = client.get("/api/videos", query_string={**where, "limit": 2, "offset": 4}).json

    assert everything is not None
    assert rest is not None
    assert len(everything["videos"]) == everything["total"] == rest["total"] == 6
    assert rest["videos"] == everything["videos"][4:6]


def test_all_that_is_known_of_a_video_is_told(client: FlaskClient) -> None:
    video = client.get("/api/videos/4").json

    assert video is not None
    assert (video["title"], video["metadata"], video["edited"]) == ("video 4", {"n": 4}, [])
    assert video["files"] == ["/videos/video 4.mp4"]


def test_a_video_that_is_not_there_is_a_404(client: FlaskClient) -> None:
    for method, address in (
        ("GET", "/api/videos/999"),
        ("PATCH", "/api/videos/999"),
        ("DELETE", "/api/videos/999"),
        ("GET", "/api/videos/999/similar"),
        ("GET", "/api/videos/999/copies"),
    ):
        reply = client.open(
            address, method=method, json={"title": "x"} if method != "GET" else None
        )

        assert reply.status_code == 404, (method, address)
        assert reply.json == {"error": "there is no video 999"}


def test_what_is_set_in_a_video_is_kept_and_noted(engine: Engine, own_client: FlaskClient) -> None:
    fill(engine, videos=1)

    video = own_client.patch(
        "/api/videos/1",
        json={"title": "The beach", "tags": ["sea, sand", "sun"], "metadata": {"code": "007"}},
    ).json

    assert video is not None
    assert (video["title"], video["tags"]) == ("The beach", ["sea, sand", "sun"])
    assert video["metadata"] == {"n": 1, "code": "007"}
    assert video["edited"] == ["title", "tags", "metadata.code"]
    assert own_client.get("/api/videos/1").json == video


def test_null_takes_a_value_away(engine: Engine, own_client: FlaskClient) -> None:
    fill(engine, videos=1)

    video = own_client.patch(
        "/api/videos/1", json={"collection": None, "tags": None, "metadata": {"n": None}}
    ).json

    assert video is not None
    assert (video["collection"], video["tags"], video["metadata"]) == (None, [], {})


@pytest.mark.parametrize(
    ("edits", "problem"),
    [
        ({}, "nothing is to be changed"),
        ({"title": None}, "a video cannot be without a title"),
        ({"title": " "}, "a video cannot be without a title"),
        ({"title": 7}, "title must be a text of at most 2,000 characters or null"),
        ({"recorded_at": "soon"}, "recorded_at is a date such as 2026-01-31"),
        ({"id": 5}, "there is no parameter 'id'"),
        ({"metadata": {"a": "\0"}}, "NUL character"),
        ({"metadata": {"": 1}}, "a field needs a name"),
    ],
)
def test_what_cannot_be_set_changes_nothing(
    client: FlaskClient, edits: dict[str, object], problem: str
) -> None:
    before = client.get("/api/videos/4").json

    reply = client.patch("/api/videos/4", json={"description": "changed"} | edits if edits else {})

    assert reply.status_code == 400
    assert reply.json is not None
    assert problem in reply.json["error"]
    assert client.get("/api/videos/4").json == before


def test_edits_come_as_json_only(client: FlaskClient) -> None:
    reply = client.patch("/api/videos/4", data={"title": "x"})

    assert reply.status_code == 415
    assert reply.json == {"error": "send the body with Content-Type: application/json"}


def test_a_video_is_taken_out_once(engine: Engine, own_client: FlaskClient) -> None:
    fill(engine, videos=2)

    gone = own_client.delete("/api/videos/1")

    assert (gone.status_code, gone.data) == (204, b"")
    assert own_client.delete("/api/videos/1").status_code == 404
    left = own_client.get("/api/videos").json
    assert left is not None
    assert [video["id"] for video in left["videos"]] == [2]


def test_similar_videos_come_best_first(client: FlaskClient) -> None:
    answer = client.get("/api/videos/4/similar", query_string={"limit": 5}).json

    assert answer is not None
    similarities = [video["similarity"] for video in answer["videos"]]
    assert len(similarities) == 5
    assert similarities == sorted(similarities, reverse=True)
    assert 4 not in [video["video_id"] for video in answer["videos"]]


def test_a_video_without_copies_has_none(client: FlaskClient) -> None:
    assert client.get("/api/videos/4/copies").json == {"copies": []}


def test_videos_are_listed_by_the_filters_of_a_question(client: FlaskClient) -> None:
    filters = {"filter": ["tag:odd", "collection:c3", "collection:c4"], "where": "metadata.n < 20"}

    found = client.get("/api/videos", query_string=filters).json

    assert found is not None
    assert [video["title"] for video in found["videos"]] == ["video 13", "video 3"]
    assert found["total"] == 2


def test_the_scenes_of_a_video_come_in_order_with_their_pictures(client: FlaskClient) -> None:
    answer = client.get("/api/videos/4/scenes").json

    assert answer is not None
    scenes = answer["scenes"]
    assert [(scene["scene_no"], scene["start_s"], scene["end_s"]) for scene in scenes] == [
        (0, 0, 5),
        (1, 5, 10),
    ]
    assert client.get(scenes[1]["thumbnail_url"]).status_code == 200


def test_the_lines_of_a_video_say_which_match(engine: Engine, own_client: FlaskClient) -> None:
    fill(engine, videos=1)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO subtitles (video_id, line_no, scene_no, start_s, end_s, said) "
                "VALUES (1, 0, 0, 1, 2, 'good morning'), (1, 1, 0, 3, 4, 'good night')"
            )
        )

    answer = own_client.get("/api/videos/1/lines", query_string={"q": "night"}).json

    assert answer is not None
    lines = [(line["said"], line["start_s"], line["is_match"]) for line in answer["lines"]]
    assert lines == [("good morning", 1, False), ("good night", 3, True)]
