"""Decodes a part of a video file, pictures and sound, by a player's clock."""

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import takewhile
from math import inf
from pathlib import Path
from typing import Any, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from app.errors import MediaError
from workers.animation import is_animated_webp
from workers.clock import Clock
from workers.container import open_container, packets, read_head, start_us
from workers.frames import DecodedFrame, View
from workers.video import video_stream
from workers.webp import AnimatedWebp

AFTER_S = 5.0
"""How long after a time to look for what belongs before it: no muxer keeps tracks further apart."""

_STEPS_BACK_S = (0.0, 5.0, 30.0)
"""How much further back to seek where a format's seeking came out behind the wanted second."""

_FAILURES_IN_A_ROW = 100
"""How often reading on is tried in a damaged part."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded sound, and when it is heard on a player's clock."""

    t_s: float
    stored: AudioFrame


def decode(path: Path, from_s: float, until_s: float) -> Iterator[DecodedFrame | Sound]:
    """The pictures that are shown from one second to another, and the sound, as they are stored.

    The first picture is the one that is on the screen at `from_s`: its own time may be earlier.

    Raises:
        MediaError: The file is no video or cannot be read; the message is the reason.
    """
    shown: DecodedFrame | None = None
    begun = False
    for item in _from_key_frame(path, from_s, until_s):
        if item.t_s >= until_s:
            continue
        if isinstance(item, Sound):
            length_s = item.stored.samples / item.stored.sample_rate
            if from_s < item.t_s + length_s:
                yield item
        elif item.t_s <= from_s + 0.0005:
            shown = item
        else:
            if not begun and shown is not None:
                yield shown
            begun = True
            yield item
    if not begun and shown is not None:
        yield shown


def has_sound(path: Path) -> bool:
    """Whether a video has sound that can be decoded; raises MediaError if it cannot be read."""
    if is_animated_webp(read_head(path)):
        return False
    with closing(open_container(path)) as container:
        return sound_stream(container) is not None


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The sound that a player would play, if the file has any that can be decoded."""
    best = cast(AudioStream | None, container.streams.best("audio"))
    return best if best is not None and best.codec_context is not None else None


def _from_key_frame(path: Path, from_s: float, until_s: float) -> Iterator[DecodedFrame | Sound]:
    """Pictures and sound from a key frame at or before a time, or from the start of the file.

    All that come before `until_s` are among them, and some that come after it.
    """
    if is_animated_webp(read_head(path)):
        with AnimatedWebp(path) as animation:
            yield from takewhile(lambda frame: frame.t_s < until_s, animation)
        return
    with closing(open_container(path)) as container:
        if _seek(container, video_stream(container), from_s):
            yield from _decoded(container, until_s, sought=True)
            return
    # Opened anew: not every format can be rewound.
    with closing(open_container(path)) as container:
        yield from _decoded(container, until_s, sought=False)


def _seek(container: InputContainer, stream: VideoStream, from_s: float) -> bool:
    """Goes to a key frame at or before a time, if the format allows it."""
    for back_s in _STEPS_BACK_S:
        if from_s - back_s <= 0:
            return False
        target_us = start_us(container) + round((from_s - back_s) * av.time_base)
        try:
            container.seek(target_us)
            key_s = _next_key_frame_s(container, stream)
            if key_s is not None and key_s <= from_s:
                container.seek(target_us)
                return True
        except av.FFmpegError:
            return False
    return False


def _next_key_frame_s(container: InputContainer, stream: VideoStream) -> float | None:
    for packet in packets(container):
        if packet.stream_index == stream.index and packet.is_keyframe and packet.size:
            stamp = packet.pts
            if stamp is None:
                return None
            return float(stamp * packet.time_base) - start_us(container) / av.time_base
    return None


def _decoded(
    container: InputContainer, until_s: float, *, sought: bool
) -> Iterator[DecodedFrame | Sound]:
    video = video_stream(container)
    video.thread_type = "AUTO"
    sound = sound_stream(container)
    clock = Clock(container, video)
    view: View | None = None
    index = 0
    shown_s = 0.0
    # Where there is no sound, none is waited for.
    heard_s = inf if sound is None else 0.0
    # After a seek, packets before the first key frame need others that were passed over.
    waits_for_key_frame = sought
    for packet in _packets(container):
        if packet.stream_index == video.index:
            waits_for_key_frame = waits_for_key_frame and not packet.is_keyframe
            if waits_for_key_frame:
                continue
            for frame in _decode_packet(video, packet):
                view = view or View.of(frame, video.sample_aspect_ratio)
                shown_s = clock.read(frame)
                yield DecodedFrame(index, shown_s, frame.key_frame, view, frame)
                index += 1
        elif sound is not None and packet.stream_index == sound.index:
            for heard in _decode_packet(sound, packet):
                if heard.pts is not None and heard.time_base is not None:
                    heard_s = clock.at(heard.pts, heard.time_base)
                    yield Sound(heard_s, heard)
        # Sound may be stored behind pictures that are shown after it is heard.
        if shown_s >= until_s and (heard_s >= until_s or shown_s >= until_s + AFTER_S):
            return
    if index == 0:
        raise MediaError("is damaged: nothing could be decoded")


def _decode_packet(stream: Any, packet: "Packet[Any]") -> list[Any]:
    try:
        return [frame for frame in stream.codec_context.decode(packet) if not frame.is_corrupt]
    except MemoryError:
        raise
    except av.FFmpegError:
        return []


def _packets(container: InputContainer) -> Iterator["Packet[Any]"]:
    """The packets of all streams; empty ones at the end have decoders hand out what they hold."""
    failures = 0
    while failures < _FAILURES_IN_A_ROW:
        with suppress(av.FFmpegError):
            for packet in packets(container):
                failures = 0
                yield packet
            return
        failures += 1
