"""One stylesheet for nearly all pages, made of the parts that people write.

Nothing is painted before all stylesheets of a page are there, so a page asks for one. Its address
changes with what it says, and browsers keep it.
"""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

STATIC = Path(__file__).parent / "static"
# In this order: what comes later may refine what came before.
PARTS = (
    "style.css",
    "css/ask.css",
    "css/answer.css",
    "css/sql.css",
    "css/watch.css",
    "css/library.css",
)
YEAR_S = 365 * 24 * 3600

blueprint = Blueprint("styles", __name__)


@blueprint.get("/styles.css")
def sheet() -> ResponseReturnValue:
    """All parts in one; kept for good under the address that `sheet_url` gives."""
    text, version = _joined()
    response = Response(text, mimetype="text/css")
    response.set_etag(version)
    if request.args.get("v") == version:
        response.cache_control.max_age = YEAR_S
        response.cache_control.immutable = True
    else:
        response.cache_control.no_cache = True
    return response.make_conditional(request)


@blueprint.app_template_global()
def sheet_url() -> str:
    """The address of the stylesheet as it is now."""
    return url_for("styles.sheet", v=_joined()[1])


def _joined() -> tuple[str, str]:
    """The text and its version; read anew when a part has changed, as while somebody writes it."""
    return _read(tuple((STATIC / part).stat().st_mtime_ns for part in PARTS))


@lru_cache(maxsize=1)
def _read(_: tuple[int, ...]) -> tuple[str, str]:
    text = "\n".join((STATIC / part).read_text(encoding="utf-8") for part in PARTS)
    return text, sha256(text.encode()).hexdigest()[:16]
