"""The library: all videos, found by name, sorted and by state, and what is going on with them."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app import library as videos_listed
from app.activity import activity as current_activity
from app.errors import BadRequestError
from app.library import SORTS, STATES, Wanted
from app.typed_filters import video_condition
from app.web.errors import beside, status_of
from app.web.question import Given, library, one_of, read_given, whole_number
from app.web.wording import count

VIDEOS_PER_PAGE = 48
UNREAD_SHOWN = 50
COLLECTIONS_SHOWN = 200
SORT_NAMES = {
    "title": "Title",
    "date": "Date",
    "length": "Length",
    "indexed": "Indexed",
    "state": "State",
}
LIST_PARAMS = {field.name for field in fields(Given)} | {"name", "state", "by", "order", "page"}
# Whichever way is asked for more often comes without saying so.
DOWN_AT_FIRST = ("date", "indexed")

blueprint = Blueprint("library", __name__)


@dataclass(frozen=True)
class View:
    """What the address asks of the list; the question is kept for the way back to the moments."""

    given: Given
    name: str
    state: str
    by: str
    order: str
    page: int

    @property
    def params(self) -> dict[str, Any]:
        """What makes a link to this view; what goes without saying is left out."""
        asked = {
            **self.given.params,
            "name": self.name,
            "state": self.state,
            "by": self.by if self.by != "title" else "",
            "order": self.order if self.order != _first_order(self.by) else "",
            "page": self.page if self.page > 1 else "",
        }
        return {name: value for name, value in asked.items() if value}

    @property
    def query(self) -> str:
        """The same as a text, which forms send along to come back to."""
        return urlencode(self.params, doseq=True)

    def but(self, **changes: Any) -> str:
        """The address of this view with some things changed, from its first page on."""
        kept = {name: value for name, value in self.params.items() if name != "page"}
        wanted = {name: value for name, value in (kept | changes).items() if value}
        return url_for("library.videos", **wanted)


@blueprint.get("/library")
def videos() -> ResponseReturnValue:
    """The videos, page by page; the failed ones say why they failed."""
    view = read_view()
    try:
        condition = video_condition(view.given.where, view.given.filter)
    except BadRequestError as error:
        body = render_template("library.html", **_frame(view), **beside(error))
        return body, status_of(error)
    wanted = Wanted(condition, view.name, view.state or None, view.by, view.order == "desc")
    listed = videos_listed.list_page(library(), wanted, page=view.page, size=VIDEOS_PER_PAGE)
    unread = (
        videos_listed.list_unread(library(), limit=UNREAD_SHOWN) if view.state == "failed" else ()
    )
    return render_template(
        "library.html", **_frame(view), listed=listed, unread=unread, notice=read_notice()
    )


@blueprint.get("/library/activity")
def activity() -> ResponseReturnValue:
    """What is going on, as a part of the page that a script reads anew."""
    view = read_view()
    now = current_activity(library(), _since())
    return render_template("library_activity.html", view=view, activity=now)


def read_view() -> View:
    """What the address asks; raises BadRequestError for what cannot be."""
    asked = request.args
    by = one_of("by", asked.get("by", ""), SORTS)
    order = one_of("order", asked.get("order", ""), ("", "asc", "desc"))
    return View(
        given=read_given(),
        name=asked.get("name", "").strip(),
        state=one_of("state", asked.get("state", ""), ("", *STATES)),
        by=by,
        order=order or _first_order(by),
        page=whole_number("page", 1, lowest=1, highest=1_000_000),
    )


def back_to_list(notice: str, number: int = 0) -> Response:
    """Leads from a form back to the list that it was sent from, and says what became of it."""
    return redirect(list_address(request.form.get("back", ""), said=notice, n=number or None), 303)


def list_address(query: str, **more: Any) -> str:
    """The address of the list for what a form has sent along to come back to."""
    try:
        kept = parse_qs(query, max_num_fields=100)
    except ValueError:
        kept = {}
    # No other names: some, such as _scheme, would lead to another place than the list.
    known = {name: value for name, value in kept.items() if name in LIST_PARAMS}
    return url_for("library.videos", **{**known, **more})


def read_notice() -> str:
    """What became of the form that led to this address, in words; "" if none did."""
    number = whole_number("n", 0, lowest=0, highest=10**9)
    match request.args.get("said"):
        case "saved":
            return "Saved."
        case "same":
            return "Nothing was changed."
        case "changed":
            return f"{count(number, 'video')} changed."
        case "removed":
            return f"{count(number, 'video')} taken out of the index."
        case "queued":
            return f"{count(number, 'file')} queued to be indexed."
        case "scan":
            return "The scan is queued."
        case "uploaded":
            return f"{count(number, 'file')} uploaded and queued to be indexed."
        case "none":
            return "No video was selected."
        case "no-value":
            return "Write what to set into the field first."
        case "both":
            return "Both fields are filled: press the button beside the one that is meant."
        case _:
            return ""


def _frame(view: View) -> dict[str, Any]:
    """What the page shows around the list."""
    settings = current_app.extensions["sceneql_settings"]
    return {
        "given": view.given,
        "view_of": view,
        "states": STATES,
        "sorts": SORT_NAMES,
        "down_at_first": DOWN_AT_FIRST,
        "activity": current_activity(library()),
        "collections": videos_listed.list_collections(library(), limit=COLLECTIONS_SHOWN),
        "uploads": settings.uploads is not None,
        "upload_max_mb": settings.upload_max_mb,
    }


def _first_order(by: str) -> str:
    return "desc" if by in DOWN_AT_FIRST else "asc"


def _since() -> datetime | None:
    given = request.args.get("since", "")
    if not given:
        return None
    try:
        return datetime.fromisoformat(given).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequestError("since is a time such as 2026-01-31T18:00:00Z") from None
