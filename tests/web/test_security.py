"""What other sites may not do, and what their content may not do here."""

from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from app.config import Settings
from app.questions import MAX_IMAGE_BYTES
from app.web import create_app

ADDRESSES = (
    "/",
    "/library",
    "/status",
    "/?q=a+red+circle",
    "/api/status",
    "/static/style.css",
    "/nowhere",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_runs_here_but_the_pages_own_scripts(client: FlaskClient, address: str) -> None:
    headers = client.get(address).headers

    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("address", ["/", "/library", "/status", "/?q=a+red+circle"])
def test_the_pages_have_no_inline_script_or_style(client: FlaskClient, address: str) -> None:
    page = client.get(address).text

    assert "<style" not in page
    assert " style=" not in page
    assert page.count("<script") == page.count('<script type="module" src="/static/') == 1


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "192.168.1.20"]
)
def test_the_page_answers_by_address_and_as_localhost(client: FlaskClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_the_page_answers_by_the_name_it_listens_on(drawn_library: Engine) -> None:
    client = create_app(drawn_library, Settings(host="videos.example")).test_client()

    assert client.get("/healthz", headers={"Host": "Videos.Example:8080"}).status_code == 200


def test_a_name_that_was_rebound_to_this_machine_is_refused(client: FlaskClient) -> None:
    reply = client.get("/", headers={"Host": "attacker.example"})

    assert reply.status_code == 400
    assert "SCENEQL_ALLOWED_HOSTS=attacker.example" in reply.text


def test_another_site_cannot_send_the_form(client: FlaskClient) -> None:
    form = {"q": "a red circle"}

    for origin in ("https://attacker.example", "http://localhost:1234", "null"):
        assert client.post("/", data=form, headers={"Origin": origin}).status_code == 403, origin
    assert client.post("/", data=form, headers={"Origin": "http://localhost"}).status_code == 303


def test_a_picture_that_is_too_large_is_refused(client: FlaskClient) -> None:
    for address in ("/", "/api/search"):
        form = {"image": (BytesIO(bytes(MAX_IMAGE_BYTES + 2**20)), "picture.png")}

        reply = client.post(address, data=form)

        assert reply.status_code == 413, address
        assert "a picture may have 20 MiB" in reply.text


def test_an_empty_picture_is_refused(client: FlaskClient) -> None:
    reply = client.post("/api/search", data={"image": (BytesIO(b""), "picture.png")})

    assert reply.status_code == 400
    assert reply.json is not None
    assert "empty" in reply.json["error"]
