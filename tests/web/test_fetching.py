"""Pictures by address: attacks by hosts, names and redirects, on real connections."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from threading import Event, Thread

import pytest
import trustme

from app.errors import BadRequestError
from app.web.fetching import Fetcher, fetch_picture
from app.web.public_hosts import IPAddress, is_public

LOCALHOST = ip_address("127.0.0.1")
PUBLIC = ip_address("93.184.216.34")
PICTURE = b"the bytes of a picture"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 22\r\n\r\n" + PICTURE

Reply = bytes | Iterator[bytes]


@dataclass
class Host:
    """A web server that answers each connection with the next of what it was given to say."""

    replies: list[Reply]
    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    def url(self, path: str = "/a.png", scheme: str = "http") -> str:
        return f"{scheme}://pictures.example:{self.port}{path}"


@contextmanager
def host(*replies: Reply, tls: ssl.SSLContext | None = None) -> Iterator[Host]:
    """Runs a host on 127.0.0.1; without a reply left it closes connections."""
    said = Host(list(replies))
    stopped = Event()

    def answer(connection: socket.socket) -> None:
        with suppress(OSError):
            if tls:
                connection = tls.wrap_socket(connection, server_side=True)
            said.requests.append(connection.recv(65536))
            reply = said.replies.pop(0) if said.replies else b""
            for part in (reply,) if isinstance(reply, bytes) else reply:
                connection.sendall(part)
                if stopped.is_set():
                    break
        connection.close()

    def serve() -> None:
        while not stopped.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        said.port = listener.getsockname()[1]
        thread = Thread(target=serve)
        thread.start()
        try:
            yield said
        finally:
            stopped.set()
            thread.join()


def resolving(*answers: Sequence[IPAddress]) -> Callable[[str, int], Sequence[IPAddress]]:
    """A resolver that gives one answer after the other, and the last one for ever."""
    left = list(answers)
    return lambda _name, _port: left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def fetcher(authority: trustme.CA) -> Fetcher:
    """Reaches this machine by any name, at any port, and trusts the tests' authority."""
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    return Fetcher(
        resolve=resolving((LOCALHOST,)),
        is_allowed=lambda address: address == LOCALHOST,
        ports=None,
        max_bytes=1000,
        deadline_s=10,
        tls=tls,
    )


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """What a server needs to show a certificate for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def moved(address: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {address}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every address that a connection is opened to, of which none gets through."""
    addresses: list[object] = []

    def refuse(address: object, *_: object) -> socket.socket:
        addresses.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    return addresses


def test_a_picture_is_fetched_without_anything_of_ours(
    fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with host(OK) as server:
        assert fetcher.fetch(server.url("/a b.png?x=ä#part".replace(" ", "%20"))) == PICTURE

        (request,) = server.requests
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /a%20b.png?x=%C3%A4 HTTP/1.1"
    assert f"Host: pictures.example:{server.port}" in lines
    assert "Accept-Encoding: identity" in lines
    assert not [line for line in lines if line.startswith(("Cookie", "Authorization", "Referer"))]


def test_a_picture_is_fetched_by_https_under_the_hosts_own_name(
    fetcher: Fetcher, authority: trustme.CA
) -> None:
    names: list[str | None] = []
    tls = certified(authority, "pictures.example")
    tls.sni_callback = lambda _socket, name, _context: names.append(name)

    with host(OK, tls=tls) as server:
        assert fetcher.fetch(server.url(scheme="https")) == PICTURE

    assert names == ["pictures.example"]


def test_a_certificate_of_another_host_is_refused(fetcher: Fetcher, authority: trustme.CA) -> None:
    with (
        host(OK, tls=certified(authority, "other.example")) as server,
        pytest.raises(BadRequestError, match=r"certificate of pictures\.example is not valid"),
    ):
        fetcher.fetch(server.url(scheme="https"))


def test_a_certificate_that_nobody_vouches_for_is_refused(fetcher: Fetcher) -> None:
    with (
        host(OK, tls=certified(trustme.CA(), "pictures.example")) as server,
        pytest.raises(BadRequestError, match="is not valid"),
    ):
        fetcher.fetch(server.url(scheme="https"))


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "169.254.169.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
        "[fe80::1]",
        "[fd00::1]",
        "[fec0::1]",
        "[ff0e::1]",
        "①②⑦.⓪.⓪.①",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_notation_of_a_private_address_is_connected_to(
    asked_for: list[object], scheme: str, name: str
) -> None:
    with pytest.raises(BadRequestError) as raised:
        fetch_picture(f"{scheme}://{name}/latest/meta-data/")

    assert asked_for == []
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822", "::ffff:8.8.8.8"]
)
def test_the_addresses_of_public_hosts_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_a_name_with_a_private_address_beside_a_public_one_is_refused(
    asked_for: list[object],
) -> None:
    fetcher = Fetcher(resolve=resolving((PUBLIC, LOCALHOST)))

    with pytest.raises(BadRequestError, match="not on the public internet"):
        fetcher.fetch("http://mixed.example/a.png")

    assert asked_for == []


