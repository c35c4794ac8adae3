"""The web page and its JSON API: a thin Flask application over `app.search` and `app.catalog`."""

from flask import Flask
from sqlalchemy import Engine

from app.config import Settings, get_settings
from app.db import get_engine, limited
from app.web import (
    api,
    changes,
    conversion,
    docs,
    errors,
    health,
    library,
    login,
    media,
    pages,
    security,
    styles,
    uploading,
    watch,
    wording,
)
from app.web.question import Given
from app.web.ways import ways_to_ask

PARTS = (
    api,
    changes,
    docs,
    health,
    library,
    login,
    media,
    pages,
    styles,
    uploading,
    watch,
)


def create_app(engine: Engine | None = None, settings: Settings | None = None) -> Flask:
    """The page as a WSGI application over one library.

    Without an engine it opens the database that the settings name, and stops statements that take
    longer than they say; raises DatabaseUnavailableError where that cannot be done.
    """
    flask = Flask(__name__)
    engine = engine or limited(get_engine(settings), (settings or get_settings()).query_timeout_s)
    settings = settings or get_settings()
    flask.extensions["sceneql"] = engine
    flask.extensions["sceneql_settings"] = settings
    flask.extensions[conversion.EXTENSION] = conversion.Conversions(settings.conversions)
    flask.jinja_env.trim_blocks = flask.jinja_env.lstrip_blocks = True
    flask.jinja_env.filters.update(wording.FILTERS)
    flask.jinja_env.globals["empty_question"] = Given()
    flask.jinja_env.globals["ways_to_ask"] = ways_to_ask
    health.count_requests(flask, engine)
    security.protect(flask, settings)
    errors.register(flask)
    for part in PARTS:
        flask.register_blueprint(part.blueprint)
    return flask
