"""What machines ask: whether all is well, and the metrics."""

import logging
import time
from http import HTTPStatus

from flask import Blueprint, Flask, Response, current_app, g, jsonify, request
from flask.typing import ResponseReturnValue
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import Engine

from app import care
from app.logs import ACCESS
from app.metrics import Metrics
from app.web.question import library

EXTENSION = "sceneql metrics"

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """200 as long as the database answers and its schema is this program's, else 503.

    An absent embedder is told, but is no failure of this process: what was asked before is still
    answered, and starting the page again would not bring one back.
    """
    health = care.health(library())
    if health.reason is not None:
        body = jsonify(status="unavailable", reason=health.reason)
        return body, HTTPStatus.SERVICE_UNAVAILABLE
    return jsonify(status="ok", schema=health.schema, embedder_running=health.embedder_running)


@blueprint.get("/metrics")
def metrics() -> Response:
    """The metrics as Prometheus reads them; with a database that is down, sceneql_up is 0."""
    collected: Metrics = current_app.extensions[EXTENSION]
    return Response(collected.exposition(), content_type=CONTENT_TYPE_LATEST)


def count_requests(flask: Flask, engine: Engine) -> None:
    """Count every request, refused ones as well: to be called before what may refuse them."""
    counted = flask.extensions[EXTENSION] = Metrics(engine)

    @flask.before_request
    def note_start() -> None:
        g.began_s = time.perf_counter()

    @flask.after_request
    def observe(response: Response) -> Response:
        # The endpoint, not the path: what people make up must not become labels without end.
        seconds = time.perf_counter() - g.began_s
        counted.observe(request.endpoint or "unknown", response.status_code, seconds)
        _log(response, seconds)
        return response


def _log(response: Response, seconds: float) -> None:
    """The request as a line of the access log, without its query: questions are people's own."""
    status = response.status_code
    level = logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    if request.blueprint == blueprint.name and level == logging.INFO:
        level = logging.DEBUG
    facts = {
        "method": request.method,
        "path": request.path,
        "status": status,
        "seconds": round(seconds, 4),
        "client": request.remote_addr,
    }
    ACCESS.log(level, "%s %s %s", request.method, request.path, status, extra=facts)
