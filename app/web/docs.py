"""The JSON API's own description: as an OpenAPI document, and as a page made from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from app.web.contract import contract, kind
from app.web.curl import curl

PICTURE = "picture.jpg"

blueprint = Blueprint("docs", __name__)


@dataclass(frozen=True)
class Field:
    """A part of a request or of an answer; `refers_to` names the schema that it is made of."""

    name: str
    kind: str
    refers_to: str | None
    is_required: bool
    default: Any
    description: str


@dataclass(frozen=True)
class Operation:
    """One method of one address; the answers are status, meaning and schema."""

    id: str
    tag: str
    method: str
    path: str
    summary: str
    description: str
    content_types: tuple[str, ...]
    fields: tuple[Field, ...]
    answers: tuple[tuple[str, str, str | None], ...]
    example: str


@blueprint.get("/api/openapi.json")
def openapi() -> ResponseReturnValue:
    """The API as an OpenAPI 3.1 document."""
    return jsonify(document())


@blueprint.get("/api/docs")
def docs() -> str:
    """The same as a page."""
    described = document()
    operations = list(_operations(described))
    answered = _within({name for one in operations for *_, name in one.answers if name}, described)
    return render_template(
        "api_docs.html",
        groups=[
            (tag["name"], [one for one in operations if one.tag == tag["name"]])
            for tag in described["tags"]
        ],
        schemas=[
            (name, schema.get("description", ""), _fields(schema))
            for name, schema in sorted(described["components"]["schemas"].items())
            if name in answered
        ],
    )


def document() -> dict[str, Any]:
    """The OpenAPI document of the application that answers."""
    described: dict[str, Any] = contract.spec
    for methods in described["paths"].values():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                # Ids are larger than the 32 bits that the library says of every whole number.
                if parameter["schema"].get("format") == "int32":
                    parameter["schema"]["format"] = "int64"
    return described


def _operations(described: dict[str, Any]) -> Iterator[Operation]:
    schemas = described["components"]["schemas"]
    for path, methods in sorted(described["paths"].items()):
        for method, operation in methods.items():
            contents = operation.get("requestBody", {}).get("content", {})
            parameters = tuple(
                _field(one["name"], one["schema"], one["required"])
                for one in operation["parameters"]
            )
            # Where there are two, the form has what the JSON has, and files.
            body = [_fields(schemas[kind(one["schema"])]) for one in contents.values()][-1:]
            yield Operation(
                id=operation["operationId"],
                tag=operation["tags"][0],
                method=method.upper(),
                path=path,
                summary=operation["summary"],
                description=operation["description"],
                content_types=tuple(contents),
                fields=(*parameters, *(body[0] if body else ())),
                answers=tuple(
                    (status, answer["description"], _schema_of(answer))
                    for status, answer in sorted(operation["responses"].items())
                ),
                example=_example(method.upper(), path, operation, schemas),
            )


def _fields(schema: dict[str, Any]) -> tuple[Field, ...]:
    required = schema.get("required", ())
    return tuple(
        _field(name, of, name in required) for name, of in schema.get("properties", {}).items()
    )


def _field(name: str, of: dict[str, Any], is_required: bool) -> Field:
    return Field(
        name, kind(of), _reference(of), is_required, of.get("default"), of.get("description", "")
    )


def _reference(of: dict[str, Any]) -> str | None:
    of = of.get("items", of)
    return kind(of) if "$ref" in of else None


def _schema_of(answer: dict[str, Any]) -> str | None:
    contents = list(answer.get("content", {}).values())
    return kind(contents[0]["schema"]) if contents else None


def _within(names: set[str], described: dict[str, Any]) -> set[str]:
    """The schemas of these names, and those that they are made of."""
    schemas = described["components"]["schemas"]
    found: set[str] = set()
    while names:
        found |= names
        parts = {field.refers_to for name in names for field in _fields(schemas[name])}
        names = {name for name in parts if name} - found
    return found


def _example(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A request with the examples that the parameters have."""
    address = request.host_url.rstrip("/") + path
    given: list[tuple[str, str]] = []
    for one in operation["parameters"]:
        if examples := one["schema"].get("examples"):
            given.append((one["name"], str(examples[0])))
        elif one["in"] == "path":
            placeholder = "f1d0a3c2-0000-4000-8000-000000000000"
            value = placeholder if one["schema"].get("format") == "uuid" else "1"
            address = address.replace(f"{{{one['name']}}}", value)
    contents = operation.get("requestBody", {}).get("content", {})
    if "application/json" in contents:
        body = schemas[kind(contents["application/json"]["schema"])]["properties"]
        examples = {name: of["examples"][0] for name, of in body.items() if "examples" in of}
        return curl(address, method=method, parameters=given, body=examples)
    files = [("image", PICTURE)] if contents else []
    return curl(address, method=method, parameters=given, files=files)
