"""The contract of the JSON API: what validates a request or makes an answer also documents it."""

from http import HTTPStatus
from typing import Any, Self

from flask import Blueprint, Request, abort, current_app, request
from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError
from pydantic import model_validator as validates
from spectree import Response, SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData
from werkzeug.datastructures import FileStorage

from app.errors import BadRequestError

TITLE = "SceneQL"
API_VERSION = "1"

# What may go wrong with any request; the others are named where they may happen.
ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)

FORMATS = {
    "binary": "a file",
    "date": "a date",
    "date-time": "a time",
    "uuid": "a UUID",
}


class Problem(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="One line that says what is wrong and names the cure.")


class Answer(BaseModel):
    """What an answer has is in its description, and nothing else."""

    model_config = ConfigDict(extra="forbid")


class Input(BaseModel):
    """What a request may say; raises BadRequestError with one line if it says anything else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @validates(mode="wrap")
    @classmethod
    def _in_one_line(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(given, dict):
            raise BadRequestError("the body must be one JSON object")
        if unknown := sorted(map(str, set(given) - set(cls.model_fields))):
            known = ", ".join(cls.model_fields) or "none"
            raise BadRequestError(f"there is no parameter {unknown[0]!r:.80}; there are {known}")
        try:
            return handler(given)
        except ValidationError as error:
            raise BadRequestError(_first_problem(error, cls.model_json_schema())) from None


class Parameters(Input):
    """What stands in an address or a form, which may send fields that nobody filled in."""

    @validates(mode="before")
    @classmethod
    def _without_empty_ones(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if not _is_empty(value)}


def answers(model: type[Answer] | None, *problems: HTTPStatus) -> Response:
    """What a route answers: the model, or nothing at all, or one of the problems."""
    good: dict[str, Any] = {"HTTP_200": model} if model else {"HTTP_204": None}
    return Response(**good, **{f"HTTP_{code.value}": Problem for code in (*ALWAYS, *problems)})


def json_only(request: Request, *_: Any) -> None:
    """Refuse a body that is no JSON, for routes that take no other."""
    if not request.is_json:
        abort(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body with Content-Type: application/json"
        )
    _read_json(request)


def form_only(request: Request, *_: Any) -> None:
    """Refuse a body that is no form, for routes that take files."""
    if request.mimetype != "multipart/form-data":
        abort(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body as multipart/form-data")


def _read_json(request: Request, *_: Any) -> None:
    """Refuse a body that says it is JSON and is not, which would be taken for an empty one."""
    if request.is_json and request.get_json(silent=True) is None:
        raise BadRequestError("the body must be one JSON object, in UTF-8")


def _is_empty(value: Any) -> bool:
    # A browser sends an empty file without a name where none was chosen.
    return value in ("", [""]) or (isinstance(value, FileStorage) and not value.filename)


def _first_problem(error: ValidationError, schema: dict[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return str(first["msg"])
    name = str(first["loc"][0])
    wanted = kind(schema["properties"][name])
    if first["type"] == "missing":
        return f"{name} is missing; it is {wanted}"
    if first["type"] == "string_too_long":
        given, most = len(first["input"]), first["ctx"]["max_length"]
        return f"{name} has {given:,} characters; at most {most:,} are read"
    return f"{name} must be {wanted}"


def kind(of: dict[str, Any]) -> str:
    """What a value is, in words, from its JSON schema."""
    if "$ref" in of:
        return str(of["$ref"]).rpartition("/")[2]
    if kinds := of.get("anyOf"):
        return " or ".join(dict.fromkeys(kind(one) for one in kinds))
    if values := of.get("enum"):
        return f"one of {', '.join(map(str, values))}"
    match of.get("type"):
        case "integer":
            return f"a whole number{_limits(of)}"
        case "number":
            return f"a number{_limits(of)}"
        case "boolean":
            return "true or false"
        case "array":
            return f"a list of: {kind(of['items'])}"
        case "object":
            values = of.get("additionalProperties")
            return f"an object of: {kind(values)}" if isinstance(values, dict) else "an object"
        case "null":
            return "null"
        case "string":
            longest = of.get("maxLength")
            text = FORMATS.get(of.get("format", ""), "a text")
            return f"{text} of at most {longest:,} characters" if longest else text
    return "any value"


def _limits(of: dict[str, Any]) -> str:
    lowest, highest = of.get("minimum"), of.get("maximum")
    if lowest is not None and highest is not None:
        return f" from {lowest} to {highest}"
    if "exclusiveMinimum" in of:
        return f" above {of['exclusiveMinimum']}"
    return f" of at least {lowest}" if lowest is not None else ""


BEARER = SecuritySchemeData(type=SecureType.HTTP, scheme="bearer")
contract = SpecTree(
    "flask",
    title=TITLE,
    version=API_VERSION,
    before=_read_json,
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _, child: child,
    validation_error_status=HTTPStatus.BAD_REQUEST.value,
    validation_error_model=Problem,
    # Where no token is set, none is asked for.
    security_schemes=[SecurityScheme(name="token", data=BEARER)],
    security=[{}, {"token": []}],
    # Only what is described; and no pages with scripts from elsewhere.
    mode="strict",
    page_templates={},
)
blueprint = Blueprint("api", __name__)


@blueprint.before_request
def refuse_parameters() -> None:
    """Refuse parameters in an address that takes none; where it takes some, their model does."""
    view = current_app.view_functions[str(request.endpoint)]
    if "query" not in view.__annotations__:
        Parameters.model_validate(request.args.to_dict(flat=False))
