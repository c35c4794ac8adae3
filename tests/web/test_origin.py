"""Which names the page answers to, and what other sites cannot do here."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from app.config import Settings
from app.web import create_app
from tests.web.serving import served

TOKEN = "the-token-of-the-tests"
FORM = {"q": "a red circle"}
WRITES = ("POST", "PUT", "PATCH", "DELETE", "REPORT")

# What browsers send with a request that may change something, by where it comes from.
FOREIGN = {
    "cross-site form": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        "Origin": "https://attacker.example",
    },
    "cross-site fetch": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Dest": "empty",
        "Origin": "https://attacker.example",
    },
    "sub-domain": {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"},
    "other port": {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:1234"},
    "sandboxed frame": {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    "unknown word": {"Sec-Fetch-Site": "next-door", "Origin": "http://localhost"},
    "old browser": {"Origin": "https://attacker.example"},
    "old browser, other port": {"Origin": "http://localhost:1234"},
    "old browser, sub-domain": {"Origin": "http://other.localhost"},
    "old browser, longer name": {"Origin": "http://localhost.attacker.example"},
    "old browser, null": {"Origin": "null"},
    "old browser, no address": {"Origin": "http://[localhost"},
    "old browser, empty": {"Origin": ""},
}
OWN = {
    "form": {
        "Sec-Fetch-Site": "same-origin",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        "Origin": "http://localhost",
    },
    "fetch": {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
    "by the person": {"Sec-Fetch-Site": "none"},
    "behind a proxy that changes Host": {
        "Sec-Fetch-Site": "same-origin",
        "Origin": "https://videos.example",
    },
    "old browser": {"Origin": "http://localhost"},
    "program": {},
}


def writes(flask: Flask) -> list[tuple[str, str]]:
    """Every address with every method that may change something, and some that nobody has."""
    known = [
        (re.sub("<uuid[^>]*>", "0" * 32, re.sub("<int[^>]*>", "1", rule.rule)), method)
        for rule in flask.url_map.iter_rules()
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    ]
    assert {("/", "POST"), ("/login", "POST"), ("/logout", "POST")} <= set(known)
    return known + [(address, method) for address in ("/", "/nowhere") for method in WRITES]


@pytest.fixture(scope="module")
def guarded(drawn_library: Engine) -> Flask:
    return create_app(drawn_library, Settings(token=TOKEN))


@pytest.fixture
def member(guarded: Flask) -> FlaskClient:
    """A browser that is logged in."""
    client = guarded.test_client()
    assert client.post("/login", data={"token": TOKEN}, headers=OWN["form"]).status_code == 303
    return client


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_another_site_cannot_change_anything(
    client: FlaskClient, member: FlaskClient, headers: dict[str, str]
) -> None:
    for browser in (client, member):
        for address, method in writes(browser.application):
            reply = browser.open(address, method=method, data=FORM, headers=headers)

            assert reply.status_code == 403, (method, address)
            assert "Another site may not use this page" in reply.text


@pytest.mark.parametrize("headers", OWN.values(), ids=OWN)
def test_the_page_itself_and_programs_can(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.post("/", data=FORM, headers=headers).status_code == 303
    assert client.post("/api/search", data=FORM, headers=headers).status_code == 200


@pytest.mark.parametrize("kind", [kind for kind in OWN if kind != "program"])
def test_a_browser_that_is_logged_in_can(member: FlaskClient, kind: str) -> None:
    assert member.post("/", data=FORM, headers=OWN[kind]).status_code == 303


def test_a_browser_that_does_not_say_where_a_form_is_from_is_no_program(
    member: FlaskClient,
) -> None:
    assert member.post("/", data=FORM).status_code == 403


def test_a_program_with_the_token_can(guarded: Flask) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}

    assert guarded.test_client().post("/", data=FORM, headers=headers).status_code == 303


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("mode", "destination"),
    [
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("no-cors", "video"),
        ("cors", "empty"),
        ("no-cors", "empty"),
        ("navigate", "iframe"),
        ("navigate", "object"),
        ("websocket", "websocket"),
    ],
)
def test_another_site_cannot_make_the_page_part_of_its_own(
    client: FlaskClient, site: str, mode: str, destination: str
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}

    for address in ("/?q=a+red+circle", "/api/search?q=a+red+circle", "/media/1", "/healthz"):
        assert client.get(address, headers=headers).status_code == 403, address


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_link_from_another_site_can_be_followed(
    client: FlaskClient, member: FlaskClient, site: str
) -> None:
    headers = {
        "Accept": "text/html",
        "Sec-Fetch-Site": site,
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }

    for browser in (client, member):
        assert browser.get("/?q=a+red+circle", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "192.168.1.20"]
)
def test_the_page_answers_by_address_and_as_localhost(client: FlaskClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_the_page_answers_by_the_name_it_listens_on(drawn_library: Engine) -> None:
    client = create_app(drawn_library, Settings(host="videos.example")).test_client()

    assert client.get("/healthz", headers={"Host": "Videos.Example:8080"}).status_code == 200


def test_the_page_answers_by_the_names_it_was_given(drawn_library: Engine) -> None:
    settings = Settings(allowed_hosts="videos.example, web")
    client = create_app(drawn_library, settings).test_client()

    for host in ("videos.example", "WEB:8080"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200, host


@pytest.mark.parametrize(
    "host", ["attacker.example", "localhost.attacker.example", "127.0.0.1.attacker.example:8080"]
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(client: FlaskClient, host: str) -> None:
    reply = client.get("/", headers={"Host": host})

    assert reply.status_code == 400
    assert f"SCENEQL_ALLOWED_HOSTS={host.removesuffix(':8080')}" in reply.text


@pytest.mark.parametrize(
    "headers",
    [
        "",
        "Host: [::1\r\n",
        "Host: \r\n",
        "Host: attacker.example\r\nX-Forwarded-Host: localhost\r\n",
        "Host: attacker.example\r\nForwarded: host=localhost\r\n",
    ],
)
def test_a_host_that_is_none_or_only_said_to_be_ours_is_refused(
    drawn_library: Engine, headers: str
) -> None:
    with served(create_app(drawn_library)) as server:
        assert server.request(f"GET / HTTP/1.1\r\n{headers}\r\n").status == 400


def test_only_the_proxy_that_was_named_says_that_a_login_came_by_https(
    drawn_library: Engine,
) -> None:
    flask = create_app(drawn_library, Settings(token=TOKEN))
    head = (
        "POST /login HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\ntoken={}"
    ).format(len(f"token={TOKEN}"), TOKEN)

    for proxy, secure in (("127.0.0.1", True), ("10.9.9.9", False), (None, False)):
        with served(flask, Settings(proxy=proxy)) as server:
            cookie = server.request(head).headers["Set-Cookie"]
        assert ("Secure" in cookie) is secure, proxy
