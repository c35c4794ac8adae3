"""Opens media files for reading, or says in words why that cannot be done."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import Any, cast

import av
from av.container import InputContainer
from av.packet import Packet

from app.errors import MediaError, UnreadableError

MAX_PIXELS = 16384 * 8192
"""Larger frames are refused: a few of them fill a machine's memory."""

ANIMATED_PICTURES = ("gif", "apng")
STILL_PICTURES = ("png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe", "j2k_pipe", "ico")
_VIDEOS = (
    "mov,matroska,avi,asf,mpegts,mpeg,mpegvideo,flv,ogg,mxf,gxf,wtv,rm,nut,dv,ivf,obu,h261,h263,h264,"
    "hevc,vvc,m4v,mjpeg,yuv4mpegpipe,swf,nsv,nuv,roq,smk,bink,flic,dhav"
)
_SOUNDS = "mp3,wav,w64,flac,aac,ac3,eac3,aiff,au,amr,caf,ape,wv,tta,dts,truehd"
_SUBTITLES = "srt,webvtt"

_OPTIONS = {
    # Playlists and scripts (HLS, DASH, concat, SDP) would have FFmpeg open other files and hosts:
    # only formats that hold what they show are let in. Sound and still pictures are among them
    # because that gives a better reason than "is not a video".
    "format_whitelist": ",".join(
        [_VIDEOS, _SOUNDS, _SUBTITLES, *STILL_PICTURES, *ANIMATED_PICTURES]
    ),
    "protocol_whitelist": "file",
}

_HEAD_BYTES = 65536
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"moof", b"styp", b"free", b"wide", b"skip"}


def open_container(path: Path) -> InputContainer:
    """Open a media file, for reading only; the caller closes it.

    Raises:
        MediaError: It cannot be opened; the message is the reason.
        UnreadableError: That is because it cannot be read now.
    """
    head = read_head(path)
    try:
        with _reading():
            return av.open(_File(path), "r", options=_OPTIONS, metadata_errors="replace")
    except MemoryError:
        raise
    except av.FFmpegError as error:
        raise MediaError(_why_not_opened(head)) from error


def start_us(container: InputContainer) -> int:
    """Where the container's own clock begins, in microseconds; 0 where it does not say."""
    return cast(int | None, container.start_time) or 0


def packets(container: InputContainer) -> Iterator["Packet[Any]"]:
    """The packets of all streams that were there when the container was opened, in their order.

    Raises:
        UnreadableError: The file cannot be read on now.
    """
    # Streams that appeared in the middle, as in a broadcast, are unknown to PyAV: it passes over
    # their packets, but stumbles over the streams once it has handed out all others.
    with _reading(), suppress(IndexError):
        yield from container.demux()


def read_head(path: Path) -> bytes:
    """The first bytes of a file, at least one.

    Raises:
        MediaError: It is no file, or is empty.
        UnreadableError: It cannot be read now.
    """
    with _reading():
        if not S_ISREG(path.stat().st_mode):
            raise MediaError("is not a file")
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    if not head:
        raise MediaError("is empty (0 bytes)")
    return head


class _File:
    """A file that FFmpeg reads through Python, which raises what goes wrong with it.

    By itself FFmpeg takes a disk that fails for the end of the file, or for damage in it.
    """

    def __init__(self, path: Path) -> None:
        # The prefix keeps FFmpeg from seeing a protocol in a name such as "concat:a.mp4".
        self.name = f"file:{path}"
        self._number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._has_failed = False

    def __del__(self) -> None:
        # PyAV has no other use for it once the container is closed, but does not close it.
        if hasattr(self, "_number"):
            os.close(self._number)

    def read(self, size: int) -> bytes:
        # PyAV keeps one error, and raises it when FFmpeg is done with what it was asked for.
        if self._has_failed:
            return b""
        try:
            return os.read(self._number, size)
        except OSError:
            self._has_failed = True
            raise

    def seek(self, offset: int, whence: int) -> int:
        try:
            return os.lseek(self._number, offset, whence)
        except OSError:
            # Damaged files may name any place; FFmpeg knows what to do where there is none.
            return -1

    def tell(self) -> int:
        return os.lseek(self._number, 0, os.SEEK_CUR)


@contextmanager
def _reading() -> Iterator[None]:
    """Says of what the system tells while a file is read that it lies not in the file."""
    try:
        yield
    except av.FFmpegError:
        # Some of these are OSErrors, too, though they tell of what FFmpeg has found in the file.
        raise
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from error


def _why_not_opened(head: bytes) -> str:
    if b"encv" in head:
        return "is encrypted (DRM)"
    if head[4:8] in _MP4_BOXES:
        return "is damaged or incomplete: the index of an MP4 (moov) cannot be read"
    return "is not a video in any format that can be indexed"
