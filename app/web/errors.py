"""Every error as one line that names the cure: JSON under /api, a page elsewhere."""

from http import HTTPStatus

import psycopg
from flask import Flask, Response, jsonify, make_response, render_template, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.errors import (
    BadRequestError,
    DatabaseUnavailableError,
    EmbedderAbsentError,
    EmbedderTimeoutError,
    EmptyIndexError,
    FilterError,
    ModelUnavailableError,
    NotFoundError,
    QueryTimeoutError,
    SceneqlError,
)
from app.failures import for_strangers, in_one_line
from app.questions import MAX_IMAGE_BYTES, MAX_TEXT_LENGTH

# The narrower kind before the wider one.
STATUS: dict[type[SceneqlError], HTTPStatus] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    BadRequestError: HTTPStatus.BAD_REQUEST,
    DatabaseUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    EmbedderAbsentError: HTTPStatus.SERVICE_UNAVAILABLE,
    EmbedderTimeoutError: HTTPStatus.SERVICE_UNAVAILABLE,
    EmptyIndexError: HTTPStatus.CONFLICT,
    ModelUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    QueryTimeoutError: HTTPStatus.SERVICE_UNAVAILABLE,
}

# In the meantime an embedder may have loaded its model.
RETRY_AFTER_S = 10


def status_of(error: SceneqlError) -> HTTPStatus:
    """The HTTP status that an error stands for."""
    return next(
        (status for kind, status in STATUS.items() if isinstance(error, kind)),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def headers_of(error: SceneqlError) -> dict[str, str]:
    """The HTTP headers that go with an error: when to ask again, where that may help."""
    is_passing = isinstance(error, EmbedderTimeoutError)
    return {"Retry-After": str(RETRY_AFTER_S)} if is_passing else {}


def beside(error: SceneqlError) -> dict[str, SceneqlError]:
    """Where a page shows a problem: at the field that is at fault, or in place of what was asked.

    The name is that of the variable which the templates show there.
    """
    if not isinstance(error, BadRequestError):
        return {"problem": error}
    return {"where_problem" if isinstance(error, FilterError) else "question_problem": error}


def register(flask: Flask) -> None:
    """Answer the errors that no route has answered itself."""

    @flask.errorhandler(SceneqlError)
    def sceneql_error(error: SceneqlError) -> Response:
        response = _response(str(error), status_of(error))
        response.headers.update(headers_of(error))
        return response

    # What is sent past SQLAlchemy comes as the driver's own error.
    @flask.errorhandler(OperationalError)
    @flask.errorhandler(psycopg.OperationalError)
    def database_error(error: OperationalError | psycopg.OperationalError) -> Response:
        original = error.orig if isinstance(error, OperationalError) else error
        if isinstance(original, psycopg.errors.QueryCanceled):
            return sceneql_error(QueryTimeoutError())
        flask.logger.error("%s", in_one_line(error))
        return _response(for_strangers(error), HTTPStatus.SERVICE_UNAVAILABLE)

    @flask.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        if isinstance(error, RequestEntityTooLarge):
            message = (
                f"That is too large: a picture may have {MAX_IMAGE_BYTES // 2**20} MiB, "
                f"a question {MAX_TEXT_LENGTH:,} characters."
            )
        else:
            message = error.description or status.phrase
        response = _response(message, status)
        # Allowed methods of a 405, the length of a 416's file, when to come again (429 and 503).
        for name in ("Allow", "Content-Range", "Retry-After"):
            if value := dict(error.get_headers(request.environ)).get(name):
                response.headers[name] = value
        return response


def _response(message: str, status: HTTPStatus) -> Response:
    if _wants_json():
        response = jsonify(error=message)
    else:
        response = make_response(render_template("error.html", message=message, status=status))
    response.status_code = status
    return response


def _wants_json() -> bool:
    if request.blueprint == "api" or request.path.startswith("/api/"):
        return True
    best = request.accept_mimetypes.best_match(("text/html", "application/json"))
    return best == "application/json"
