"""Decodes video files in one pass, whatever shape they are in."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from app.errors import MediaError
from workers.analysis import VideoInfo
from workers.animation import is_animated_webp
from workers.clock import Clock
from workers.container import (
    ANIMATED_PICTURES,
    MAX_PIXELS,
    STILL_PICTURES,
    open_container,
    packets,
    read_head,
)
from workers.frames import DecodedFrame, View
from workers.webp import AnimatedWebp

_CUT_SHORT_S = 1.0
_CUT_SHORT_SHARE = 0.05
"""A file is cut short that ends this much, and this share of it, before its header says."""

_FAILURES_IN_A_ROW = 1000
"""How often reading on is tried in a damaged part: MPEG-TS skips 64 kB of it each time."""

_TAGS_OF_THE_FORMAT = {
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "creation_time",
    "com.apple.quicktime.creationdate",
}


def probe(path: Path) -> VideoInfo:
    """What a video file says about itself.

    Raises:
        MediaError: It is no video or cannot be read; the message is the reason.
    """
    with open_video(path) as video:
        return video.info


def open_video(
    path: Path,
    *,
    key_frames_only: bool = False,
    on_work: Callable[[], None] = lambda: None,
) -> "OpenVideo":
    """Open a file for one decode pass; the arguments are those of `Video`.

    Raises:
        MediaError: It is no video or cannot be read; the message is the reason.
    """
    if is_animated_webp(read_head(path)):
        return AnimatedWebp(path, on_work)
    return Video(path, key_frames_only=key_frames_only, on_work=on_work)


class Video:
    """A video file open for one decode pass.

    Iterate over it once, for its frames in the order in which they are shown; `duration_s` and
    `warning` are final after the last one.
    """

    def __init__(
        self,
        path: Path,
        *,
        key_frames_only: bool = False,
        on_work: Callable[[], None] = lambda: None,
    ) -> None:
        """Open a file and decode its first frames.

        Args:
            path: The file; it is opened for reading only.
            key_frames_only: Skip the frames that need others to be decoded.
            on_work: Called whenever a frame was decoded or another part of the file was read.

        Raises:
            MediaError: It is no video or cannot be read; the message is the reason.
        """
        self._on_work = on_work
        self._read_until_byte = -1
        self._container = open_container(path)
        try:
            self._stream = video_stream(self._container)
            self._stream.thread_type = "AUTO"
            # A GIF has few frames, and not all decoders of such formats mark their key frames.
            animation = self._container.format.name in ANIMATED_PICTURES
            self._key_frames_only = key_frames_only and not animation
            self._damaged = 0
            self._broke_off = False
            self._read_until_s = 0.0
            self._clock = Clock(self._container, self._stream)
            frames = self._decode()
            ahead = list(itertools.islice(frames, 2))
            if not ahead:
                raise MediaError(self._why_nothing())
            alone = len(ahead) == 1 and not self._damaged and not self._key_frames_only
            if alone and (animation or self._container.duration is None):
                raise MediaError("is a still picture")
            self._frames = itertools.chain(ahead, frames)
            self._view = View.of(ahead[0], self._stream.sample_aspect_ratio)
            shown_size = self._view.shown_size(ahead[0].width, ahead[0].height)
            self.info = _describe(self._container, self._stream, shown_size)
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[DecodedFrame]:
        for index, frame in enumerate(self._frames):
            yield DecodedFrame(index, self._clock.read(frame), frame.key_frame, self._view, frame)

    @property
    def duration_s(self) -> float:
        """How long the video is, as far as it could be read."""
        declared_s = 0.0 if self._cut_short else self.info.duration_s or 0.0
        return max(self._clock.end_s, declared_s)

    @property
    def warning(self) -> str | None:
        """What is wrong with a file that could be decoded all the same, in one line."""
        problems = []
        if self._cut_short:
            declared = f" of {self.info.duration_s:.1f} s" if self.info.duration_s else ""
            problems.append(f"cut short: {self._clock.end_s:.1f} s{declared} could be read")
        if self._damaged:
            frames = "1 frame was" if self._damaged == 1 else f"{self._damaged} frames were"
            problems.append(f"damaged: {frames} skipped")
        return "; ".join(problems) or None

    @property
    def _cut_short(self) -> bool:
        declared_s = self.info.duration_s
        if declared_s is None:
            return self._broke_off
        missing_s = declared_s - self._read_until_s
        return missing_s > max(_CUT_SHORT_S, _CUT_SHORT_SHARE * declared_s)

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Decode what can be decoded, and count what cannot."""
        for packet in self._packets():
            try:
                frames = self._stream.codec_context.decode(packet)
            except MemoryError:
                raise
            except av.FFmpegError:
                self._expect_memory()
                self._damaged += 1
                continue
            for frame in frames:
                self._on_work()
                if frame.is_corrupt:
                    self._damaged += 1
                else:
                    yield frame

    def _expect_memory(self) -> None:
        """Raise MemoryError if there is none for another frame.

        Decoders that work in threads tell of damage where they had too little memory.
        """
        bytes_per_pixel = 4
        np.empty(bytes_per_pixel * self._stream.width * self._stream.height, np.uint8)

    def _packets(self) -> Iterator["Packet[Any] | None"]:
        """The packets of the stream, then one that has the decoder hand out what it holds back.

        All streams are read, though only one is decoded: where the last of them ends tells whether
        the file is whole.
        """
        failures = 0
        while failures < _FAILURES_IN_A_ROW:
            try:
                for packet in packets(self._container):
                    failures = 0
                    self._note_position(packet)
                    if packet.pts is not None:
                        end = packet.pts + (packet.duration or 0)
                        self._read_until_s = max(
                            self._read_until_s, self._clock.at(end, packet.time_base)
                        )
                    if packet.stream_index == self._stream.index and self._is_wanted(packet):
                        yield packet
                break
            except MemoryError:
                raise
            except av.FFmpegError:
                failures += 1
        self._broke_off = failures > 0
        yield None

    def _note_position(self, packet: "Packet[Any]") -> None:
        # Only what lies further on than all before counts as work: that comes to an end.
        if packet.pos is not None and packet.pos > self._read_until_byte:
            self._read_until_byte = packet.pos
            self._on_work()

    def _is_wanted(self, packet: "Packet[Any]") -> bool:
        # An empty packet would end the decoding. Key frames are chosen here because some decoders
        # do not know how to skip the others.
        return packet.size > 0 and (packet.is_keyframe or not self._key_frames_only)

    def _why_nothing(self) -> str:
        """The reason why no frame at all could be decoded."""
        if "enc_key_id" in self._stream.metadata or self._stream.codec_tag == "encv":
            return "is encrypted (DRM)"
        if self._damaged or self._broke_off:
            return "is damaged: nothing could be decoded"
        return "is incomplete: it announces a video but holds no frames"


