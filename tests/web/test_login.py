"""The login by one token: who gets in, for how long, and where it leads."""

import re
from http.cookies import SimpleCookie

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner
from sqlalchemy import Engine

from app.config import Settings
from app.web import create_app
from app.web.login import COOKIE, LOGIN_LASTS_S, OPEN_ENDPOINTS

TOKEN = "the-token-of-the-tests"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
# What a browser says of a form that the page itself has sent.
OWN = {**BROWSER, "Origin": "http://localhost"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def guarded(drawn_library: Engine) -> Flask:
    """The page with a token; it counts wrong ones only as far as no test here gets."""
    return create_app(drawn_library, Settings(token=TOKEN, logins_per_minute=1000))


@pytest.fixture
def stranger(guarded: Flask) -> FlaskClient:
    return guarded.test_client()


@pytest.fixture
def member(guarded: Flask) -> FlaskClient:
    client = guarded.test_client()
    assert client.post("/login", data={"token": TOKEN}, headers=OWN).status_code == 303
    return client


def addresses(flask: Flask) -> list[str]:
    """An address of every rule that can be read, but for those that are open."""
    return [
        re.sub("<[^>]*>", "1", rule.rule).replace("/pages/1", f"/pages/{'0' * 32}")
        for rule in flask.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint not in OPEN_ENDPOINTS
    ]


def test_a_stranger_gets_nothing_but_the_form(guarded: Flask, stranger: FlaskClient) -> None:
    walked = addresses(guarded)
    assert {"/", "/library", "/api/search", "/media/1", "/thumbnails/1/1", "/metrics"} <= set(
        walked
    )

    for address in [*walked, "/nowhere"]:
        page = stranger.get(address, headers=BROWSER)
        assert page.status_code == 302, address
        assert page.location.startswith("/login?next="), address
        reply = stranger.get(address)
        assert reply.status_code == 401, address
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert reply.text.count("\n") == 1
        assert "Authorization: Bearer TOKEN" in reply.get_json()["error"]


def test_a_stranger_can_change_nothing(guarded: Flask, stranger: FlaskClient) -> None:
    for rule in guarded.url_map.iter_rules():
        if rule.endpoint not in OPEN_ENDPOINTS:
            address = re.sub("<uuid[^>]*>", "0" * 32, re.sub("<int[^>]*>", "1", rule.rule))
            for method in (rule.methods or set()) - {"GET"}:
                reply = stranger.open(address, method=method, headers=OWN)
                assert reply.status_code == 401, (method, address)
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "ODD"):
        assert stranger.open("/nowhere", method=method, headers=OWN).status_code == 401, method


def test_the_health_the_form_and_its_looks_are_open(stranger: FlaskClient) -> None:
    assert stranger.get("/healthz").status_code == 200
    page = stranger.get("/login", headers=BROWSER)
    assert page.status_code == 200
    for style in re.findall(r'href="(/static/[^"]+)"', page.text):
        assert stranger.get(style).status_code == 200, style


def test_the_token_opens_the_page_and_leads_back(stranger: FlaskClient) -> None:
    asked = "/library?where=title%3D%C3%A4+or+tags%3Deven&page=1"
    login = stranger.get(asked, headers=BROWSER).location
    form = stranger.get(login, headers=BROWSER).text
    following = re.search(r'name="next" value="([^"]*)"', form)
    assert following

    answer = stranger.post(
        "/login",
        data={"token": f" {TOKEN}\n", "next": following[1].replace("&amp;", "&")},
        headers=OWN,
    )

    assert answer.status_code == 303
    assert answer.location == asked
    assert stranger.get(asked, headers=BROWSER).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ä\0"])
def test_a_wrong_token_is_refused_with_the_form(stranger: FlaskClient, token: str) -> None:
    answer = stranger.post("/login", data={"token": token, "next": "/library"}, headers=OWN)

    assert answer.status_code == 401
    assert "That is not the token" in answer.text
    assert 'name="next" value="/library"' in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "following",
    [
        "https://attacker.example/",
        "//attacker.example/",
        "///attacker.example",
        "/\\attacker.example",
        "\\\\attacker.example",
        "/\t/attacker.example",
        "/\n/attacker.example",
        "/\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "attacker.example",
        " //attacker.example",
        "http:attacker.example",
        "",
    ],
)
def test_the_login_never_leads_to_another_site(
    stranger: FlaskClient, member: FlaskClient, following: str
) -> None:
    entered = stranger.post("/login", data={"token": TOKEN, "next": following}, headers=OWN)
    again = member.get("/login", query_string={"next": following})
    form = stranger.get("/login", query_string={"next": following})

    assert entered.location == again.location == "/"
    assert 'name="next" value="/"' in form.text or form.location == "/"
    assert not entered.headers.getlist("Set-Cookie")[1:]


def test_a_path_that_is_another_host_for_browsers_is_not_led_back_to(
    stranger: FlaskClient,
) -> None:
    path = {"PATH_INFO": "//attacker.example/library"}

    location = stranger.get("/", headers=BROWSER, environ_overrides=path).location

    assert location == "/login?next=/attacker.example/library"


