"""The JSON API: the same searches and lists as the page shows."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from app import catalog
from app.asking import MAX_LIMIT
from app.catalog import VideoCard
from app.paging import keep, page
from app.search import Hit
from app.search import search as ask
from app.web.media import thumbnail_url
from app.web.question import library, limit_of, picture_of, read_given, whole_number

DEFAULT_HITS = 20
DEFAULT_VIDEOS = 100

blueprint = Blueprint("api", __name__)


@blueprint.route("/api/search", methods=["GET", "POST"])
def search() -> ResponseReturnValue:
    """Hits for `q`, `where`, `limit` and, in a POST as multipart/form-data, an `image`.

    `image_key` is the picture's name in SQL: search_image(image_key). With `keep=1` up to 1,000
    hits are ranked and kept for an hour, of which `limit` come at once; the others are had by
    `/api/pages/TOKEN`, none twice and none left out.
    """
    limit = limit_of(DEFAULT_HITS)
    is_kept = request.values.get("keep") == "1"
    upload = request.files.get("image")
    given = read_given()
    answer = ask(library(), given.question(MAX_LIMIT if is_kept else limit, picture_of(upload)))
    token = keep(library(), answer.hits) if is_kept else None
    return jsonify(
        hits=[_hit(hit) for hit in answer.hits[:limit]],
        token=token,
        total=len(answer.hits) if is_kept else None,
        unknown_words=answer.unknown_words,
        model=answer.model,
        warnings=answer.warnings,
        seconds=answer.seconds,
        image_key=answer.image_key,
    )


@blueprint.get("/api/pages/<uuid:token>")
def kept(token: UUID) -> ResponseReturnValue:
    """Further hits of an answer that was asked for with `keep=1`, from `offset` on."""
    found = page(
        library(),
        token,
        offset=whole_number("offset", 0, lowest=0, highest=MAX_LIMIT),
        limit=whole_number("limit", DEFAULT_HITS, lowest=1, highest=MAX_LIMIT),
    )
    return jsonify(hits=[_hit(hit) for hit in found.hits], total=found.total)


@blueprint.get("/api/videos")
def videos() -> ResponseReturnValue:
    """The videos that `where` keeps, from `offset` on, at most `limit` of them."""
    where = request.args.get("where")
    limit = whole_number("limit", DEFAULT_VIDEOS, lowest=1, highest=MAX_LIMIT)
    offset = whole_number("offset", 0, lowest=0, highest=999_999_999)
    cards = catalog.list_videos(library(), where=where, limit=limit, offset=offset)
    return jsonify(
        videos=[_video(card) for card in cards],
        total=catalog.count_videos(library(), where=where),
        limit=limit,
        offset=offset,
    )


@blueprint.get("/api/status")
def status() -> ResponseReturnValue:
    """How the library and the processes around it stand."""
    return jsonify(asdict(catalog.status(library())))


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        **asdict(hit),
        "recorded_at": _iso(hit.recorded_at),
        "indexed_at": _iso(hit.indexed_at),
        "thumbnail_url": thumbnail_url(hit.video_id, hit.frame_no, hit.indexed_at),
        "media_url": url_for("media.video", video_id=hit.video_id),
    }


def _video(card: VideoCard) -> dict[str, Any]:
    cover = card.cover_frame_no
    return {
        **asdict(card),
        "recorded_at": _iso(card.recorded_at),
        "indexed_at": _iso(card.indexed_at),
        "thumbnail_url": None if cover is None else thumbnail_url(card.id, cover, card.indexed_at),
        "media_url": url_for("media.video", video_id=card.id),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
