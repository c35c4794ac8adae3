"""Uploads: each file as the body of a request of its own, or some of them by a plain form."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, cast

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from app.asked_for import index_files
from app.config import Settings
from app.errors import BadRequestError
from app.uploads import TooLargeError, receive
from app.web import rates
from app.web.library import back_to_list
from app.web.question import library

MEGABYTE = 10**6
# What a form has beside its files.
FORM_BYTES = 64 * 1024

blueprint = Blueprint("uploads", __name__, url_prefix="/library/uploads")


@blueprint.put("/", defaults={"name": ""})
@blueprint.put("/<name>")
def put(name: str) -> ResponseReturnValue:
    """Keeps the body of the request as a file of that name, and queues it to be indexed."""
    folder, most_bytes = _folder()
    # A form's are counted wherever it is sent to.
    rates.count(rates.UPLOADS)
    length = request.content_length
    # What is announced to be too large is refused below, in words that fit.
    request.max_content_length = max(most_bytes, length or 0)
    body = cast(BinaryIO, request.stream)
    try:
        path = receive(folder, name, body, size_bytes=length, most_bytes=most_bytes)
    except BadRequestError as error:
        return _refused(error)
    _queue([path])
    return jsonify(name=path.name), HTTPStatus.CREATED


@blueprint.post("/")
def post() -> ResponseReturnValue:
    """The same for the files of a form."""
    folder, most_bytes = _folder()
    request.max_content_length = most_bytes + FORM_BYTES
    if (request.content_length or 0) > most_bytes + FORM_BYTES:
        message = (
            f"All files of a form together may have {most_bytes // MEGABYTE:,} MB: "
            "upload them one by one."
        )
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return render_template("error.html", message=message, status=status), status
    kept: list[Path] = []
    for file in request.files.getlist("file"):
        if not file.filename:
            continue
        try:
            body = cast(BinaryIO, file.stream)
            path = receive(folder, file.filename, body, size_bytes=None, most_bytes=most_bytes)
        except BadRequestError as error:
            if kept:
                _queue(kept)
                names = ", ".join(path.name for path in kept)
                raise BadRequestError(f"{error}. {names} arrived.") from error
            raise
        kept.append(path)
    _queue(kept)
    return back_to_list("uploaded", len(kept))


def _folder() -> tuple[Path, int]:
    """Where uploads go, and how many bytes each may have; a 404 where there are none."""
    settings = cast(Settings, current_app.extensions["sceneql_settings"])
    if settings.uploads is None:
        abort(
            HTTPStatus.NOT_FOUND,
            "Uploads are off: set SCENEQL_UPLOADS to the folder that they are to go to.",
        )
    return settings.uploads, settings.upload_max_mb * MEGABYTE


def _queue(arrived: Sequence[Path]) -> None:
    """Has files indexed that have just arrived; where they cannot be queued they do not stay.

    Whoever is told of the failure sends them again, and would have them twice.
    """
    try:
        index_files(library(), map(str, arrived))
    except Exception:
        for path in arrived:
            path.unlink(missing_ok=True)
        raise


def _refused(error: BadRequestError) -> Response:
    response = jsonify(error=str(error))
    is_large = isinstance(error, TooLargeError)
    response.status_code = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_large else HTTPStatus.BAD_REQUEST
    )
    return response
