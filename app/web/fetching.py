"""Pictures by address: fetched from the public internet, and from nowhere else.

Whoever may ask the page to fetch could otherwise have it read what only this machine can reach:
other services on it, routers, the metadata of a cloud. So a name is resolved once, every address
behind it must be public, and the connection goes to that very address, whatever the name means a
moment later. Each redirect is looked at in the same way.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from threading import BoundedSemaphore, Timer
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from app.errors import BadRequestError
from app.questions import MAX_IMAGE_BYTES
from app.web.public_hosts import IPAddress, is_public, resolve

PORTS = {"http": 80, "https": 443}
MAX_ADDRESS_LENGTH = 2000
MAX_REDIRECTS = 4
REDIRECTS = (301, 302, 303, 307, 308)
AT_A_TIME = 3
BLOCK_BYTES = 64 * 1024
HEADERS = {
    "Accept": "image/*",
    # A body that unpacks could be of any size.
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "SceneQL",
}
# Characters that stand for themselves in a path or a query; % because most come encoded already.
PLAIN = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True)
class Fetcher:
    """How pictures are fetched; only tests, which have no public host, change the defaults.

    `deadline_s` is for everything together: redirects, TLS and reading. What it does not bound is
    the system's resolver, which gives up by its own settings. There are places for few pictures
    at a time, so that slow hosts cannot take all threads of the page.
    """

    resolve: Callable[[str, int], Sequence[IPAddress]] = resolve
    is_allowed: Callable[[IPAddress], bool] = is_public
    ports: frozenset[int] | None = frozenset(PORTS.values())
    max_bytes: int = MAX_IMAGE_BYTES
    deadline_s: float = 15.0
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    places: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(AT_A_TIME))

    def fetch(self, address: str) -> bytes:
        """The picture at an address; raises BadRequestError in one line that says what is wrong."""
        target = _parsed(address.strip())
        if not self.places.acquire(blocking=False):
            raise BadRequestError("other pictures are being fetched; try again in a few seconds")
        until = time.monotonic() + self.deadline_s
        try:
            return self._fetch(target, until)
        except BadRequestError as error:
            # What an answer that was cut off looks like depends on where that was.
            if time.monotonic() < until:
                raise
            raise BadRequestError(
                f"the picture did not come within {self.deadline_s:g} s; save it, choose the file"
            ) from error
        finally:
            self.places.release()

    def _fetch(self, target: SplitResult, until: float) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            with self._answer(target, until) as response:
                if response.status not in REDIRECTS:
                    return self._picture(response)
                following = response.getheader("Location", "")
            redirected = _parsed(following, target)
            if target.scheme == "https" and redirected.scheme == "http":
                raise BadRequestError("the address leads from https to http; give another one")
            target = redirected
        raise BadRequestError(
            f"the address is redirected more than {MAX_REDIRECTS} times; give the last one"
        )

    @contextmanager
    def _answer(self, target: SplitResult, until: float) -> Iterator[HTTPResponse]:
        """The answer of a host that may be asked; what fails on the way is one line."""
        host = target.hostname or ""
        connection = HTTPConnection(host, PORTS[target.scheme])
        # It must never connect by itself, which would be to whatever the name means by then.
        connection.auto_open = 0
        try:
            connection.sock = self._connected(target, until)
            with _cut_off(connection.sock, until):
                if target.scheme == "https":
                    # Wrapped here and not before, so that a handshake cannot last for ever either.
                    connection.sock = self.tls.wrap_socket(connection.sock, server_hostname=host)
                connection.request("GET", _path(target), headers={**HEADERS, "Host": target.netloc})
                yield connection.getresponse()
        except (OSError, HTTPException) as error:
            if isinstance(error, ssl.SSLCertVerificationError):
                raise BadRequestError(f"the certificate of {host} is not valid") from error
            raise BadRequestError(
                f"{host} does not answer as a web server does; save the picture and choose the file"
            ) from error
        finally:
            connection.close()

    def _connected(self, target: SplitResult, until: float) -> socket.socket:
        """A connection to the first address of a host that takes one, if all are allowed."""
        host, port = target.hostname or "", target.port or PORTS[target.scheme]
        if self.ports is not None and port not in self.ports:
            raise BadRequestError("pictures are fetched from ports 80 and 443 only")
        try:
            addresses = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise BadRequestError(f"there is no host {host}; correct the address") from error
        if not addresses or not all(map(self.is_allowed, addresses)):
            raise BadRequestError(
                f"{host} is not on the public internet; save the picture and choose the file"
            )
        failure = OSError("no address was tried in time")
        for address in addresses:
            remaining_s = until - time.monotonic()
            if remaining_s <= 0:
                break
            try:
                return socket.create_connection((str(address), port), remaining_s)
            except OSError as error:
                failure = error
        raise failure

    def _picture(self, response: HTTPResponse) -> bytes:
        if response.status != HTTPStatus.OK:
            raise BadRequestError(f"the address answers with status {response.status}, no picture")
        kind = response.headers.get_content_maintype()
        if kind != "image" or response.getheader("Content-Encoding", "identity") != "identity":
            raise BadRequestError(
                "the address is not that of a picture; give that of the file itself"
            )
        too_large = BadRequestError(
            f"the picture is too large: at most {self.max_bytes / 2**20:g} MiB are fetched"
        )
        if (response.length or 0) > self.max_bytes:
            raise too_large
        blocks, size_bytes = [], 0
        while block := response.read(BLOCK_BYTES):
            blocks.append(block)
            size_bytes += len(block)
            if size_bytes > self.max_bytes:
                raise too_large
        if response.length:
            raise IncompleteRead(b"", response.length)
        return b"".join(blocks)


def _parsed(address: str, base: SplitResult | None = None) -> SplitResult:
    """The parts of an address, or of a link on `base`, that may be fetched."""
    broken = BadRequestError("this is no address of a picture; give one such as https://host/a.jpg")
    if len(address) > MAX_ADDRESS_LENGTH or not address.isprintable() or set(address) & set(" \\"):
        raise broken
    try:
        parts = urlsplit(urljoin(base.geturl(), address) if base else address)
        is_whole = bool(parts.hostname) and parts.port != 0
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        raise broken from None
    if parts.scheme not in PORTS or not is_whole:
        raise broken
    if "@" in parts.netloc:
        raise BadRequestError("the address holds a name or a password; give one without")
    netloc = f"[{host}]" if ":" in host else host
    return parts._replace(netloc=netloc if parts.port is None else f"{netloc}:{parts.port}")


def _path(target: SplitResult) -> str:
    path = quote(target.path or "/", safe=PLAIN)
    return f"{path}?{quote(target.query, safe=PLAIN)}" if target.query else path


@contextmanager
def _cut_off(connection: socket.socket, until: float) -> Iterator[None]:
    """Ends a connection when its time is up, even if the host sends a byte now and then.

    Raises TimeoutError where that went unnoticed.

    The time-out of a socket begins anew with each byte. A descriptor of its own outlives the
    wrapping of the socket in TLS.
    """
    line = connection.dup()

    def end() -> None:
        # Fails where the host was first.
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = Timer(max(0.0, until - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        line.close()
    if time.monotonic() >= until:
        raise TimeoutError


PUBLIC = Fetcher()


def fetch_picture(address: str) -> bytes:
    """The picture at a public address; raises BadRequestError, whose one line names the cure."""
    return PUBLIC.fetch(address)
