"""A stand-in for the model hub: serves files on localhost the way the real one does.

What a client relies on: HEAD and GET of /<repo>/resolve/<revision>/<file>, where a large file is
answered with its sha256 as the linked etag, the commit, and a redirect to another address for its
content; a missing file is a 404 with an error code.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_CHUNK_BYTES = 1 << 20


class Fault(Enum):
    """What goes wrong with every download for as long as it is set."""

    NONE = "nothing"
    CUT = "the connection breaks half way"
    SHORT = "the content ends early"
    WRONG = "the content is of another file of the same size"


@dataclass
class Hub:
    """A running hub. `files` maps "<repo>/<file>" to what is served; `requests` is its log."""

    files: dict[str, Path]
    url: str = ""
    fault: Fault = Fault.NONE
    requests: list[str] = field(default_factory=list)


@contextmanager
def serve_hub(files: dict[str, Path]) -> Iterator[Hub]:
    """A hub on a free port of localhost that offers the given files."""
    hub = Hub(files)
    for path in files.values():
        # Now, because clients do not wait for long.
        _sha256(path)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._resolve()

        def do_GET(self) -> None:
            if self.path.startswith("/content/"):
                self._send_content(self.path.removeprefix("/content/"))
            else:
                self._resolve()

        def _resolve(self) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            repo, _, rest = self.path.strip("/").partition("/resolve/")
            name = f"{repo}/{rest.partition('/')[2]}"
            path = hub.files.get(name)
            self.send_response(302 if path else 404)
            self.send_header("X-Repo-Commit", _COMMIT)
            self.send_header("Content-Length", "0")
            if path:
                # Another host, as the real hub's content has: its client follows others at once.
                self.send_header(
                    "Location", f"http://localhost:{server.server_port}/content/{name}"
                )
                self.send_header("X-Linked-Etag", f'"{_sha256(path)}"')
                self.send_header("X-Linked-Size", str(path.stat().st_size))
            else:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()

        def _send_content(self, name: str) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            if hub.fault is Fault.CUT and self.headers.get("Range"):
                # Whoever tries to take up the broken download finds nobody.
                self.close_connection = True
                return
            size = hub.files[name].stat().st_size
            sent = size // 2 if hub.fault in (Fault.CUT, Fault.SHORT) else size
            self.send_response(200)
            self.send_header("Content-Length", str(sent if hub.fault is Fault.SHORT else size))
            self.end_headers()
            with hub.files[name].open("rb") as file:
                while sent > 0:
                    chunk = file.read(min(sent, _CHUNK_BYTES))
                    sent -= len(chunk)
                    self.wfile.write(chunk[::-1] if hub.fault is Fault.WRONG else chunk)
            self.close_connection = hub.fault is Fault.CUT

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean; `Hub.requests` is the log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