OpenVideo = Video | AnimatedWebp


def video_stream(container: InputContainer) -> VideoStream:
    """The stream that a player would show.

    Raises:
        MediaError: There is none that can be decoded; the message is the reason.
    """
    if container.format.name in STILL_PICTURES:
        raise MediaError("is a still picture")
    not_covers = [
        s for s in container.streams.video if not s.disposition & Disposition.attached_pic
    ]
    if not not_covers:
        others = {"audio": container.streams.audio, "subtitles": container.streams.subtitles}
        found = " and ".join(name for name, streams in others.items() if streams)
        raise MediaError("has no video stream" + (f" (only {found})" if found else ""))
    decodable = [s for s in not_covers if s.codec_context is not None]
    if not decodable:
        raise MediaError("is in a codec that this FFmpeg cannot decode")
    best = container.streams.best("video")
    stream = next((s for s in decodable if s is best), decodable[0])
    if stream.width * stream.height > MAX_PIXELS:
        raise MediaError(f"is too large: {stream.width} x {stream.height} pixels")
    return stream


def _describe(
    container: InputContainer, stream: VideoStream, shown_size: tuple[int, int]
) -> VideoInfo:
    rate = stream.average_rate or stream.guessed_rate
    fps = float(rate) if rate else None
    duration_s = max(0, container.duration or 0) / av.time_base or None
    estimate = round(duration_s * fps) if duration_s and fps else None
    tags = {
        key.lower(): value.replace("\0", "").strip() for key, value in container.metadata.items()
    }
    return VideoInfo(
        duration_s=duration_s,
        width=shown_size[0],
        height=shown_size[1],
        fps=fps,
        codec=stream.codec_context.codec.canonical_name,
        frame_count=stream.frames or estimate,
        title=tags.pop("title", None) or None,
        recorded_at=_recorded_at(tags),
        tags={k: v for k, v in tags.items() if v and k not in _TAGS_OF_THE_FORMAT},
        subtitles=any(
            s.codec_context is not None and s.codec_context.codec.text_sub
            for s in container.streams.subtitles
        ),
    )


def _recorded_at(tags: dict[str, str]) -> datetime | None:
    """When the camera says it recorded this; cameras without a clock say 1904 or 1970."""
    for tag in ("com.apple.quicktime.creationdate", "creation_time"):
        try:
            at = datetime.fromisoformat(tags[tag])
        except (KeyError, ValueError):
            continue
        if at.year > 1970:
            return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None
