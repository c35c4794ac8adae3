"""The ways to index clips that are compared: parts, tutorials, and SceneQL's own."""

import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from io import StringIO

import av
import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from scenedetect import AdaptiveDetector, detect
from sqlalchemy import Engine

from app.config import Settings
from app.sampling import Sampling
from bench.clips import Clip
from bench.homes import new_library
from bench.measuring import Clock, Counts
from bench.random_weights import Weighted
from workers.decoders import Decoders
from workers.embedding import BATCH_SIZE, Embedding
from workers.index_model import claim
from workers.ingest import Ingester, Outcome
from workers.model import Model
from workers.progress import display
from workers.scenes import CutDetector
from workers.several import ingest_files
from workers.video import open_video

_SAMPLES_PER_SCENE = 3
# It would tell of every clip on the terminal.
logging.getLogger("pyscenedetect").setLevel(logging.WARNING)


def decode(clock: Clock, clips: list[Clip], key_frames_only: bool) -> Counts:
    """Only decode, by PyAV as it comes, in as many threads as FFmpeg takes."""
    frames = 0
    with clock:
        for clip in clips:
            with av.open(str(clip.path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                for packet in container.demux(stream):
                    # The empty packet at the end has the decoder give what it holds back.
                    if packet.is_keyframe or not key_frames_only or not packet.size:
                        frames += len(packet.decode())
    return Counts(frames=frames)


def decode_and_detect(clock: Clock, clips: list[Clip], key_frames_only: bool) -> Counts:
    """Decode, and find cuts as SceneQL does; `detection_cpu_s` is what that alone took.

    The thread that detects does not decode, so its own processor time tells.
    """
    frames, detection_cpu_s = 0, 0.0
    with clock:
        for clip in clips:
            with open_video(clip.path, key_frames_only=key_frames_only) as video:
                fps = video.info.fps or 25.0
                cuts = CutDetector("content" if key_frames_only else "adaptive", fps)
                for frame in video:
                    before_s = time.thread_time()
                    cuts.feed(frame, frame.small())
                    detection_cpu_s += time.thread_time() - before_s
                    frames += 1
    return Counts(frames=frames, detection_cpu_s=detection_cpu_s)


def pyscenedetect(clock: Clock, clips: list[Clip]) -> Counts:
    """What PySceneDetect's own command does: read by OpenCV and find cuts, and no more."""
    with clock:
        for clip in clips:
            detect(str(clip.path), AdaptiveDetector())
    return Counts()


def embed(clock: Clock, images: int, weighted: Weighted) -> Counts:
    """Only the model, over pictures of the size that it looks at."""
    model = _warm(weighted.load())
    random = np.random.default_rng(0)
    side = 256
    batch = [
        Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8))
        for _ in range(BATCH_SIZE)
    ]
    with clock:
        for start in range(0, images, BATCH_SIZE):
            model.encode_images(batch[: images - start])
    return Counts(images=images)


def detect_then_seek(clock: Clock, clips: list[Clip], weighted: Weighted) -> Counts:
    """The usual tutorial: detect scenes, then seek to three frames of each and embed one by one."""
    return _seek_and_embed(clock, clips, weighted, _times_of_scenes)


def seek_every_second(clock: Clock, clips: list[Clip], weighted: Weighted) -> Counts:
    """The other tutorial: seek to a frame for each second and embed one by one."""
    return _seek_and_embed(clock, clips, weighted, _seconds)


def sceneql(clock: Clock, clips: list[Clip], sampling: str, weighted: Weighted) -> Counts:
    """SceneQL's whole ingest into a new database, by a worker that has its model loaded."""
    with new_library() as (engine, settings):
        return index(clock, engine, settings, clips, sampling, weighted)


def index(
    clock: Clock,
    engine: Engine,
    settings: Settings,
    clips: list[Clip],
    sampling: str,
    weighted: Weighted,
) -> Counts:
    """SceneQL's whole ingest into an empty library."""
    images, first_s = 0, None
    with ready_to_ingest(engine, settings, clips, sampling, weighted) as ingest, clock:
        for outcome in ingest():
            images += outcome.frames
            first_s = first_s or clock.so_far_s()
    return Counts(images=images, first_s=first_s)


@contextmanager
def ready_to_ingest(
    engine: Engine, settings: Settings, clips: list[Clip], sampling: str, weighted: Weighted
) -> Iterator[Callable[[], Generator[Outcome, None, None]]]:
    """A worker with its model loaded and its decoders running; what it gives indexes the clips."""
    model = _warm(weighted.load())
    model_id = claim(engine, model)
    with ExitStack() as stack:
        embedding = stack.enter_context(Embedding(model))
        decoders = stack.enter_context(closing(Decoders.of(settings)))
        for decoder in decoders.all:
            # Started, and waited for.
            decoder.describe(clips[0].path)
        ingester = Ingester(
            engine, embedding, model_id, settings.spool_dir, decoders, Sampling.parse(sampling)
        )
        shown = stack.enter_context(display(len(clips), Console(file=StringIO())))
        paths = [clip.path for clip in clips]
        yield lambda: ingest_files(ingester, paths, shown, decoders.files_at_a_time)


def _seek_and_embed(
    clock: Clock, clips: list[Clip], weighted: Weighted, times_of: Callable[[Clip], list[float]]
) -> Counts:
    model = _warm(weighted.load("fp32"))
    images, first_s = 0, None
    with clock:
        for clip in clips:
            times_s = times_of(clip)
            capture = cv2.VideoCapture(str(clip.path))
            for time_s in times_s:
                capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * time_s)
                is_read, picture = capture.read()
                if is_read:
                    model.encode_images([Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))])
                    images += 1
            capture.release()
            first_s = first_s or clock.so_far_s()
    return Counts(images=images, first_s=first_s)


def _times_of_scenes(clip: Clip) -> list[float]:
    scenes = [(a.seconds, b.seconds) for a, b in detect(str(clip.path), AdaptiveDetector())]
    return [
        start_s + (part + 0.5) * (end_s - start_s) / _SAMPLES_PER_SCENE
        # Without a cut the list is empty, and the whole clip is the scene.
        for start_s, end_s in scenes or [(0.0, clip.duration_s)]
        for part in range(_SAMPLES_PER_SCENE)
    ]


def _seconds(clip: Clip) -> list[float]:
    return [float(second) for second in range(int(clip.duration_s) + 1)]


def _warm(model: Model) -> Model:
    """The model, after the first batch, which takes longer than any other."""
    model.encode_images([Image.new("RGB", (256, 256))] * BATCH_SIZE)
    return model
