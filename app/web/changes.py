"""What people change in the library: fields, tags, what is in it, and what is tried again."""

from http import HTTPStatus

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.asked_for import files_of_failed, index_files, unread_files
from app.edits import apply_edits, fields_of_video, read_change, storable
from app.errors import BadRequestError
from app.library import Entry, find_entry, list_collections, titles_of
from app.queue import enqueue_scans
from app.removal import remove_videos
from app.sources import find_source
from app.web.edit_form import EditForm, form_of, sent_form
from app.web.library import COLLECTIONS_SHOWN, back_to_list, list_address, read_notice
from app.web.media import VIDEO_ID
from app.web.question import library

TITLES_SHOWN = 20
MOST_AT_ONCE = 1000

blueprint = Blueprint("changes", __name__, url_prefix="/library")


@blueprint.get(f"/{VIDEO_ID}")
def video(video_id: int) -> ResponseReturnValue:
    """A video and the form to edit it."""
    entry = _entry(video_id)
    return _edit_page(entry, form_of(fields_of_video(library(), video_id)))


@blueprint.post(f"/{VIDEO_ID}")
def edit(video_id: int) -> ResponseReturnValue:
    """Writes what was changed in the form, and nothing else of the video."""
    entry = _entry(video_id)
    sent = sent_form(request.form)
    changes, form = sent.read()
    if form.has_problem:
        return _edit_page(entry, form), HTTPStatus.BAD_REQUEST
    if changes:
        try:
            apply_edits(library(), [(video_id, changes)])
        except BadRequestError as error:
            problem = EditForm(form.fields, form.metadata, form.new, str(error))
            return _edit_page(entry, problem), HTTPStatus.BAD_REQUEST
    said = "saved" if changes else "same"
    back = request.form.get("back") or None
    address = url_for(".video", video_id=video_id, back=back, said=said)
    return redirect(address, HTTPStatus.SEE_OTHER)


@blueprint.post("/chosen")
def chosen() -> ResponseReturnValue:
    """Changes the selected videos: adds or takes away tags, sets or clears the collection."""
    ids = _chosen_ids()
    if not ids:
        return back_to_list("none")
    do = request.form.get("do")
    tags = request.form.get("tags", "").strip(" ,")
    collection = request.form.get("collection", "").strip()
    if do == "written":
        # Enter was pressed in a field, and does what the field is for.
        if tags and collection:
            return back_to_list("both")
        do = "collect" if collection else "tag"
    match do:
        case "tag" | "untag" if tags:
            change = read_change("tags", tags, "+=" if do == "tag" else "-=")
        case "collect" if collection:
            change = read_change("collection", collection)
        case "clear":
            change = read_change("collection", "")
        case "tag" | "untag" | "collect":
            return back_to_list("no-value")
        case _:
            raise BadRequestError("choose what to do: do=tag, untag, collect, clear or written")
    applied = apply_edits(library(), [(video_id, [change]) for video_id in ids])
    return back_to_list("changed", applied.changed) if applied.changed else back_to_list("same")


@blueprint.post("/remove")
def remove() -> ResponseReturnValue:
    """Takes the selected videos out of the index, once that was confirmed."""
    ids = _chosen_ids()
    if not ids:
        return back_to_list("none")
    if "confirmed" in request.form:
        return back_to_list("removed", remove_videos(library(), ids))
    number, titles = titles_of(library(), ids, limit=TITLES_SHOWN)
    back = request.form.get("back", "")
    return render_template(
        "library_remove.html",
        ids=ids,
        number=number,
        titles=titles,
        back=back,
        list_address=list_address(back),
    )


@blueprint.post("/retry")
def retry() -> ResponseReturnValue:
    """Queues failed files again: those of some videos, some that could not be read, or all."""
    if "all" in request.form:
        paths = files_of_failed(library())
    else:
        paths = files_of_failed(library(), _chosen_ids())
        given = [storable(path, "a path") for path in request.form.getlist("path")]
        paths += unread_files(library(), given)
    return back_to_list("queued", index_files(library(), paths))


@blueprint.post("/scan")
def scan() -> ResponseReturnValue:
    """Has a source scanned now."""
    source = find_source(library(), request.form.get("source", ""))
    enqueue_scans([source.id])
    return back_to_list("scan")


def _entry(video_id: int) -> Entry:
    entry = find_entry(library(), video_id)
    if entry is None:
        abort(
            HTTPStatus.NOT_FOUND,
            f"The index has no video {video_id}: somebody may have taken it out.",
        )
    return entry


def _edit_page(entry: Entry, form: EditForm) -> str:
    back = request.values.get("back", "")
    return render_template(
        "library_edit.html",
        entry=entry,
        form=form,
        back=back,
        list_address=list_address(back),
        collections=list_collections(library(), limit=COLLECTIONS_SHOWN),
        notice=read_notice(),
    )


def _chosen_ids() -> list[int]:
    given = request.form.getlist("video")
    if len(given) > MOST_AT_ONCE:
        raise BadRequestError(f"select at most {MOST_AT_ONCE:,} videos at once")
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in given):
        raise BadRequestError("a video is named by its number, such as video=12")
    return [int(text) for text in given]
