"""What keeps the page from being used by others, and others' content off the page."""

from flask import Flask, Response, request

from app.config import Settings
from app.questions import MAX_IMAGE_BYTES
from app.web import login, origin, rates

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
    # For browsers that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it browsers send "Origin: null" with the page's own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{feature}=()"
        for feature in (
            "accelerometer",
            "camera",
            "display-capture",
            "geolocation",
            "gyroscope",
            "magnetometer",
            "microphone",
            "midi",
            "payment",
            "publickey-credentials-get",
            "usb",
        )
    ),
    # Not no-store, with which going back would ask the question again.
    "Cache-Control": "no-cache",
}


def protect(flask: Flask, settings: Settings) -> None:
    """Refuse foreign requests, strangers and what is too much; add the protecting headers."""
    flask.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    rates.start(flask, settings)
    origin.refuse_foreign_requests(flask, settings)
    login.require_login(flask, settings)

    @flask.before_request
    def count_uploads() -> None:
        if request.mimetype == "multipart/form-data":
            rates.count(rates.UPLOADS)

    @flask.after_request
    def add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        # Answers are people's own, whatever a proxy would like to keep; styles and scripts are not.
        if request.endpoint != "static":
            response.cache_control.private = True
        return response
