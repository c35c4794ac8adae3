"""What keeps the page from being used by other sites, and other sites' content off the page."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from app.config import Settings
from app.questions import MAX_IMAGE_BYTES

# A picture and what the form says beside it.
MAX_REQUEST_BYTES = MAX_IMAGE_BYTES + 64 * 1024

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            "media-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with it browsers send "Origin: null" with the page's own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def protect(flask: Flask, settings: Settings) -> None:
    """Refuse foreign hosts, foreign forms and huge uploads; add the protecting headers."""
    flask.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    allowed = (name.strip().lower() for name in settings.allowed_hosts.split(","))
    names = {"localhost", settings.host.lower(), *filter(None, allowed)}

    @flask.before_request
    def refuse_foreign_requests() -> None:
        host = urlsplit(f"//{request.host}").hostname or ""
        if host not in names and not _is_address(host):
            abort(
                400,
                f"This page does not answer as {host}: open http://localhost:{settings.port}, "
                f"or start it with SCENEQL_ALLOWED_HOSTS={host}.",
            )
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
            abort(403, "Another site may not ask questions here.")

    @flask.after_request
    def add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def _is_address(host: str) -> bool:
    """Whether the host is an IP address. DNS rebinding needs a name, so addresses are safe."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
