"""The videos and the pictures of their frames; only what the index knows is served."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn

from flask import Blueprint, Response, abort, make_response, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wsgi import wrap_file

from app import catalog
from app.errors import BadRequestError, MediaError
from app.watching import watched
from app.web import rates
from app.web.conversion import File, NoRoomError, conversions, viewer
from app.web.question import library
from app.web.wording import clock

# By hand, because the system's table differs from machine to machine (and .ts is TypeScript there).
VIDEO_TYPES = {
    ".3gp": "video/3gpp",
    ".apng": "image/apng",
    ".asf": "video/x-ms-asf",
    ".avi": "video/x-msvideo",
    ".flv": "video/x-flv",
    ".gif": "image/gif",
    ".m2ts": "video/mp2t",
    ".m4v": "video/mp4",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".mts": "video/mp2t",
    ".mxf": "application/mxf",
    ".ogv": "video/ogg",
    ".ts": "video/mp2t",
    ".vob": "video/mpeg",
    ".webm": "video/webm",
    ".wmv": "video/x-ms-wmv",
}

PICTURE_STARTS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}

RETRY_AFTER_S = 60
MAX_CLIP_S = 600.0
MAX_CLIP_MB = 2048
MAX_NAME_LENGTH = 80

# Larger numbers name nothing that Postgres could hold.
VIDEO_ID = f"<int(max={2**63 - 1}):video_id>"
FRAME_NO = f"<int(max={2**31 - 1}):frame_no>"

blueprint = Blueprint("media", __name__)


@blueprint.app_template_global()
def thumbnail_url(video_id: int, frame_no: int, indexed_at: datetime) -> str:
    """An address of a frame's picture that browsers may keep: it is another after each indexing."""
    return url_for("media.thumbnail", video_id=video_id, frame_no=frame_no, v=_version(indexed_at))


@blueprint.get(f"/thumbnails/{VIDEO_ID}/{FRAME_NO}")
def thumbnail(video_id: int, frame_no: int) -> ResponseReturnValue:
    """The picture of an indexed frame."""
    picture = catalog.thumbnail(library(), video_id, frame_no)
    if picture is None:
        abort(HTTPStatus.NOT_FOUND, f"The index has no frame {frame_no} of video {video_id}.")
    response = make_response(picture.data)
    response.mimetype = picture.content_type
    response.set_etag(picture.etag)
    response.cache_control.private = True
    if request.args.get("v") == _version(picture.indexed_at):
        response.cache_control.max_age = 365 * 24 * 3600
        response.cache_control.immutable = True
    else:
        response.cache_control.no_cache = True
    return response.make_conditional(request)


@blueprint.get(f"/media/{VIDEO_ID}")
def video(video_id: int) -> ResponseReturnValue:
    """The file of an indexed video, whole or by ranges of bytes."""
    path = _path(video_id)
    try:
        response = send_file(
            path,
            VIDEO_TYPES.get(path.suffix.lower(), "application/octet-stream"),
            download_name="".join(filter(str.isprintable, path.name)),
            conditional=True,
        )
        return _sent_by_the_server(response, path)
    except OSError as error:
        abort(HTTPStatus.GONE, f"The file of this video cannot be read: {error.strerror}.")


def type_of_picture(picture: bytes) -> str:
    """The media type of a picture by its first bytes, of those that the embedder reads."""
    for start, kind in PICTURE_STARTS.items():
        if picture.startswith(start):
            return kind
    return "image/webp" if picture[8:12] == b"WEBP" else "application/octet-stream"


@blueprint.get(f"/media/{VIDEO_ID}/converted")
def converted(video_id: int) -> ResponseReturnValue:
    """The video from second `from` on as H.264 and AAC, made while it is watched.

    Its clock begins at 0 there, and it cannot be asked for by ranges of bytes.
    """
    path = _path(video_id)
    from_s = seconds("from", 0.0)
    wanted = request.range
    if wanted is not None and any(start != 0 for start, _ in wanted.ranges):
        # A browser that was hung up on would have all of it made again, to pass over what it has.
        abort(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "A conversion has no ranges of bytes; ask for another second by from=SECONDS.",
        )
    response = Response(mimetype="video/mp4")
    if request.method != "HEAD":
        with _conversion("converted"):
            response.response = conversions().stream(
                viewer(), "transcode", "--from", f"{from_s:.3f}", "--", str(path)
            )
    response.cache_control.no_store = True
    response.accept_ranges = "none"
    return response


