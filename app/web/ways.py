"""The ways to ask beside the page what the page was asked: in psql, over the JSON API, by curl."""

import json
from dataclasses import dataclass

from flask import current_app, url_for

from app.statement import sql_of
from app.web.answering import SHOWN, to_rank
from app.web.curl import curl
from app.web.inputs import SearchQuery
from app.web.question import Given


@dataclass(frozen=True)
class Ways:
    """Texts that are ready to be pasted."""

    sql: str
    json: str
    curl: str


def ways_to_ask(given: Given) -> Ways:
    """How to ask the same elsewhere; raises BadRequestError for what cannot be asked at all."""
    body = SearchQuery(**given.params, limit=SHOWN).model_dump(exclude_defaults=True)
    address = url_for("api.ask", _external=True)
    as_json = json.dumps(body, ensure_ascii=False, indent=2)
    has_login = bool(current_app.jinja_env.globals.get("has_login"))
    return Ways(
        sql=sql_of(to_rank(given)),
        json=f"POST {address}\nContent-Type: application/json\n\n{as_json}",
        curl=curl(address, method="POST", body=body, with_token=has_login),
    )
