"""Questions and their answers."""

from dataclasses import asdict
from http import HTTPStatus
from uuid import UUID

from flask import url_for

from app import paging
from app import search as searching
from app.asking import MAX_LIMIT
from app.questions import keep_picture
from app.search import Hit
from app.suggestions import suggest
from app.typed_filters import split_off
from app.web import inputs, rates, schemas
from app.web.contract import answers, blueprint, contract, form_only
from app.web.media import thumbnail_url
from app.web.question import SINGLE, Given, library, picture_of


@blueprint.get("/api/search")
@contract.validate(
    operation_id="search", resp=answers(schemas.SearchAnswer, HTTPStatus.CONFLICT), tags=["search"]
)
def search(query: inputs.SearchQuery) -> schemas.SearchAnswer:
    """The scenes that answer a question, best first."""
    return _answered(query, query.image)


@blueprint.post("/api/search")
@contract.validate(
    operation_id="ask",
    resp=answers(schemas.SearchAnswer, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    tags=["search"],
)
def ask(json: inputs.SearchQuery, form: inputs.SearchForm) -> schemas.SearchAnswer:
    """The same for a question in JSON, or in a form, which may have a picture's file."""
    return _answered(form, "", picture_of(form.image)) if form else _answered(json, json.image)


@blueprint.get("/api/pages/<uuid:token>")
@contract.validate(
    operation_id="page",
    resp=answers(schemas.HitsPage, HTTPStatus.NOT_FOUND),
    tags=["search"],
    path_parameter_descriptions={"token": "The token of an answer that was kept."},
)
def page(token: UUID, query: inputs.PageQuery) -> schemas.HitsPage:
    """Further hits of an answer that was asked for with `keep`."""
    found = paging.page(library(), token, offset=query.offset, limit=query.limit)
    return schemas.HitsPage(hits=[_hit(hit) for hit in found.hits], total=found.total)


@blueprint.get("/api/suggestions")
@contract.validate(operation_id="suggestions", resp=answers(schemas.Suggestions), tags=["search"])
def suggestions(query: inputs.SuggestionsQuery) -> schemas.Suggestions:
    """What may be meant by the word that is being typed: filters, and values that occur."""
    found = suggest(library(), query.prefix)
    return schemas.Suggestions(suggestions=[schemas.Suggestion(**asdict(one)) for one in found])


@blueprint.post("/api/pictures")
@contract.validate(
    operation_id="picture",
    resp=answers(
        schemas.Picture,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ),
    tags=["search"],
    before=form_only,
)
def picture(form: inputs.PictureForm) -> schemas.Picture:
    """Bring a picture to ask with; its key stands for it in further questions."""
    return schemas.Picture(key=keep_picture(library(), form.image.read()))


def _answered(
    query: inputs.Question, key: str, picture: bytes | None = None
) -> schemas.SearchAnswer:
    given = _given(query, key)
    rates.count(rates.QUESTIONS)
    answer = searching.search(
        library(), given.question(MAX_LIMIT if query.keep else query.limit, picture)
    )
    return schemas.SearchAnswer(
        hits=[_hit(hit) for hit in answer.hits[: query.limit]],
        token=paging.keep(library(), answer.hits) if query.keep else None,
        total=len(answer.hits) if query.keep else None,
        unknown_words=answer.unknown_words,
        model=answer.model,
        warnings=answer.warnings,
        seconds=answer.seconds,
        image_key=answer.image_key,
    )


def _given(query: inputs.Question, key: str) -> Given:
    """The same as it would stand in the address of the page, where filters may be typed."""
    words, typed = split_off(query.q)
    said = {name: getattr(query, name) for name in SINGLE} | {"image": key}
    return Given(
        q=words,
        filter=tuple(dict.fromkeys((*query.filter, *typed))),
        **{name: "" if value is None else str(value) for name, value in said.items()},
    )


def _hit(hit: Hit) -> schemas.Hit:
    # dataclasses.asdict() copies each value, which takes longer than all else here.
    return schemas.Hit(
        **vars(hit) | {"then": hit.then and vars(hit.then)},
        thumbnail_url=thumbnail_url(hit.video_id, hit.frame_no, hit.indexed_at),
        media_url=url_for("media.video", video_id=hit.video_id),
    )