def test_a_name_that_is_rebound_is_still_the_address_that_was_checked(
    asked_for: list[object],
) -> None:
    fetcher = Fetcher(resolve=resolving((PUBLIC,), (LOCALHOST,)))

    with pytest.raises(BadRequestError, match="does not answer"):
        fetcher.fetch("http://rebound.example/a.png")

    assert asked_for == [(str(PUBLIC), 80)]


def test_a_rebound_name_is_checked_anew_after_a_redirect_to_itself(fetcher: Fetcher) -> None:
    rebound = replace(fetcher, resolve=resolving((LOCALHOST,), (ip_address("127.0.0.2"),)))

    with (
        host(moved("/again"), OK) as server,
        pytest.raises(BadRequestError, match="not on the public internet"),
    ):
        rebound.fetch(server.url())

    assert len(server.requests) == 1


def test_the_next_address_is_tried_where_one_does_not_answer(fetcher: Fetcher) -> None:
    nobody = ip_address("127.0.0.3")
    both = replace(fetcher, resolve=resolving((nobody, LOCALHOST)), is_allowed=lambda _: True)

    with host(OK) as server:
        assert both.fetch(server.url()) == PICTURE


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
        "http://2130706433:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_a_redirect_to_a_private_address_is_not_followed(fetcher: Fetcher, target: str) -> None:
    def resolve(name: str, _port: int) -> Sequence[IPAddress]:
        return (LOCALHOST,) if name == "pictures.example" else (ip_address("10.0.0.1"),)

    with host(OK) as inner:
        with (
            host(moved(target.format(port=inner.port))) as outer,
            pytest.raises(BadRequestError, match="not on the public internet"),
        ):
            replace(fetcher, resolve=resolve).fetch(outer.url())

        assert inner.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(fetcher: Fetcher, status: int) -> None:
    with host(moved("../b.png?x=1", status), OK) as server:
        assert fetcher.fetch(server.url("/one/two/a.png")) == PICTURE

        assert server.requests[1].startswith(b"GET /one/b.png?x=1 ")


def test_a_redirect_from_http_to_https_is_followed_but_not_back(
    fetcher: Fetcher, authority: trustme.CA
) -> None:
    tls = certified(authority, "pictures.example")
    with host(OK) as plain, host(OK, moved(plain.url()), tls=tls) as safe:
        with host(moved(safe.url(scheme="https"))) as first:
            assert fetcher.fetch(first.url()) == PICTURE
        with pytest.raises(BadRequestError, match="from https to http"):
            fetcher.fetch(safe.url(scheme="https"))

        assert plain.requests == []