def test_a_hostile_next_is_only_text(stranger: FlaskClient) -> None:
    form = stranger.get("/login", query_string={"next": '/"><script>alert(1)</script>'})

    assert "<script>alert" not in form.text


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(stranger: FlaskClient) -> None:
    answer = stranger.post("/login", data={"token": TOKEN}, headers=OWN)

    cookie = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert int(cookie["max-age"]) == LOGIN_LASTS_S
    assert not cookie["secure"], "by http it would never be sent back"
    assert TOKEN not in cookie.value


def test_the_cookie_goes_by_https_only_where_it_came_by_https(stranger: FlaskClient) -> None:
    answer = stranger.post(
        "/login",
        data={"token": TOKEN},
        base_url="https://localhost",
        headers={"Origin": "https://localhost"},
    )

    assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]["secure"]


def test_another_token_ends_every_login(drawn_library: Engine, member: FlaskClient) -> None:
    cookie = member.get_cookie(COOKIE)
    assert cookie
    other = create_app(drawn_library, Settings(token="another-token-here")).test_client()

    other.set_cookie(COOKIE, cookie.value)

    assert other.get("/library").status_code == 401
    assert member.get("/library").status_code == 200


def test_a_login_ends_after_thirty_days(
    member: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = TimestampSigner.get_timestamp

    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: now(self) + LOGIN_LASTS_S)
    assert member.get("/library").status_code == 200
    monkeypatch.setattr(
        TimestampSigner, "get_timestamp", lambda self: now(self) + LOGIN_LASTS_S + 60
    )
    assert member.get("/library").status_code == 401


@pytest.mark.parametrize(
    "value",
    ["", "in", TOKEN, "in.aaaaaa.bbbbbb", "..", "\u00e4.\u00e4.\u00e4", "x" * 4000],
)
def test_a_cookie_that_was_made_up_is_none(stranger: FlaskClient, value: str) -> None:
    stranger.set_cookie(COOKIE, value)

    assert stranger.get("/library").status_code == 401


def test_a_cookie_that_was_signed_for_something_else_is_none(stranger: FlaskClient) -> None:
    for salt, word in (("another salt", "in"), ("sceneql login", "out")):
        signed = TimestampSigner(TOKEN, salt=salt, key_derivation="hmac").sign(word).decode()
        stranger.set_cookie(COOKIE, signed)

        assert stranger.get("/library").status_code == 401


def test_leaving_takes_the_cookie_back(member: FlaskClient) -> None:
    assert member.get("/logout").status_code == 405, "a picture on another site must log nobody out"

    answer = member.post("/logout", headers=OWN)

    assert (answer.status_code, answer.location) == (303, "/login")
    assert member.get("/library").status_code == 401


def test_programs_send_the_token(stranger: FlaskClient) -> None:
    for address in ("/api/videos", "/metrics", "/library", "/api/search?q=a+red+circle"):
        assert stranger.get(address, headers=BEARER).status_code == 200, address
    answer = stranger.post("/api/search", data={"q": "a red circle"}, headers=BEARER)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN} x", TOKEN, "Bearer ä"],
)
def test_programs_with_another_token_are_refused(stranger: FlaskClient, header: str) -> None:
    assert stranger.get("/api/videos", headers={"Authorization": header}).status_code == 401


def test_the_token_in_the_address_is_no_login(stranger: FlaskClient) -> None:
    assert stranger.get(f"/api/videos?token={TOKEN}").status_code == 401


def test_tokens_cannot_be_tried_without_end(drawn_library: Engine) -> None:
    client = create_app(drawn_library, Settings(token=TOKEN, logins_per_minute=3)).test_client()
    wrong = {"token": "wrong"}
    assert [client.post("/login", data=wrong, headers=OWN).status_code for _ in range(2)] == [
        401
    ] * 2
    assert client.get("/library", headers={"Authorization": "Bearer wrong"}).status_code == 401

    # Not even the right one tells itself from the others now, on neither way.
    answer = client.post("/login", data={"token": TOKEN}, headers=OWN)
    assert answer.status_code == 429
    assert "More than 3 wrong tokens within a minute" in answer.text
    assert answer.headers["Retry-After"]
    assert client.get("/library", headers=BEARER).status_code == 429


def test_right_tokens_are_not_counted(drawn_library: Engine) -> None:
    client = create_app(drawn_library, Settings(token=TOKEN, logins_per_minute=1)).test_client()

    for _ in range(5):
        assert client.get("/api/videos", headers=BEARER).status_code == 200
        assert client.post("/login", data={"token": TOKEN}, headers=OWN).status_code == 303


def test_without_a_token_there_is_no_login(client: FlaskClient) -> None:
    assert client.get("/library").status_code == 200
    assert client.get("/login?next=/library").location == "/library"
    assert client.post("/login", data={"token": "any"}).location == "/"


def test_a_token_is_long_and_has_no_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    for token in ("short", "with spaces in between", "mit-umläuten-und-so"):
        monkeypatch.setenv("SCENEQL_TOKEN", token)
        with pytest.raises(ValueError, match="token"):
            Settings()


def test_the_settings_do_not_print_the_token() -> None:
    assert TOKEN not in repr(Settings(token=TOKEN))