@blueprint.get(f"/media/{VIDEO_ID}/clip")
def clip(video_id: int) -> ResponseReturnValue:
    """The part of a video from second `start` to `end`, as an MP4 to keep."""
    path, video = _path(video_id), watched(library(), video_id)
    if video is None:
        _not_at_hand(video_id)
    start_s, end_s = seconds("start", 0.0), seconds("end", video.duration_s)
    _check_span(start_s, end_s, video.duration_s)
    if request.method == "HEAD":
        response = Response(mimetype="video/mp4")
    else:
        file = _cut(path, start_s, end_s)
        response = send_file(file, "video/mp4")
        response.content_length = os.fstat(file.fileno()).st_size
    name = clip_name(video.title, start_s, end_s)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.cache_control.no_store = True
    return response


def _cut(path: Path, start_s: float, end_s: float) -> File:
    with tempfile.TemporaryDirectory(prefix="sceneql-clip-") as folder, _conversion("cut"):
        output = Path(folder, "clip.mp4")
        times = ("--start", f"{start_s:.3f}", "--end", f"{end_s:.3f}")
        size = ("--max-mb", str(_room_mb(folder)))
        # What is open can be read although its name is gone: nothing is left behind.
        return conversions().file(
            viewer(), output, "cut", *times, *size, "--", str(path), str(output)
        )


def _room_mb(folder: str) -> int:
    """How large a clip may be: all that may be made at a time leave some of the disk free."""
    free_mb = shutil.disk_usage(folder).free // 2**20 // (conversions().at_most + 1)
    if free_mb < 1:
        raise MediaError(
            "no room is left for temporary files; make some, or set TMPDIR to another folder"
        )
    return min(MAX_CLIP_MB, free_mb)


def clip_name(title: str, start_s: float, end_s: float) -> str:
    """A file name that every system takes, such as `A day at sea 1.02.03-1.02.09.mp4`."""
    known = "".join(letter if letter.isalnum() else " " for letter in title)
    name = " ".join(known.split())[:MAX_NAME_LENGTH].strip() or "clip"
    return f"{name} {clock(start_s)}-{clock(end_s)}.mp4".replace(":", ".")


def _check_span(start_s: float, end_s: float, duration_s: float) -> None:
    if start_s >= duration_s:
        raise BadRequestError(f"start is {start_s:g} s, but the video ends at {duration_s:g} s")
    if end_s <= start_s:
        raise BadRequestError(f"end is {end_s:g} s; it must come after start, {start_s:g} s")
    if end_s - start_s > MAX_CLIP_S:
        raise BadRequestError(
            f"that is {end_s - start_s:g} s; a clip may last {MAX_CLIP_S:g} s, so choose a "
            "shorter part"
        )


@contextmanager
def _conversion(done: str) -> Iterator[None]:
    """Counts a conversion, and has one that cannot be had answered by one line that says why."""
    rates.count(rates.CONVERSIONS)
    try:
        yield
    except NoRoomError as error:
        raise ServiceUnavailable(f"{error}.", retry_after=RETRY_AFTER_S) from error
    except MediaError as error:
        abort(HTTPStatus.UNPROCESSABLE_ENTITY, f"This video cannot be {done}: {error}.")


def seconds(name: str, default: float) -> float:
    """A time in the address, in seconds; raises BadRequestError for what is none."""
    given = request.args.get(name, "").strip()
    if not given:
        return default
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?", given):
        raise BadRequestError(f"{name} must be a time in seconds, such as 12.5")
    return float(given)


def _path(video_id: int) -> Path:
    """Where an indexed video lies; whatever opens one asks here, so that nothing else is opened."""
    path = catalog.media_path(library(), video_id)
    if path is None:
        _not_at_hand(video_id)
    return path


def _not_at_hand(video_id: int) -> NoReturn:
    abort(HTTPStatus.NOT_FOUND, f"The index has no video {video_id} with a file at hand.")


def _version(indexed_at: datetime) -> str:
    return f"{round(indexed_at.timestamp() * 1e6):x}"


def _sent_by_the_server(response: Response, path: Path) -> Response:
    """Have the server send a range of a file by itself, where it can.

    Werkzeug cuts ranges in Python, which keeps one of the server's few threads busy as long as a
    paused player holds its connection. A file that is handed over whole takes no thread: it is read
    from its position on, up to the content length.
    """
    if (
        response.status_code == HTTPStatus.PARTIAL_CONTENT
        and "wsgi.file_wrapper" in request.environ
    ):
        response.close()
        file = path.open("rb")
        file.seek(response.content_range.start or 0)
        response.response = wrap_file(request.environ, file)
    return response
