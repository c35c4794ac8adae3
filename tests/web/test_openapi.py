"""The JSON API keeps to its own description, whatever it is asked."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from flask import Flask, url_for
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import create_engine, text

from app.config import Settings
from app.web import create_app
from tests.conftest import Databases
from tests.filling import answer, answer_everything, fill

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def described() -> dict[str, Any]:
    """The document, for which no database is asked."""
    engine = create_engine("postgresql+psycopg://")
    document = create_app(engine).test_client().get("/api/openapi.json").json
    assert document is not None
    return dict(document)


OPERATIONS = [
    (method.upper(), path) for path, methods in described()["paths"].items() for method in methods
]


@pytest.fixture(scope="module")
def app(databases: Databases) -> Iterator[Flask]:
    """The application over a library that the tests may change; every question has an answer."""
    engine = databases.create()
    filled = fill(engine, videos=20, frames=10)
    answer(engine, "a red circle", filled.vectors[3, 7])
    answer_everything(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO subtitles (video_id, line_no, scene_no, start_s, end_s, said) "
                "SELECT id, 0, 0, 1, 2, 'a red circle' FROM videos"
            )
        )
    unlimited = 1_000_000
    yield create_app(engine, Settings(questions_per_minute=unlimited, uploads_per_minute=unlimited))
    databases.drop(engine)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_breaks_the_contract(app: Flask, method: str, path: str) -> None:
    ask_at_random(app, method, path, examples=8)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_of_many_breaks_the_contract(app: Flask, method: str, path: str) -> None:
    ask_at_random(app, method, path, examples=1000)


def ask_at_random(app: Flask, method: str, path: str, examples: int) -> None:
    """Sends requests that keep to the document, and as many that do not."""
    operation = schemathesis.openapi.from_wsgi("/api/openapi.json", app)[path][method]
    kept = app.test_client().get("/api/search?q=a+red+circle&keep=1").json
    assert kept is not None
    # Others, which are drawn, name nothing that is there; a video that is gone can only go once.
    there = {"video_id": 1, "token": kept["token"]} if method != "DELETE" else {}
    there = {name: value for name, value in there.items() if f"{{{name}}}" in path}
    positive, negative = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
    for requests in (
        operation.as_strategy(positive),
        operation.as_strategy(positive, path_parameters=there),
        operation.as_strategy(negative),
    ):

        @given(case=requests)
        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        def keeps_to_it(case: Case[Any]) -> None:
            case.call_and_validate(checks=CHECKS)

        # Where nothing may be given, nothing wrong can be.
        with suppress(Unsatisfiable):
            keeps_to_it()


def test_every_address_of_the_api_is_described(client: FlaskClient) -> None:
    described_paths = {path for _, path in OPERATIONS}
    own = {"/api/docs", "/api/openapi.json"}

    served = {
        str(rule)
        for rule in client.application.url_map.iter_rules()
        if str(rule).startswith("/api/")
    }

    assert len(served - own) == len(described_paths)


def test_no_address_takes_a_parameter_that_nobody_knows(own_client: FlaskClient) -> None:
    names: dict[str, Any] = {"video_id": 1, "token": UUID(int=0)}
    rules = own_client.application.url_map.iter_rules()
    ours = [rule for rule in rules if rule.endpoint.startswith("api.")]

    for rule in ours:
        with own_client.application.test_request_context():
            given = {name: names[name] for name in rule.arguments}
            address = url_for(rule.endpoint, **given, colour="red")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            reply = own_client.open(address, method=method)
            assert reply.status_code == 400, (method, address)
            assert "there is no parameter 'colour'" in reply.text, (method, address)
    assert len(ours) > 10


def test_the_page_of_the_api_shows_every_address(client: FlaskClient) -> None:
    page = client.get("/api/docs")

    assert page.status_code == 200
    for method, path in OPERATIONS:
        assert f"<code>{path}</code>" in page.text
        assert method in page.text


def test_the_page_of_the_api_shows_what_may_be_given(client: FlaskClient) -> None:
    page = client.get("/api/docs").text

    search = page.partition('id="search"')[2].partition("</section>")[0]
    assert "a whole number from 1 to 1000" in search
    assert "<code>20</code>" in search
    assert "curl --get http://localhost/api/search" in search


def test_links_within_the_page_of_the_api_lead_somewhere(client: FlaskClient) -> None:
    page = client.get("/api/docs").text

    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
