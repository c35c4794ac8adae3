"""The pages of the search: moments that answer a question, how the system stands."""

from http import HTTPStatus
from uuid import UUID

from flask import (
    Blueprint,
    abort,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from app import care, catalog
from app.asking import MAX_LIMIT, FrameKey
from app.errors import BadRequestError, EmptyIndexError, SceneqlError
from app.frames import scene_frames
from app.paging import page
from app.questions import keep_picture, kept_picture
from app.web import rates
from app.web.answering import SHOWN, Shown, shown
from app.web.errors import beside, headers_of, status_of
from app.web.fetching import fetch_picture
from app.web.media import VIDEO_ID, thumbnail_url, type_of_picture
from app.web.question import SINGLE, Given, library, limit_of, picture_of, read_given, whole_number

COVERS_SHOWN = 12
FAILURES_SHOWN = 50

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def moments() -> ResponseReturnValue:
    """The moments that answer the question in the address; without one, a way to begin.

    Filters that were typed among the words move to their own place in the address.
    """
    try:
        given = read_given()
        limit = limit_of(SHOWN)
    except BadRequestError as error:
        body = render_template("moments.html", given=_as_typed(), question_problem=error)
        return body, status_of(error)
    if not given.is_canonical(request.args):
        return redirect(url_for(".moments", **given.params))
    if not given.is_empty:
        return _answered(given, limit)
    if given.where or given.filter:
        return redirect(url_for("library.videos", **given.params))
    return render_template(
        "begin.html",
        status=catalog.overview(library()),
        covers=catalog.list_videos(library(), limit=COVERS_SHOWN),
    )


@blueprint.post("/")
def ask() -> ResponseReturnValue:
    """The form with a picture: it is kept, and what is asked becomes a link all the same."""
    given = _as_typed()
    try:
        given = read_given()
        picture = picture_of(request.files.get("picture"))
        if picture is None and (address := request.form.get("address", "").strip()):
            rates.count(rates.FETCHES)
            picture = fetch_picture(address)
        params = given.params
        if picture is not None:
            params = given.but(image=keep_picture(library(), picture), like="")
    except SceneqlError as error:
        body = render_template("moments.html", given=given, **beside(error))
        return body, status_of(error), headers_of(error)
    return redirect(url_for(".moments", **params), HTTPStatus.SEE_OTHER)


@blueprint.get("/answers/<uuid:token>")
def more(token: UUID) -> ResponseReturnValue:
    """Further hits of a kept answer as list items, for endless scrolling."""
    offset = whole_number("offset", 0, lowest=0, highest=MAX_LIMIT)
    given = read_given()
    found = page(
        library(), token, offset=offset, limit=SHOWN, whole_videos=given.is_grouped_by_video
    )
    return render_template("more.html", given=given, shown=Shown.of_page(found, token))


@blueprint.get(f"/scenes/{VIDEO_ID}/<int(max={2**31 - 1}):scene_no>/frames")
def frames_of_scene(video_id: int, scene_no: int) -> ResponseReturnValue:
    """Where the pictures of a scene's frames are, in order, as JSON; none without such a scene."""
    frames = scene_frames(library(), video_id, scene_no)
    urls = (thumbnail_url(one.video_id, one.frame_no, one.indexed_at) for one in frames)
    return jsonify([{"t_s": one.t_s, "url": url} for one, url in zip(frames, urls, strict=True)])


@blueprint.get("/asked/<key>")
def asked_picture(key: str) -> ResponseReturnValue:
    """A picture that was asked with, to whoever knows its key."""
    picture = kept_picture(library(), key)
    if picture is None:
        abort(HTTPStatus.NOT_FOUND, "This picture is no longer kept.")
    response = make_response(picture)
    response.mimetype = type_of_picture(picture)
    response.cache_control.private = True
    response.cache_control.max_age = 3600
    return response


@blueprint.get("/asked/frame/<frame>")
def asked_frame(frame: str) -> ResponseReturnValue:
    """The picture of a frame that was asked with, named as in the address of the question."""
    key = FrameKey.parse(frame)
    return redirect(url_for("media.thumbnail", video_id=key.video_id, frame_no=key.frame_no))


@blueprint.get("/status")
def status() -> ResponseReturnValue:
    """How sources, queue and workers stand, and what failed; a script reads it anew by itself."""
    return render_template("status.html", status=care.status(library(), failures=FAILURES_SHOWN))


def _answered(given: Given, limit: int) -> ResponseReturnValue:
    """The page of hits, or the same page with the problem beside the field that caused it."""
    rates.count(rates.QUESTIONS)
    try:
        answer = shown(library(), given, limit)
    except EmptyIndexError as error:
        return render_template("moments.html", given=given, empty=True), status_of(error)
    except SceneqlError as error:
        body = render_template("moments.html", given=given, **beside(error))
        return body, status_of(error), headers_of(error)
    return render_template("moments.html", given=given, shown=answer)


def _as_typed() -> Given:
    """What was typed, where it cannot be read, so that people can mend it."""
    values = request.values
    typed = {name: values.get(name, "") for name in ("q", *SINGLE)}
    return Given(**typed, filter=tuple(values.getlist("filter")))
