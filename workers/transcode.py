"""Writes a part of a video as H.264 and AAC in an MP4, which every browser plays."""

from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.filter import Graph
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from app.errors import MediaError
from workers.excerpt import Sound, decode, has_sound
from workers.frames import DecodedFrame, has_alpha, scaled

STANDARD_OUTPUT = "pipe:1"

FRAGMENTED = {"movflags": "frag_keyframe+delay_moov+default_base_moof"}
"""Muxer options of a stream: it can be played while it is written, and needs no seeking back."""

SHORT_SIDE_PX = 720
"""Shorter side of the converted pictures at most, in pixels."""

_CLOCK = Fraction(1, 90_000)
_SAMPLES_PER_S = 48_000
_SAMPLES_PER_FRAME = 1024
# A key frame at least every so many frames: each begins a fragment, which is sent when it is whole.
_FRAMES_PER_FRAGMENT = 25
_ENCODER = {"preset": "veryfast", "crf": "23", "bf": "0"}
_UNSPECIFIED = 2
_READ_AHEAD = 2000
"""Pieces of sound to wait for the first picture with; one is about 20 ms long."""


def transcode(
    path: Path,
    output: str,
    *,
    from_s: float = 0.0,
    until_s: float = float("inf"),
    short_side_px: int = SHORT_SIDE_PX,
    muxer_options: dict[str, str] | None = None,
) -> None:
    """Write a part of a video into an MP4 whose clock begins at 0.

    Args:
        path: The video; it is opened for reading only.
        output: A file name or URL, as FFmpeg reads it.
        from_s: Where the part begins; its first picture is the one on the screen then.
        until_s: Where it ends.
        short_side_px: Larger pictures are shrunk until their shorter side has so many pixels.
        muxer_options: FRAGMENTED for what is played while it is written.

    Raises:
        MediaError: The file is no video, cannot be read, or ends before the part begins.
    """
    items = decode(path, from_s, until_s)
    held: list[Sound] = []
    for item in items:
        if isinstance(item, DecodedFrame):
            break
        if len(held) < _READ_AHEAD:
            held.append(item)
    else:
        raise MediaError(f"shows nothing at {from_s:g} s")
    with av.open(output, "w", format="mp4", options=muxer_options or {}) as container:
        # The muxer has to know all tracks before the first packet of one.
        pictures = _Pictures(container, item, from_s, short_side_px)
        sounds = _Sounds(container, from_s) if has_sound(path) else None
        for each in chain([item], held, items):
            if isinstance(each, DecodedFrame):
                pictures.add(each)
            elif sounds is not None:
                sounds.add(each)
        pictures.finish()
        if sounds is not None:
            sounds.finish()


class _Pictures:
    """A track of upright pictures of one size."""

    def __init__(
        self, container: OutputContainer, first: DecodedFrame, from_s: float, short_side_px: int
    ) -> None:
        self._container = container
        self._from_s = from_s
        self._last_pts = -1
        self._scaler = VideoReformatter()
        stored = first.stored
        width, height = first.view.shown_size(stored.width, stored.height)
        scale = min(1.0, short_side_px / min(width, height))
        self._stream = container.add_stream("libx264", options=_ENCODER)
        self._stream.width, self._stream.height = _even(width * scale), _even(height * scale)
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = _CLOCK
        context.gop_size = _FRAMES_PER_FRAGMENT
        context.color_range = ColorRange.MPEG
        redrawn = _is_redrawn(first)
        # What a file does not say about its colours is left for players to guess, as before.
        context.colorspace = Colorspace.ITU601 if redrawn else stored.colorspace
        context.color_primaries = _UNSPECIFIED if redrawn else stored.color_primaries
        context.color_trc = _UNSPECIFIED if redrawn else stored.color_trc
        self._stream.time_base = _CLOCK

    def add(self, frame: DecodedFrame) -> None:
        pts = max(self._last_pts + 1, round((frame.t_s - self._from_s) / _CLOCK))
        picture = self._shaped(frame)
        picture.pts, picture.time_base, picture.pict_type = pts, _CLOCK, 0
        self._last_pts = pts
        self._container.mux(self._stream.encode(picture))

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))

    def _shaped(self, frame: DecodedFrame) -> av.VideoFrame:
        stored = frame.stored
        if _is_redrawn(frame):
            stored = av.VideoFrame.from_ndarray(np.asarray(frame.image()), format="rgb24")
        return scaled(
            stored, self._stream.width, self._stream.height, "yuv420p", "AREA", self._scaler
        )


class _Sounds:
    """A track of stereo sound without gaps; what is missing in the file is silent."""

    def __init__(self, container: OutputContainer, from_s: float) -> None:
        self._container = container
        self._from_s = from_s
        self._graph: Graph | None = None
        self._format: tuple[Any, ...] = ()
        self._stream = container.add_stream("aac", _SAMPLES_PER_S, options={"b": "128k"})
        self._stream.codec_context.layout = "stereo"

    def add(self, sound: Sound) -> None:
        frame = sound.stored
        kind = (frame.sample_rate, frame.format.name, frame.layout.name)
        if self._graph is None:
            self._graph, self._format = _resampling(*kind), kind
        if kind != self._format:
            return
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round((sound.t_s - self._from_s) * frame.sample_rate)
        self._graph.push(frame)
        self._encode()

    def finish(self) -> None:
        if self._graph is None:
            # Players may wait for ever for a track of which nothing comes.
            self.add(_silence(self._from_s))
        assert self._graph is not None
        self._graph.push(None)
        self._encode()
        self._container.mux(self._stream.encode(None))

    def _encode(self) -> None:
        assert self._graph is not None
        with suppress(av.BlockingIOError, av.EOFError):
            while True:
                self._container.mux(self._stream.encode(cast(Any, self._graph.pull())))


def _silence(t_s: float) -> Sound:
    frame = AudioFrame(format="fltp", layout="stereo", samples=_SAMPLES_PER_FRAME)
    frame.sample_rate = _SAMPLES_PER_S
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return Sound(t_s, frame)


def _resampling(sample_rate: int, sample_format: str, layout: str) -> Graph:
    """What brings sound into the encoder's form: it starts at 0, and gaps are filled."""
    graph = Graph()
    graph.link_nodes(
        graph.add_abuffer(
            sample_rate=sample_rate,
            format=sample_format,
            layout=layout,
            time_base=Fraction(1, sample_rate),
        ),
        graph.add("aresample", f"{_SAMPLES_PER_S}:async=1:first_pts=0"),
        graph.add(
            "aformat",
            f"sample_fmts=fltp:sample_rates={_SAMPLES_PER_S}:channel_layouts=stereo",
        ),
        graph.add("asetnsamples", f"n={_SAMPLES_PER_FRAME}:p=0"),
        graph.add("abuffersink"),
    ).configure()
    return graph


def _is_redrawn(frame: DecodedFrame) -> bool:
    """Whether a picture has to be turned upright or put before white, which takes longer."""
    return frame.view.turn is not None or has_alpha(frame.stored.format.name)


def _even(pixels: float) -> int:
    return max(2, 2 * round(pixels / 2))