def test_endless_redirects_are_given_up(fetcher: Fetcher) -> None:
    with (
        host(*[moved("/again")] * 20) as server,
        pytest.raises(BadRequestError, match="redirected more than 4 times"),
    ):
        fetcher.fetch(server.url())

    assert len(server.requests) == 5


@pytest.mark.parametrize(
    "location", ["", "file:///etc/passwd", "gopher://x/", "http://[broken", "http://u:p@x/", "\x00"]
)
def test_a_redirect_to_no_address_is_refused(fetcher: Fetcher, location: str) -> None:
    with host(moved(location)) as server, pytest.raises(BadRequestError) as raised:
        fetcher.fetch(server.url())

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a.png",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://pictures.example/a.png",
        "data:image/png;base64,AAAA",
        "http://",
        "http:///a.png",
        "http://user@pictures.example/a.png",
        "http://user:secret@pictures.example/a.png",
        "http://pictures.example:0/a.png",
        "http://pictures.example:99999/a.png",
        "http://pictures.example:port/a.png",
        "http://pictures.example\\@127.0.0.1/",
        "http://pictures.example/a\r\nHost: other.example",
        "http://pictures.example/a b.png",
        "http://[::1/a.png",
        "http://..example/a.png",
        f"http://{'a' * 70}.example/a.png",
        f"http://pictures.example/{'a' * 2000}",
    ],
)
def test_what_is_no_address_of_a_picture_is_refused_in_one_line(
    asked_for: list[object], address: str
) -> None:
    with pytest.raises(BadRequestError) as raised:
        Fetcher(resolve=resolving((PUBLIC,))).fetch(address)

    assert asked_for == []
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("port", [22, 5432, 6379, 8080])
def test_only_the_ports_of_the_web_are_connected_to(asked_for: list[object], port: int) -> None:
    with pytest.raises(BadRequestError, match="ports 80 and 443"):
        Fetcher(resolve=resolving((PUBLIC,))).fetch(f"http://pictures.example:{port}/a.png")

    assert asked_for == []


def test_a_host_that_does_not_exist_is_said_not_to() -> None:
    with pytest.raises(BadRequestError, match=r"there is no host nowhere\.invalid"):
        fetch_picture("https://nowhere.invalid/a.png")


@pytest.mark.parametrize("status", ["404 Not Found", "500 <script>", "204 No Content"])
def test_an_answer_without_a_picture_is_told_by_its_number(fetcher: Fetcher, status: str) -> None:
    reply = f"HTTP/1.1 {status}\r\nContent-Type: image/png\r\nContent-Length: 0\r\n\r\n"
    with (
        host(reply.encode()) as server,
        pytest.raises(BadRequestError, match=rf"status {status[:3]}, no picture$"),
    ):
        fetcher.fetch(server.url())


@pytest.mark.parametrize(
    "head",
    [
        "Content-Type: text/html",
        "Content-Type: application/json",
        "X: no type at all",
        "Content-Type: image/png\r\nContent-Encoding: gzip",
    ],
)
def test_what_is_no_picture_is_not_read(fetcher: Fetcher, head: str) -> None:
    reply = f"HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: 22\r\n\r\n".encode() + PICTURE
    with host(reply) as server, pytest.raises(BadRequestError, match="not that of a picture"):
        fetcher.fetch(server.url())


def endless(head: str, part: bytes, pause_s: float = 0) -> Iterator[bytes]:
    """An answer that goes on until the connection is closed."""
    yield head.encode()
    while True:
        yield part
        time.sleep(pause_s)


IMAGE_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"


@pytest.mark.parametrize(
    "reply",
    [
        (IMAGE_HEAD + "Content-Length: 1001\r\n\r\n").encode(),
        endless(IMAGE_HEAD + "\r\n", b"x" * 999),
        endless(IMAGE_HEAD + "Transfer-Encoding: chunked\r\n\r\n", b"10\r\n" + b"x" * 16 + b"\r\n"),
    ],
    ids=["announced", "until closed", "chunked"],
)
def test_a_picture_that_is_too_large_is_not_read_to_its_end(fetcher: Fetcher, reply: Reply) -> None:
    with host(reply) as server, pytest.raises(BadRequestError, match="too large"):
        fetcher.fetch(server.url())


