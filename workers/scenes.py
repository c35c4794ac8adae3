"""Cuts a video into scenes and chooses the frames to index, in one decode pass."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from scenedetect import AdaptiveDetector, ContentDetector, FrameTimecode

from app.sampling import Sampling
from workers.analysis import Analysis, Fingerprint, Sample, Scene
from workers.candidates import Candidate, Candidates, spread
from workers.fingerprint import LUMA_SIDE, phash
from workers.frames import DecodedFrame, Pixels, jpeg
from workers.video import OpenVideo, open_video

MAX_SHOT_S = 60.0
"""Default for the longest scene: fades are missed, and a fixed camera never cuts."""

_MIN_SHOT_S = 0.6
_MAX_SAMPLES_PER_SCENE = 60
_FINGERPRINT_INTERVAL_S = 0.5

_SPREAD_SPACING_S = 0.1
_KEY_FRAME_SPACING_S = 1.0
"""In some codecs every frame is a key frame: no more than one a second is taken."""

Detector = Literal["adaptive", "content"]
_DETECTORS = {"adaptive": AdaptiveDetector, "content": ContentDetector}


def analyse(
    path: Path,
    sampling: Sampling,
    *,
    on_sample: Callable[[Sample], None],
    on_progress: Callable[[float, int], None] | None = None,
    detector: Detector = "adaptive",
    max_shot_s: float = MAX_SHOT_S,
) -> Analysis:
    """Decode a video once: find its scenes, and hand out the frames to index on the way.

    Cuts are found by PySceneDetect. Between key frames, content detection is used throughout:
    frames that lie seconds apart have no running average to stand out from.

    Args:
        path: The video file.
        sampling: Which frames to hand out; every scene has at least one.
        on_sample: Called with each of them in their order, while the decoding goes on.
        on_progress: Called twice a second of video with the time, in seconds, and the number of
            frames decoded so far.
        detector: PySceneDetect's AdaptiveDetector or ContentDetector, with its own thresholds.
        max_shot_s: A shot longer than this is cut into scenes that are not.

    Raises:
        MediaError: The file is no video or cannot be read; the message is the reason.
    """
    with open_video(path, key_frames_only=sampling.kind == "keyframes") as video:
        return analyse_video(
            video,
            sampling,
            on_sample=on_sample,
            on_progress=on_progress,
            detector=detector,
            max_shot_s=max_shot_s,
        )


def analyse_video(
    video: OpenVideo,
    sampling: Sampling,
    *,
    on_sample: Callable[[Sample], None],
    on_progress: Callable[[float, int], None] | None = None,
    detector: Detector = "adaptive",
    max_shot_s: float = MAX_SHOT_S,
) -> Analysis:
    """What `analyse` does, for a video that is open for its one decode pass."""
    scenes = _Scenes(sampling, max_shot_s, on_sample)
    fingerprints: list[Fingerprint] = []
    frame_count = 0
    cuts = CutDetector(
        "content" if sampling.kind == "keyframes" else detector, video.info.fps or 25.0
    )
    next_fingerprint_s = 0.0
    for frame in video:
        small = frame.small()
        for cut_s in cuts.feed(frame, small):
            scenes.end_shot(cut_s)
        scenes.add(Candidate(frame, small))
        frame_count += 1
        if frame.t_s >= next_fingerprint_s:
            fingerprints.append(Fingerprint(frame.t_s, phash(frame.luma(LUMA_SIDE))))
            ticks = math.floor(frame.t_s / _FINGERPRINT_INTERVAL_S) + 1
            next_fingerprint_s = ticks * _FINGERPRINT_INTERVAL_S
            if on_progress is not None:
                on_progress(frame.t_s, frame_count)
    scenes.end_shot(video.duration_s)
    return Analysis(
        tuple(scenes.closed), tuple(fingerprints), frame_count, video.duration_s, video.warning
    )


class CutDetector:
    """Runs a detector of PySceneDetect over times in seconds, so that any frame rate will do."""

    def __init__(self, kind: Detector, fps: float) -> None:
        self._detector = _DETECTORS[kind](min_scene_len=_MIN_SHOT_S)
        self._fps = fps

    def feed(self, frame: DecodedFrame, small: Pixels) -> list[float]:
        """The times of the cuts that this frame brings to light: some frames late, if any."""
        found = self._detector.process_frame(FrameTimecode(frame.t_s, self._fps), small)
        return [cut.seconds for cut in found]


class _Scenes:
    """Closes scenes as shots end or grow too long, and hands out the frames of each.

    How long a shot will be is not known while it lasts. So a scene is cut off it once it has lasted
    twice the maximum, and what is left at its end is halved if need be: thus all scenes of a long
    shot are longer than half the maximum, and frames of twice the maximum are held at most.
    """

    def __init__(
        self, sampling: Sampling, max_shot_s: float, on_sample: Callable[[Sample], None]
    ) -> None:
        self.closed: list[Scene] = []
        self._sampling = sampling
        self._on_sample = on_sample
        self._start_s = 0.0
        self._latest: Candidate | None = None
        # Half of these are left after thinning out, over a shot that may yet become two scenes.
        self._spread = Candidates(_SPREAD_SPACING_S, capacity=max(16, 8 * sampling.per_scene))
        self._grid: Candidates | None = None
        self._longest_s = max_shot_s
        if sampling.kind != "scenes":
            spacing_s = _KEY_FRAME_SPACING_S
            if sampling.kind == "every":
                spacing_s = sampling.interval_s
            self._grid = Candidates(spacing_s)
            # Dense sampling makes for shorter scenes, because all frames of a scene are held.
            self._longest_s = min(max_shot_s, _MAX_SAMPLES_PER_SCENE * spacing_s)

    def add(self, candidate: Candidate) -> None:
        """Take in the next frame."""
        self._latest = candidate
        self._spread.offer(candidate)
        if self._grid is not None:
            self._grid.offer(candidate)
        if candidate.t_s - self._start_s >= 2 * self._longest_s:
            self._split(self._start_s + self._longest_s)

    def end_shot(self, at_s: float) -> None:
        """Close the scenes of a shot that ends here, at a cut or with the video."""
        while (length_s := at_s - self._start_s) > self._longest_s:
            parts = math.ceil(length_s / self._longest_s)
            if not self._split(self._start_s + length_s / parts):
                break
        self._close(at_s)

    def _split(self, at_s: float) -> bool:
        """End a scene inside a shot, unless nothing but its last frame is shown from there on."""
        kept = self._spread.kept
        if kept and kept[0].t_s >= at_s:
            # Nothing is shown yet, so the scene lasts until something was.
            at_s = kept[0].t_s + self._longest_s
        following = [c.t_s for c in kept if c.t_s >= at_s]
        if not following:
            return False
        # A picture that is held for longer than a scene may last stays one scene.
        held = following[0] >= at_s + self._longest_s
        self._close(following[0] if held else at_s)
        return True

    def _close(self, end_s: float) -> None:
        candidates = self._spread.take_until(end_s)
        chosen = spread(candidates, self._sampling.per_scene, self._start_s, end_s)
        if self._grid is not None:
            on_grid = [c for c in self._grid.take_until(end_s) if not c.blank]
            chosen = on_grid or chosen
        if not chosen and self._latest is not None and self._start_s <= self._latest.t_s < end_s:
            # The last cut came to light too late for its scene to have other frames.
            chosen = [self._latest]
        if not chosen:
            return
        scene = Scene(len(self.closed), self._start_s, end_s)
        self.closed.append(scene)
        self._start_s = end_s
        for candidate in chosen:
            frame = candidate.frame
            image = frame.image()
            self._on_sample(Sample(frame.index, frame.t_s, scene.scene_no, image, jpeg(image)))
