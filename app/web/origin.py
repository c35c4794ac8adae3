"""Which names the page answers to, and which requests are its own.

A browser says of each request where it comes from, which is enough to tell the page's own forms and
scripts from those of other sites: nothing is kept in forms or in sessions.
"""

from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, abort, request

from app.config import Settings
from app.web.login import COOKIE

# They change nothing, so that other sites may link here.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def refuse_foreign_requests(flask: Flask, settings: Settings) -> None:
    """Refuse what comes under a foreign name, or from another site, before anything else does."""
    allowed = (name.strip().lower() for name in settings.allowed_hosts.split(","))
    names = {"localhost", settings.host.lower(), *filter(None, allowed)}

    @flask.before_request
    def refuse() -> None:
        host = _host(f"//{request.host}")
        if host not in names and not _is_address(host):
            abort(
                HTTPStatus.BAD_REQUEST,
                f"This page does not answer as {host}: open http://localhost:{settings.port}, "
                f"or start it with SCENEQL_ALLOWED_HOSTS={host}.",
            )
        if not (_may_read() if request.method in SAFE_METHODS else _may_write()):
            abort(HTTPStatus.FORBIDDEN, "Another site may not use this page.")


def _may_read() -> bool:
    """Whether this is anything but a part of another site's page: links to here may be followed."""
    if request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none"):
        return True
    return (
        request.headers.get("Sec-Fetch-Mode") == "navigate"
        and request.headers.get("Sec-Fetch-Dest") == "document"
    )


def _may_write() -> bool:
    """Whether the page itself or a program asks, not another site.

    Browsers send Sec-Fetch-Site to safe addresses (https, this machine), and Origin with every
    request that may change something. What sends neither is a program. Programs have the token, so
    a request with a browser's cookie must say where it comes from.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is not None:
        return _netloc(origin) == request.host
    return COOKIE not in request.cookies


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    """Whether the host is an IP address. DNS rebinding needs a name, so addresses are safe."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
