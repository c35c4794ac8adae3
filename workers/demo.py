"""Renders the sample library: drawn videos with all that makes a library worth searching."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import SubtitleSet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from workers.analysis import Subtitle
from workers.demo_library import LIBRARY, VideoScript
from workers.tiny.drawing import Picture, draw

_WIDTH, _HEIGHT = 640, 360
_FADE_S = 0.5
_ENCODERS = {
    ".mp4": ("libx264", {"preset": "ultrafast", "crf": "23"}),
    ".webm": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "2M"}),
}
_MUXER_OPTIONS = {".mp4": {"movflags": "+faststart"}, ".webm": {}}

_MILLISECONDS = Fraction(1, 1000)
_ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,16,&Hffffff,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""What FFmpeg's subtitle encoders want to know of the style of the lines that follow."""


def render_library(
    folder: Path,
    on_progress: Callable[[Path], None] | None = None,
    library: Sequence[VideoScript] = LIBRARY,
) -> list[Path]:
    """Render the videos of the library that the folder does not have yet, each with its sidecar.

    Args:
        folder: Where the videos go; created if need be. A file that is there already is let be.
        on_progress: Called with each video, in their order, as soon as it is there.
        library: The videos to render.

    Returns:
        All videos of the library, in their order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    videos = []
    with ThreadPoolExecutor() as threads:
        for path in threads.map(lambda script: _render(script, folder), library):
            videos.append(path)
            if on_progress is not None:
                on_progress(path)
    return videos


def _render(script: VideoScript, folder: Path) -> Path:
    """Render one video under another name, so that nobody takes half of it for the whole."""
    path = folder / script.file_name
    if path.exists():
        return path
    sidecar = {
        "collection": script.collection,
        "tags": [*script.tags, "demo"],
        "metadata": dict(script.metadata),
    }
    path.with_suffix(".json").write_text(json.dumps(sidecar, indent=2) + "\n")
    unfinished = path.with_name(f".{path.name}.part")
    _write_video(script, unfinished, path.suffix)
    unfinished.rename(path)
    return path


def _write_video(script: VideoScript, path: Path, suffix: str) -> None:
    muxer = suffix.removeprefix(".")
    options = _MUXER_OPTIONS[suffix]
    with av.open(str(path), "w", format=muxer, container_options=options) as container:
        container.metadata["title"] = script.title
        container.metadata["creation_time"] = script.recorded_at.isoformat()
        codec, quality = _ENCODERS[suffix]
        video = cast(VideoStream, container.add_stream(codec, script.fps, options=quality))
        video.width, video.height, video.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        # One thread: another number of them would write other bytes. The videos share the cores.
        video.thread_count = 1
        video.gop_size = 2 * script.fps
        captions = add_subtitles(container) if script.subtitles else None
        for frame in _frames(script):
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode(None))
        if captions is not None:
            for number, subtitle in enumerate(script.subtitles):
                container.mux(encode_subtitle(captions, number, subtitle))


def _frames(script: VideoScript) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video, (height, width, 3) red, green and blue."""
    drawn: tuple[Picture, NDArray[np.uint8]] | None = None
    for number, scene in enumerate(script.scenes):
        fades_out = number + 1 < len(script.scenes) and script.scenes[number + 1].fades_in
        for index in range(round(scene.seconds * script.fps)):
            t_s = index / script.fps
            picture = scene.picture(t_s)
            if drawn is None or drawn[0] != picture:
                drawn = picture, draw(picture, _WIDTH, _HEIGHT)
            light = min(
                t_s / _FADE_S if scene.fades_in else 1.0,
                (scene.seconds - t_s) / _FADE_S if fades_out else 1.0,
            )
            yield drawn[1] if light >= 1 else (drawn[1] * light).astype(np.uint8)


def add_subtitles(container: OutputContainer, codec: str = "mov_text") -> SubtitleStream:
    """Add a track of subtitles in one of the formats that FFmpeg writes."""
    stream = cast(SubtitleStream, container.add_stream(codec))
    stream.codec_context.subtitle_header = _ASS_HEADER
    stream.codec_context.time_base = _MILLISECONDS
    return stream


def encode_subtitle(
    stream: SubtitleStream, number: int, subtitle: Subtitle
) -> "Packet[SubtitleStream]":
    """A line of subtitles as a packet of its track."""
    text = subtitle.text.replace("\n", r"\N")
    start, end = round(subtitle.start_s * 1000), round(subtitle.end_s * 1000)
    line = f"{number},0,Default,,0,0,0,,{text}".encode()
    packet = stream.codec_context.encode_subtitle(SubtitleSet.create(line, 0, end - start, start))
    packet.stream, packet.time_base = stream, _MILLISECONDS
    packet.pts = packet.dts = start
    packet.duration = end - start
    return packet
