"""The pages: moments that answer a question, the library's videos, how the system stands."""

from http import HTTPStatus
from math import ceil

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app import care, catalog
from app.errors import BadRequestError, EmptyIndexError, SceneqlError
from app.web.errors import status_of
from app.web.question import Question, library, read_question, whole_number

HITS_SHOWN = 24
MOST_HITS_SHOWN = 192
COVERS_SHOWN = 12
VIDEOS_PER_PAGE = 48
FAILURES_SHOWN = 50

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def moments() -> ResponseReturnValue:
    """The moments that answer the question in the address; without one, a way to begin."""
    question = read_question(HITS_SHOWN)
    if not question.is_empty:
        return _answered(question)
    if question.where:
        return redirect(url_for(".videos", where=question.where))
    return render_template(
        "begin.html",
        status=catalog.status(library()),
        covers=catalog.list_videos(library(), limit=COVERS_SHOWN),
    )


@blueprint.post("/")
def ask() -> ResponseReturnValue:
    """The form: a question in words becomes a link, a picture is answered right here."""
    question = read_question(HITS_SHOWN)
    if question.image is not None:
        return _answered(question)
    limit = question.limit if question.limit != HITS_SHOWN else None
    address = url_for(
        ".moments", q=question.text or None, where=question.where or None, limit=limit
    )
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.get("/library")
def videos() -> ResponseReturnValue:
    """Every video that the filter keeps, page by page; the failed ones say why they failed."""
    question = read_question(HITS_SHOWN)
    page = whole_number("page", 1, lowest=1, highest=1_000_000)
    try:
        total = catalog.count_videos(library(), where=question.where)
    except BadRequestError as error:
        body = render_template("library.html", question=question, where_problem=error)
        return body, status_of(error)
    pages = max(1, ceil(total / VIDEOS_PER_PAGE))
    page = min(page, pages)
    cards = catalog.list_videos(
        library(),
        where=question.where,
        limit=VIDEOS_PER_PAGE,
        offset=(page - 1) * VIDEOS_PER_PAGE,
    )
    return render_template(
        "library.html", question=question, cards=cards, total=total, page=page, pages=pages
    )


@blueprint.get("/status")
def status() -> ResponseReturnValue:
    """How sources, queue and workers stand, and what failed; a script reads it anew by itself."""
    return render_template("status.html", status=care.status(library(), failures=FAILURES_SHOWN))


def _answered(question: Question) -> ResponseReturnValue:
    """The page of hits, or the same page with the problem beside the field that caused it."""
    try:
        # Counted first: a broken filter shows as such, and an empty answer can say why it is.
        kept = catalog.count_videos(library(), where=question.where)
    except BadRequestError as error:
        body = render_template("moments.html", question=question, where_problem=error)
        return body, status_of(error)
    try:
        answer = question.answer()
    except EmptyIndexError as error:
        body = render_template("moments.html", question=question, empty=True)
        return body, status_of(error)
    except SceneqlError as error:
        place = "question_problem" if isinstance(error, BadRequestError) else "problem"
        body = render_template("moments.html", question=question, **{place: error})
        return body, status_of(error)
    has_more = len(answer.hits) == question.limit < MOST_HITS_SHOWN
    return render_template(
        "moments.html",
        question=question,
        answer=answer,
        kept=kept,
        more=min(2 * question.limit, MOST_HITS_SHOWN) if has_more else None,
    )
