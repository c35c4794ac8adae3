"""The optional login: one token, which people enter once and programs send with each request.

Nothing is kept on the server. The cookie is signed with a key that is made from the token, so that
another token ends every login; it does not tell the token.
"""

import hashlib
import hmac
from http import HTTPStatus
from typing import cast
from urllib.parse import quote

from flask import (
    Blueprint,
    Flask,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, TimestampSigner

from app.config import Settings
from app.web import rates

COOKIE = "sceneql_login"
LOGIN_LASTS_S = 30 * 24 * 3600
EXTENSION = "sceneql token"
SIGNED = b"in"

# What everybody may see: whether the page runs, the form, and what the form looks like.
OPEN_ENDPOINTS = ("health.healthz", "login.form", "login.enter", "login.leave", "static")

blueprint = Blueprint("login", __name__)


def require_login(flask: Flask, settings: Settings) -> None:
    """Answer only those who know the token, where one is set."""
    flask.extensions[EXTENSION] = settings.token
    flask.jinja_env.globals["has_login"] = settings.token is not None

    @flask.before_request
    def refuse_strangers() -> ResponseReturnValue | None:
        if settings.token is None or request.endpoint in OPEN_ENDPOINTS:
            return None
        if _has_cookie(settings.token) or _has_bearer_token(settings.token):
            return None
        if request.method == "GET" and _wants_page():
            return redirect(url_for("login.form", next=_own_address()))
        answer = jsonify(error="log in at /login, or send the header Authorization: Bearer TOKEN")
        answer.status_code = HTTPStatus.UNAUTHORIZED
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer


@blueprint.get("/login")
def form() -> ResponseReturnValue:
    """The form that takes the token; `next` is where it leads."""
    following = _own(request.args.get("next", ""))
    token = _token()
    if token is None or _has_cookie(token):
        return redirect(following)
    return render_template("login.html", next=following)


@blueprint.post("/login")
def enter() -> ResponseReturnValue:
    """Logs in whoever knows the token, for 30 days."""
    following = _own(request.form.get("next", ""))
    token = _token()
    if token is None:
        return redirect(following, HTTPStatus.SEE_OTHER)
    if not _is_token(request.form.get("token", "").strip(), token):
        page = render_template(
            "login.html", next=following, problem="That is not the token. Try again."
        )
        return page, HTTPStatus.UNAUTHORIZED
    answer = redirect(following, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        _signer(token).sign(SIGNED).decode(),
        max_age=LOGIN_LASTS_S,
        httponly=True,
        secure=request.is_secure,
        # Not Strict, with which a link in a letter would end at the form.
        samesite="Lax",
    )
    return answer


@blueprint.post("/logout")
def leave() -> ResponseReturnValue:
    """Ends the login of this browser."""
    answer = redirect(url_for(".form"), HTTPStatus.SEE_OTHER)
    answer.delete_cookie(COOKIE)
    return answer


def _token() -> str | None:
    return cast(str | None, current_app.extensions[EXTENSION])


def _has_bearer_token(token: str) -> bool:
    given = request.authorization
    return (
        given is not None
        and given.type == "bearer"
        and given.token is not None
        and _is_token(given.token, token)
    )


def _is_token(given: str, token: str) -> bool:
    """Whether the token is right, in a time that does not tell how much of it is.

    Raises TooManyRequests after too many wrong ones, for the right one as well: else it could be
    told from them.
    """
    rates.refuse_beyond(rates.LOGINS)
    is_right = hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())
    if not is_right:
        rates.count(rates.LOGINS)
    return is_right


def _has_cookie(token: str) -> bool:
    try:
        signed = _signer(token).unsign(request.cookies.get(COOKIE, ""), max_age=LOGIN_LASTS_S)
    except BadSignature:
        return False
    return signed == SIGNED


def _signer(token: str) -> TimestampSigner:
    return TimestampSigner(
        token, salt="sceneql login", key_derivation="hmac", digest_method=hashlib.sha256
    )


def _wants_page() -> bool:
    """Whether a browser would show the answer; scripts of the page ask for anything."""
    return "text/html" in {kind for kind, _ in request.accept_mimetypes}


def _own_address() -> str:
    address = quote(request.path)
    query = request.query_string.decode("ascii", "replace")
    return f"{address}?{query}" if query else address


def _own(address: str) -> str:
    """The address if it is one of this page's own, else that of the start page.

    Browsers read a backslash as a slash and skip line breaks, and `//host` is another site.
    """
    is_own = (
        address.startswith("/")
        and not address.startswith("//")
        and "\\" not in address
        and address.isprintable()
    )
    return address if is_own else url_for("pages.moments")
