"""Cuts a clip out of a video, into an MP4 of its own."""

from contextlib import closing
from errno import EFBIG, ENOSPC
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from app.errors import MediaError
from workers.animation import is_animated_webp
from workers.container import open_container, packets, read_head, start_us
from workers.excerpt import AFTER_S, sound_stream
from workers.transcode import transcode
from workers.video import video_stream

CLIP_SHORT_SIDE_PX = 1080
"""Shorter side of the pictures of a clip that had to be encoded anew, at most, in pixels."""

CONTAINERS = ("mov", "matroska", "mpegts", "flv")
"""Formats that say when each picture is shown; others leave that to the decoder."""

VIDEO_CODECS = ("h264", "hevc", "av1", "vp9", "mpeg4")
SOUND_CODECS = ("aac", "mp3", "ac3", "eac3", "opus", "alac")

_SLIP_S = 0.001
"""By how much the stamps of sound and pictures may differ by rounding alone."""

_WHOLE = {"movflags": "faststart"}
_BEFORE_S = 0.5
"""How long before the start of a clip to begin reading, in seconds."""


def cut(path: Path, output: Path, *, start_s: float, end_s: float) -> bool:
    """Write a part of a video into a file, by copying its streams where that can be exact.

    They are copied as they are, without loss, if all of this holds: the file is an MP4 or MOV, a
    Matroska or WebM, an MPEG-TS or an FLV; its video is H.264, HEVC, AV1, VP9 or MPEG-4 Part 2 and
    its sound, if any, AAC, MP3, AC-3, E-AC-3, Opus or ALAC; and there is a key frame where the clip
    starts, no further away than half a frame. In all other cases everything is decoded and encoded
    anew as H.264 and AAC, with the shorter side at most CLIP_SHORT_SIDE_PX. A copy may end some
    frames late, because pictures are stored in another order than they are shown in. Rotation is
    kept as a mark in a copy, and applied otherwise.

    Args:
        path: The video; it is opened for reading only.
        output: The file to write, which ends in .mp4.
        start_s: Where the clip starts, by a player's clock.
        end_s: Where it ends.

    Returns:
        Whether the streams were copied.

    Raises:
        MediaError: The file is no video or cannot be read, or there is no room for the clip; the
            message is the reason.
    """
    try:
        return _cut(path, output, start_s, end_s)
    except OSError as error:
        if error.errno in (EFBIG, ENOSPC):
            raise MediaError(
                "makes a clip larger than there is room for; cut a shorter part, or make room for "
                "temporary files"
            ) from error
        raise


def _cut(path: Path, output: Path, start_s: float, end_s: float) -> bool:
    # A muxer that does not take a stream after all leaves the other way.
    try:
        if _copy(path, output, start_s, end_s):
            return True
    except (av.FFmpegError, ValueError) as error:
        if getattr(error, "errno", None) in (EFBIG, ENOSPC):
            raise
    transcode(
        path,
        str(output),
        from_s=start_s,
        until_s=end_s,
        short_side_px=CLIP_SHORT_SIDE_PX,
        muxer_options=_WHOLE,
    )
    return False


def _copy(path: Path, output: Path, start_s: float, end_s: float) -> bool:
    """Copies the streams if that can be exact; tells whether it did."""
    if is_animated_webp(read_head(path)):
        return False
    with closing(open_container(path)) as container:
        video = video_stream(container)
        sound = sound_stream(container)
        fits = (
            any(name in container.format.name for name in CONTAINERS)
            and video.codec_context.codec.canonical_name in VIDEO_CODECS
            and (sound is None or sound.codec_context.codec.canonical_name in SOUND_CODECS)
        )
        if not fits:
            return False
        key_pts = _key_frame(container, video, start_s)
    if key_pts is None:
        return False
    # Opened anew, because not every format can be read from its start again.
    with closing(open_container(path)) as container, _new(output) as clip:
        _seek(container, start_s)
        return _Copying(container, clip, key_pts, end_s).run()


def _new(output: Path) -> OutputContainer:
    return av.open(str(output), "w", format="mp4", options=_WHOLE)


def _key_frame(container: InputContainer, video: VideoStream, start_s: float) -> int | None:
    """The time stamp of the key frame at a time, if there is one."""
    rate = video.average_rate or video.guessed_rate
    half_a_frame_s = float(1 / rate) / 2 if rate else 0.01
    _seek(container, start_s)
    for packet in packets(container):
        is_shown_or_heard = packet.dts is not None and packet.stream.type in ("video", "audio")
        if is_shown_or_heard and _time_s(container, packet) > start_s + AFTER_S:
            return None
        if packet.stream_index != video.index or packet.pts is None:
            continue
        away_s = _time_s(container, packet) - start_s
        if packet.is_keyframe and abs(away_s) <= half_a_frame_s:
            return packet.pts
        if packet.is_keyframe and away_s > 0:
            return None
    return None


def _seek(container: InputContainer, start_s: float) -> None:
    """Goes to a place well before a time: the first packets after a jump lack time stamps."""
    if start_s > _BEFORE_S:
        container.seek(start_us(container) + round((start_s - _BEFORE_S) * av.time_base))


def _time_s(container: InputContainer, packet: "Packet[Any]") -> float:
    stamp = packet.pts if packet.pts is not None else packet.dts
    assert stamp is not None
    return float(stamp * packet.time_base) - start_us(container) / av.time_base


class _Copying:
    """Copies packets from the key frame on, all of them moved to the same beginning."""

    def __init__(
        self, source: InputContainer, clip: OutputContainer, key_pts: int, end_s: float
    ) -> None:
        self._source = source
        self._clip = clip
        self._video = video_stream(source)
        sound = sound_stream(source)
        streams: list[Stream] = [self._video] if sound is None else [self._video, sound]
        self._key_pts = key_pts
        assert self._video.time_base is not None
        self._start = key_pts * self._video.time_base
        begins_s = start_us(source) / av.time_base
        self._length_s = end_s - (float(self._start) - begins_s)
        self._copies = {
            stream.index: clip.add_stream_from_template(cast(Any, stream)) for stream in streams
        }
        self._has_begun = False
        self._waits_for_more = set(self._copies)

    def run(self) -> bool:
        """Copies until the end; tells whether there was anything to copy."""
        for packet in packets(self._source):
            if packet.stream_index in self._copies and packet.size and packet.dts is not None:
                self._take(packet)
            if not self._waits_for_more:
                break
        return self._has_begun

    def _take(self, packet: "Packet[Any]") -> None:
        is_video = packet.stream_index == self._video.index
        assert packet.dts is not None
        dts_s = float(packet.dts * packet.time_base - self._start)
        if dts_s >= self._length_s + AFTER_S:
            # Another track has ended long before, or comes and goes.
            self._waits_for_more.clear()
            return
        if dts_s >= self._length_s:
            self._waits_for_more.discard(packet.stream_index)
            return
        if is_video and packet.pts == self._key_pts:
            self._has_begun = True
        # Pictures shown before the key frame need others that are not there.
        if is_video and (not self._has_begun or (packet.pts or 0) < self._key_pts):
            return
        if not is_video and dts_s < -_SLIP_S:
            return
        shift = round(self._start / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts -= shift
        packet.stream = self._copies[packet.stream_index]
        self._clip.mux(packet)
