"""How often one client may do what costs much."""

from io import BytesIO
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from app.asking import Question
from app.config import Settings
from app.paging import keep
from app.search import search
from app.web import create_app, rates
from tests.web.serving import served


def page_with(engine: Engine, **settings: int) -> Flask:
    """The page, with an address of its own for what is counted as a question."""
    flask = create_app(engine, Settings.model_validate(settings))

    @flask.get("/api/counted")
    def counted() -> str:
        rates.count(rates.QUESTIONS)
        return "done"

    return flask


def statuses(client: FlaskClient, times: int, **options: str) -> list[int]:
    environment = {"REMOTE_ADDR": options.get("address", "127.0.0.1")}
    return [client.get("/api/counted", environ_base=environment).status_code for _ in range(times)]


def test_what_is_too_much_is_one_line_that_says_when_to_try_again(drawn_library: Engine) -> None:
    client = page_with(drawn_library, questions_per_minute=2).test_client()

    assert statuses(client, 3) == [200, 200, 429]

    reply = client.get("/api/counted")
    assert reply.json is not None
    assert reply.json["error"].startswith("More than 2 questions within a minute: try again in ")
    assert "SCENEQL_QUESTIONS_PER_MINUTE" in reply.json["error"]
    assert 1 <= int(reply.headers["Retry-After"]) <= 60


def test_a_question_counts_wherever_it_is_asked(drawn_library: Engine) -> None:
    with drawn_library.connect() as connection:
        video_id = connection.execute(text("SELECT min(id) FROM videos")).scalar_one()

    for first in ("/?q=a+red+circle", "/api/search?q=a+red+circle", f"/watch/{video_id}?q=red"):
        client = page_with(drawn_library, questions_per_minute=1).test_client()
        assert client.get(first).status_code == 200, first
        for again in ("/?q=a+red+circle", "/api/search?q=a+red+circle", f"/watch/{video_id}?q=a"):
            assert client.get(again).status_code == 429, (first, again)
        assert client.get(f"/watch/{video_id}").status_code == 200


def test_going_through_an_answer_counts_nothing_but_other_questions_do(
    drawn_library: Engine,
) -> None:
    token = keep(drawn_library, search(drawn_library, Question(text="a red circle")).hits)
    client = page_with(drawn_library, questions_per_minute=1).test_client()

    def watched(times: int, words: str, answer: object) -> list[int]:
        asked = {"q": words, "answer": str(answer), "n": "0"}
        return [client.get("/watch/4", query_string=asked).status_code for _ in range(times)]

    assert watched(3, "a red circle", token) == [200, 200, 200]
    assert watched(2, "never asked", token) == [200, 429]
    assert watched(1, "a red circle", UUID(int=0)) == [429]
    assert watched(1, "a red circle", token) == [200]


def test_pictures_by_address_are_counted_before_they_are_fetched(drawn_library: Engine) -> None:
    client = page_with(drawn_library, fetches_per_minute=1).test_client()
    form = {"address": "http://127.0.0.1/a.png"}

    first, second = (client.post("/", data=form) for _ in range(2))

    assert first.status_code == 400
    assert "not on the public internet" in first.text
    assert second.status_code == 429
    assert "More than 1 pictures by address" in second.text


def test_each_client_has_counts_of_its_own(drawn_library: Engine) -> None:
    client = page_with(drawn_library, questions_per_minute=1).test_client()

    assert statuses(client, 2, address="10.0.0.1") == [200, 429]
    assert statuses(client, 2, address="10.0.0.2") == [200, 429]


def test_the_addresses_of_one_ipv6_network_are_one_client(drawn_library: Engine) -> None:
    client = page_with(drawn_library, questions_per_minute=1).test_client()

    assert statuses(client, 1, address="2001:db8::1") == [200]
    assert statuses(client, 1, address="2001:db8::ffff:2") == [429]
    assert statuses(client, 1, address="2001:db8:0:1::1") == [200]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2"),
        ("fe80::1%eth0", "10.0.0.1"),
        ("10.0.0.1:4000", "10.0.0.2:4000"),
        ("unknown", ""),
    ],
)
def test_whatever_a_client_is_called_it_is_counted(
    drawn_library: Engine, one: str, other: str
) -> None:
    client = page_with(drawn_library, questions_per_minute=1).test_client()

    assert statuses(client, 2, address=one) == [200, 429]
    assert statuses(client, 2, address=other) == [200, 429]


def test_one_kind_of_work_leaves_the_others_alone(drawn_library: Engine) -> None:
    client = page_with(drawn_library, questions_per_minute=1, uploads_per_minute=1).test_client()

    assert statuses(client, 2) == [200, 429]
    assert client.get("/library").status_code == 200
    assert client.post("/", data=picture()).status_code != 429


def test_uploads_are_counted_wherever_they_go(drawn_library: Engine) -> None:
    client = page_with(drawn_library, uploads_per_minute=2).test_client()

    assert client.post("/", data=picture()).status_code != 429
    assert client.post("/api/search", data=picture()).status_code != 429
    for address in ("/", "/api/search"):
        reply = client.post(address, data=picture())
        assert reply.status_code == 429
        assert "More than 2 uploads" in reply.text
        assert reply.headers["Retry-After"]


def test_a_client_cannot_name_itself_another(drawn_library: Engine) -> None:
    flask = page_with(drawn_library, questions_per_minute=1)

    assert forwarded(flask, Settings()) == [200, 429]


def test_the_proxy_that_was_named_tells_its_clients_apart(drawn_library: Engine) -> None:
    flask = page_with(drawn_library, questions_per_minute=1)

    assert forwarded(flask, Settings(proxy="127.0.0.1")) == [200, 200]


def test_another_address_than_that_of_the_proxy_is_not_believed(drawn_library: Engine) -> None:
    flask = page_with(drawn_library, questions_per_minute=1)

    assert forwarded(flask, Settings(proxy="10.9.9.9")) == [200, 429]


def forwarded(flask: Flask, settings: Settings) -> list[int]:
    """The statuses of two requests that say they come for two clients."""
    with served(flask, settings) as server:
        head = "GET /api/counted HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.{}\r\n\r\n"
        return [server.request(head.format(number)).status for number in (1, 2)]


def picture() -> dict[str, tuple[BytesIO, str]]:
    return {"image": (BytesIO(b"no picture"), "picture.png")}
