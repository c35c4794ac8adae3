"""What every answer says to browsers, and how much may be sent at once."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from app.config import Settings
from app.questions import MAX_IMAGE_BYTES
from app.web import create_app
from app.web.security import MAX_REQUEST_BYTES
from app.web.server import MAX_BODY_BYTES
from tests.web.serving import Answer, Server, served

ADDRESSES = (
    "/",
    "/library",
    "/status",
    "/login",
    "/?q=a+red+circle",
    "/api/status",
    "/static/style.css",
    "/nowhere",
)
MIB = 2**20
DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs/security.md"


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_runs_here_but_the_pages_own_scripts(client: FlaskClient, address: str) -> None:
    headers = client.get(address).headers

    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert set(" ".join(policy.values()).split()) == {"'none'", "'self'", "blob:"}
    assert [rule for rule, sources in policy.items() if "blob:" in sources] == ["img-src"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert re.fullmatch(r"([a-z-]+=\(\)(, )?)+", headers["Permissions-Policy"])
    assert {"camera=()", "microphone=()"} <= set(headers["Permissions-Policy"].split(", "))
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "address", ["/", "/?q=a+red+circle", "/library", "/api/videos", "/nowhere"]
)
def test_what_people_ask_is_kept_by_no_proxy_and_may_be_gone_back_to(
    client: FlaskClient, address: str
) -> None:
    control = client.get(address).cache_control

    assert control.private
    assert control.no_cache
    assert not control.no_store, "browsers would ask again whenever somebody goes back"


def test_styles_may_be_kept_by_all(client: FlaskClient) -> None:
    assert not client.get("/static/style.css").cache_control.private


@pytest.mark.parametrize("address", ["/", "/library", "/status", "/?q=a+red+circle"])
def test_the_pages_have_no_inline_script_or_style(client: FlaskClient, address: str) -> None:
    page = client.get(address).text

    assert "<style" not in page
    assert " style=" not in page
    assert page.count("<script") == page.count('<script type="module" src="/static/') == 1


def test_the_server_does_not_say_what_it_is(drawn_library: Engine) -> None:
    with served(create_app(drawn_library)) as server:
        answer = server.request("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert answer.headers["Server"] is None


def test_a_picture_that_is_too_large_is_refused(client: FlaskClient) -> None:
    for address in ("/", "/api/search"):
        form = {
            "image": (BytesIO(bytes(MAX_IMAGE_BYTES + MIB)), "picture.png"),
            "picture": (BytesIO(b""), ""),
        }

        reply = client.post(address, data=form)

        assert reply.status_code == 413, address
        assert "a picture may have 20 MiB" in reply.text


@pytest.fixture(scope="module")
def server(drawn_library: Engine) -> Iterator[Server]:
    with served(create_app(drawn_library)) as server:
        yield server


def send(server: Server, head: str, *body: bytes) -> Answer:
    return server.request(
        f"POST /api/search HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\n{head}\r\n\r\n",
        *body,
    )


def chunks(size_bytes: int) -> Iterator[bytes]:
    """A form with a picture of a size, as a body that does not say how long it is."""
    part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    yield b"%x\r\n%s\r\n" % (len(part), part)
    for _ in range(size_bytes // MIB):
        yield b"%x\r\n%s\r\n" % (MIB, bytes(MIB))
    yield b"7\r\n\r\n--b--\r\n0\r\n\r\n"


def test_a_body_that_does_not_say_how_long_it_is_is_refused_as_well(server: Server) -> None:
    answer = send(server, "Transfer-Encoding: chunked", *chunks(MAX_REQUEST_BYTES + MIB))

    assert answer.status == 413
    assert b"a picture may have 20 MiB" in answer.data


def test_a_body_without_end_is_not_read_to_its_end(server: Server) -> None:
    answer = send(server, "Transfer-Encoding: chunked", *chunks(2 * MAX_BODY_BYTES))

    assert answer.status == 413


def test_a_body_that_is_announced_to_be_huge_is_not_waited_for(server: Server) -> None:
    assert send(server, f"Content-Length: {10**12}").status == 413


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1",
        "Transfer-Encoding: gzip",
        "Content-Length: 0\r\nX: " + "y" * 300_000,
    ],
    ids=["both", "two lengths", "negative", "gzip", "huge head"],
)
def test_a_body_of_which_nobody_knows_where_it_ends_hides_no_second_request(
    server: Server, head: str
) -> None:
    smuggled = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    answer = send(server, head, smuggled)

    assert answer.status >= 400
    assert b"schema" not in answer.data


def test_a_form_of_many_parts_is_refused(client: FlaskClient) -> None:
    form = {f"field{number}": "x" for number in range(2000)}

    assert (
        client.post("/api/search", data=form, content_type="multipart/form-data").status_code == 413
    )


def test_the_settings_are_as_the_documentation_says() -> None:
    table = re.findall(r"^\| `SCENEQL_(\w+)` \| (\S+) \|", DOCUMENTATION.read_text(), re.MULTILINE)
    assert len(table) >= 9

    for name, default in table:
        actual = Settings.model_fields[name.lower()].get_default()
        said = {"none": (None, ""), "`0`": (False,)}.get(default, (default.strip("`"),))
        written = f"{actual:g}" if isinstance(actual, float) else str(actual)
        assert actual in said or written in said, name


def test_an_empty_picture_is_refused(client: FlaskClient) -> None:
    reply = client.post("/api/search", data={"image": (BytesIO(b""), "picture.png")})

    assert reply.status_code == 400
    assert reply.json is not None
    assert "empty" in reply.json["error"]
