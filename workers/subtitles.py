"""Reads what is said in a video: text subtitles, from a file beside it or from inside it."""

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle

from workers.analysis import Subtitle, VideoInfo
from workers.container import open_container, packets

logger = logging.getLogger(__name__)

SUBTITLE_SUFFIXES = {".srt": "srt", ".vtt": "webvtt"}
"""Suffix of a subtitle file to the name that FFmpeg has for its format."""

_MAX_SIDECAR_BYTES = 32 * 2**20
"""A long film has 0.2 MB of subtitles: what is larger than this is something else."""

_LENGTH_IF_UNKNOWN_S = 3.0
_DRAWING = re.compile(r"\{[^}]*\\p[1-9]")
_STYLING = re.compile(r"\{\\[^}]*\}")
_BREAK = re.compile(r"\\[Nn]")


def read_subtitles(
    path: Path, info: VideoInfo, on_work: Callable[[], None] = lambda: None
) -> list[Subtitle]:
    """The subtitles of a video in the order in which they are shown.

    Those in `name.srt` or `name.vtt` beside `name.mp4` count, else those that the video holds as
    text. Whatever cannot be read is left out: a video is none the worse for bad subtitles.
    `on_work` is called again and again while the video is read.

    Raises:
        MediaError: The video itself cannot be read any more.
    """
    for sidecar in files_beside(path, SUBTITLE_SUFFIXES):
        if subtitles := _read_sidecar(sidecar, SUBTITLE_SUFFIXES[sidecar.suffix]):
            return subtitles
    return _read_embedded(path, on_work) if info.subtitles else []


def files_beside(path: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    """The files that have a media file's name with one of the suffixes, in the suffixes' order."""
    for suffix in suffixes:
        beside = path.with_suffix(suffix)
        # Path.is_file raises where the name with the other suffix is too long.
        if beside != path and os.path.isfile(beside):  # noqa: PTH113
            yield beside


def _read_sidecar(path: Path, file_format: str) -> list[Subtitle]:
    try:
        if path.stat().st_size > _MAX_SIDECAR_BYTES:
            logger.warning("%s was left aside: it is too large for subtitles", path)
            return []
        text = _as_utf8(path.read_bytes())
        with av.open(BytesIO(text), "r", format=file_format) as container:
            return _sorted(_decode(container, container.streams.subtitles[0], 0.0, lambda: None))
    except MemoryError:
        raise
    except (OSError, av.FFmpegError) as error:
        logger.warning("%s was left aside: %s", path, error.strerror)
        return []


def _as_utf8(data: bytes) -> bytes:
    """Old subtitle files are in the code page of their time; FFmpeg wants UTF-8 or UTF-16."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace").encode()
    return data


def _read_embedded(path: Path, on_work: Callable[[], None]) -> list[Subtitle]:
    with open_container(path) as container:
        texts = [
            stream
            for stream in container.streams.subtitles
            if stream.codec_context is not None and stream.codec_context.codec.text_sub
        ]
        best = container.streams.best("subtitle")
        chosen = next((stream for stream in texts if stream is best), texts[0])
        # An MP4 has an index of where its subtitles lie; other formats are read throughout anyway,
        # and then each packet shows that the work goes on.
        if "mp4" in container.format.name:
            for stream in container.streams:
                if stream is not chosen:
                    stream.discard = Discard.all
        start_s = (container.start_time or 0) / av.time_base
        return _sorted(_decode(container, chosen, start_s, on_work))


def _decode(
    container: InputContainer,
    stream: SubtitleStream,
    start_s: float,
    on_work: Callable[[], None],
) -> Iterator[Subtitle]:
    try:
        for packet in packets(container):
            on_work()
            if packet.stream_index == stream.index and packet.size and packet.pts is not None:
                length = packet.duration or 0
                shown_s = float(packet.pts * packet.time_base) - start_s
                end_s = shown_s + (float(length * packet.time_base) or _LENGTH_IF_UNKNOWN_S)
                text = _text(cast("Packet[SubtitleStream]", packet))
                if text and end_s > 0:
                    yield Subtitle(round(max(0.0, shown_s), 3), round(end_s, 3), text)
    except MemoryError:
        raise
    except av.FFmpegError as error:
        logger.warning("%s: subtitles end early: %s", container.name, error.strerror)


def _text(packet: "Packet[SubtitleStream]") -> str:
    """What is to be read in a packet, which FFmpeg decodes to lines of an ASS file."""
    try:
        rects = packet.decode()
    except MemoryError:
        raise
    except av.FFmpegError:
        return ""
    dialogues = [r.dialogue.decode("utf-8", "replace") for r in rects if isinstance(r, AssSubtitle)]
    lines = [_STYLING.sub("", d) for d in dialogues if not _DRAWING.search(d)]
    return _BREAK.sub("\n", "\n".join(lines)).replace(r"\h", " ").replace("\0", "").strip()


def _sorted(subtitles: Iterator[Subtitle]) -> list[Subtitle]:
    return sorted(subtitles, key=lambda subtitle: subtitle.start_s)
