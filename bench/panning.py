"""Videos of any length and one kind: a camera pans over something new every few seconds."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

FPS = 24
SCENE_S = 4
_WIDTH, _HEIGHT = 1280, 720
_GRAIN = 24
"""How many pixels lie between two points of a view that were drawn by chance."""


def render(path: Path, seconds: float) -> None:
    """Render a video under another name first, so that nobody takes half of it for the whole."""
    unfinished = path.with_name(f".{path.name}.part")
    with av.open(str(unfinished), "w", format="mp4") as container:
        options = {"preset": "ultrafast", "crf": "23"}
        video = container.add_stream("libx264", FPS, options=options)
        video.width, video.height, video.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        for picture in _pictures(round(seconds * FPS)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
    unfinished.rename(path)


def _pictures(count: int) -> Iterator[NDArray[np.uint8]]:
    """So many pictures; those of a scene move by two pixels each."""
    view = _view(0)
    for number in range(count):
        scene_no, place = divmod(number, SCENE_S * FPS)
        if not place:
            view = _view(scene_no)
        yield np.ascontiguousarray(view[:, 2 * place : 2 * place + _WIDTH])


def _view(scene_no: int) -> NDArray[np.uint8]:
    """Soft spots of colour, wider than the picture, and different ones for each scene."""
    random = np.random.default_rng(scene_no)
    width = _WIDTH + 2 * SCENE_S * FPS
    spots = random.integers(0, 256, (_HEIGHT // _GRAIN, width // _GRAIN, 3), np.uint8)
    view = cv2.resize(spots, (width, _HEIGHT), interpolation=cv2.INTER_CUBIC)
    return view.astype(np.uint8, copy=False)