@pytest.mark.parametrize(
    "reply",
    [
        endless("HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        endless(IMAGE_HEAD + "X: ", b"y" * 4096),
        endless(IMAGE_HEAD + "Transfer-Encoding: chunked\r\n\r\n", b"1" * 4096),
        b"SSH-2.0-OpenSSH\r\n",
        b"",
        (IMAGE_HEAD + "Content-Length: 22\r\n\r\nhalf").encode(),
        (IMAGE_HEAD + "Transfer-Encoding: chunked\r\n\r\nzz\r\nx").encode(),
    ],
    ids=["heads", "long head", "long chunk size", "no web server", "nothing", "cut", "bad chunk"],
)
def test_an_answer_that_is_none_is_one_line(fetcher: Fetcher, reply: Reply) -> None:
    with host(reply) as server, pytest.raises(BadRequestError, match="does not answer as a web"):
        fetcher.fetch(server.url())


@pytest.mark.parametrize(
    ("head", "part"),
    [
        ("HTTP/1.1 200 OK\r\nX: ", b"y"),
        ("HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (IMAGE_HEAD + "\r\n", b"x"),
        (IMAGE_HEAD + "Content-Length: 900\r\n\r\n", b"x"),
    ],
    ids=["in a head", "before the heads", "in the picture", "in a picture of a known size"],
)
@pytest.mark.parametrize(("scheme", "deadline_s"), [("http", 0.3), ("https", 1)])
def test_a_host_that_sends_a_byte_now_and_then_is_given_up_in_time(
    fetcher: Fetcher,
    authority: trustme.CA,
    head: str,
    part: bytes,
    scheme: str,
    deadline_s: float,
) -> None:
    """A handshake may take a slow machine some tenths of a second."""
    tls = certified(authority, "pictures.example") if scheme == "https" else None

    with (
        host(endless(head, part, pause_s=0.05), tls=tls) as server,
        pytest.raises(BadRequestError, match=rf"did not come within {deadline_s} s"),
    ):
        replace(fetcher, deadline_s=deadline_s).fetch(server.url(scheme=scheme))


def test_a_host_that_never_finishes_its_handshake_is_given_up_in_time(fetcher: Fetcher) -> None:
    with (
        host(endless("", b"\x16\x03\x03", 0.05)) as server,
        pytest.raises(BadRequestError, match=r"does not answer|within"),
    ):
        replace(fetcher, deadline_s=0.3).fetch(server.url(scheme="https"))


def test_redirects_share_one_deadline(fetcher: Fetcher) -> None:
    def slow() -> Iterator[bytes]:
        time.sleep(0.2)
        yield moved("/again")

    with (
        host(*[slow() for _ in range(4)], OK) as server,
        pytest.raises(BadRequestError, match="within"),
    ):
        replace(fetcher, deadline_s=0.4).fetch(server.url())


def test_slow_hosts_cannot_take_every_thread(fetcher: Fetcher) -> None:
    asked = Event()

    def slow() -> Iterator[bytes]:
        asked.wait(60)
        yield OK

    with host(*[slow() for _ in range(3)]) as server:
        waiting = [Thread(target=fetcher.fetch, args=(server.url(),)) for _ in range(3)]
        for thread in waiting:
            thread.start()
        deadline = time.monotonic() + 60
        while len(server.requests) < 3:
            assert time.monotonic() < deadline, "not all were asked"
            time.sleep(0.01)

        with pytest.raises(BadRequestError, match="try again in a few seconds"):
            fetcher.fetch(server.url())

        asked.set()
        for thread in waiting:
            thread.join()
        server.replies.append(OK)
        assert fetcher.fetch(server.url()) == PICTURE
