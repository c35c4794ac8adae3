"""The page of one video: every moment of it has an address."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import catalog, related, watching
from app.asking import Question
from app.errors import (
    BadRequestError,
    EmbedderAbsentError,
    EmbedderTimeoutError,
    EmptyIndexError,
)
from app.search import is_ready
from app.watching import Line, Neighbours, Point, Watched, WatchedScene
from app.web import rates
from app.web.media import MAX_CLIP_S, VIDEO_ID, seconds
from app.web.plot import plot
from app.web.question import Given, library, read_given, whole_number
from app.web.wording import position

SIMILAR_SHOWN = 12

LISTED = 500
"""Scenes and subtitles that are listed at a time: a long film has more than a page can take."""
AT_ONCE_S = 0.5
"""A video is shown without waiting longer for the vector of the question."""

NO_PLOT = (BadRequestError, EmbedderAbsentError, EmbedderTimeoutError, EmptyIndexError)

blueprint = Blueprint("watch", __name__)


@dataclass(frozen=True)
class Listed:
    """What is listed of a video around a moment; more is around `earlier_s` and `later_s`."""

    total: int
    shown: Sequence[WatchedScene] | Sequence[Line]
    earlier_s: float | None
    later_s: float | None


@blueprint.get(f"/watch/{VIDEO_ID}")
def video(video_id: int) -> ResponseReturnValue:
    """The video at second `t`, with what the question in the address says about it.

    `answer` and `n` are a kept answer and the place of this moment in it: they give the way to its
    neighbours. `convert=1` has the video converted though a browser should play it as it is. What
    the question says is left to `plotted` if its vector is not there at once.
    """
    return _player(video_id, AT_ONCE_S)


@blueprint.get(f"/watch/{VIDEO_ID}/plot")
def plotted(video_id: int) -> ResponseReturnValue:
    """The same page with what the question says, which waits for its vector."""
    return _player(video_id, None)


def _player(video_id: int, timeout_s: float | None) -> str:
    watched = _watched(video_id)
    t_s = seconds("t", 0.0)
    absence = _absence(video_id)
    given, question, problem = _asked()
    neighbours = _neighbours(video_id)
    # From hit to hit of an answer, which was counted, one goes as fast as a held key repeats.
    if question is not None and not (neighbours and is_ready(library(), question)):
        rates.count(rates.QUESTIONS)
    is_late = False
    try:
        points = watching.points(library(), watched, question, timeout_s)
    except NO_PLOT as error:
        is_late = timeout_s is not None and isinstance(error, EmbedderTimeoutError)
        problem = "" if is_late else str(error)
        points = watching.points(library(), watched, None)
    scenes = watching.scenes(library(), video_id)
    lines = watching.lines(library(), video_id, question.said if question else ())
    length_s = max(watched.duration_s, points[-1].t_s if points else 0.0)
    asks_converted = request.args.get("convert") == "1"
    return render_template(
        "watch.html",
        given=given,
        video=watched,
        t_s=min(t_s, length_s),
        length_s=length_s,
        longest_clip_s=MAX_CLIP_S,
        absence=absence,
        is_converted=not absence and (asks_converted or not watched.is_playable),
        problem=problem,
        is_late=is_late,
        points=points,
        plot=plot(points, length_s),
        scenes=_listed(scenes, t_s),
        scene=_scene_at(scenes, t_s),
        frame=_nearest(points, t_s),
        lines=_listed(lines, t_s),
        here={**given.params, **_place()},
        neighbours=neighbours,
    )


@blueprint.get("/watch/hit")
def hit() -> ResponseReturnValue:
    """Leads to hit `n` of the kept answer, or to the nearest one whose video is still there."""
    given, _, _ = _asked()
    try:
        token = UUID(request.args.get("answer", ""))
    except ValueError:
        raise BadRequestError("answer is the token of a kept answer") from None
    found = watching.nearest_hit(library(), token, _n())
    if found is None:
        abort(HTTPStatus.NOT_FOUND, "No video of this answer is there any more.")
    place = {**given.params, **_place(), "n": found.n}
    return redirect(url_for(".video", video_id=found.video_id, t=position(found.t_s), **place))


@blueprint.get(f"/watch/{VIDEO_ID}/similar")
def similar(video_id: int) -> ResponseReturnValue:
    """The videos that show what this one shows; the player fetches them when they are asked for."""
    watched = _watched(video_id)
    found = related.similar_videos(library(), video_id, limit=SIMILAR_SHOWN)
    return render_template("related.html", given=Given(), video=watched, similar=found)


@blueprint.get(f"/watch/{VIDEO_ID}/copies")
def copies(video_id: int) -> ResponseReturnValue:
    """Where other videos contain this one or a part of it."""
    watched = _watched(video_id)
    found = related.find_copies(library(), video_id)
    return render_template("related.html", given=Given(), video=watched, copies=found)


def _watched(video_id: int) -> Watched:
    watched = watching.watched(library(), video_id)
    if watched is None:
        abort(HTTPStatus.NOT_FOUND, f"The index has no video {video_id} with a file at hand.")
    return watched


def _absence(video_id: int) -> str:
    """Why the file of a video cannot be played now, in one line; nothing if it can."""
    path = catalog.media_path(library(), video_id)
    if path is None:
        return "Its file has become something else: the video plays again once a scan has read it."
    try:
        with path.open("rb"):
            return ""
    except (FileNotFoundError, NotADirectoryError):
        return (
            "Its file was moved, or its disk is not there: the video plays again once the file is "
            "back, or a scan has found it elsewhere."
        )
    except OSError as error:
        return f"Its file cannot be read: {error.strerror}."


def _asked() -> tuple[Given, Question | None, str]:
    """The question in the address; if it cannot be read, the video is shown without, and why."""
    try:
        given = read_given()
    except BadRequestError as error:
        return Given(), None, str(error)
    try:
        return given, None if given.is_empty else given.question(limit=1), ""
    except BadRequestError as error:
        return given, None, str(error)


def _place() -> dict[str, str]:
    """The kept answer and the place in it, as they stand in the address."""
    return {name: request.args[name] for name in ("answer", "n") if request.args.get(name)}


def _n() -> int:
    return whole_number("n", 0, lowest=0, highest=999_999)


def _neighbours(video_id: int) -> Neighbours | None:
    """The hits around this one; None without a kept answer, or when it is kept no more."""
    try:
        token = UUID(request.args["answer"])
        return watching.neighbours(library(), token, _n(), video_id)
    except (KeyError, ValueError, BadRequestError):
        return None


def _scene_at(scenes: tuple[WatchedScene, ...], t_s: float) -> WatchedScene | None:
    number = bisect_right([scene.start_s for scene in scenes], t_s) - 1
    return scenes[max(0, number)] if scenes else None


def _listed(items: Sequence[WatchedScene] | Sequence[Line], t_s: float) -> Listed:
    at = bisect_right([item.start_s for item in items], t_s) - 1
    first = max(0, min(at - LISTED // 2, len(items) - LISTED))
    end = first + LISTED
    return Listed(
        total=len(items),
        shown=items[first:end],
        earlier_s=items[first - 1].start_s if first > 0 else None,
        later_s=items[end].start_s if end < len(items) else None,
    )


def _nearest(points: tuple[Point, ...], t_s: float) -> Point | None:
    return min(points, key=lambda point: abs(point.t_s - t_s), default=None)
