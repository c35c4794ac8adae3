"""Cut-offs: `python -m bench.cutoffs` compares one on z with one on the bare similarity.

A cut-off is one number for all questions: the one that is best on half of them, used on the other
half, and the other way round. F1 is over all pairs of a question and a frame. Besides the z that
search_background gives, two simpler backgrounds are tried: all frames, and the lower half of them.
The questions are photographs that ask captions (SCENEQL_TEST_VECTORS), and words that ask pictures
drawn for the tiny model, of which they are true of one in a thousand or of most.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from PIL import Image
from sqlalchemy import Engine

from app.db import address_of
from bench.drawn import active_model
from bench.homes import new_library
from bench.machine import INGEST, header
from bench.tables import show
from workers.model import TINY, load
from workers.tiny.drawing import draw
from workers.tiny.language import sample_claim, say
from workers.tiny.world import ASPECTS, sample_picture

Floats = NDArray[np.float32]
PICTURES = 1000
QUESTIONS = 200


@dataclass(frozen=True)
class Asked:
    """Questions and frames, as unit vectors, and which frames answer which questions."""

    name: str
    questions: Floats
    """(questions, dim)."""
    frames: Floats
    """(frames, dim)."""
    truth: NDArray[np.bool_]
    """(questions, frames)."""


def photographs(folder: Path) -> Asked:
    """Photographs that ask for their captions among others, embedded by a real model."""
    lit = np.load(folder / "lit_small.npz")
    images, captions = lit["image_vectors"], lit["text_vectors"]
    truth = np.zeros((len(images), len(captions)), np.bool_)
    for caption, image in lit["qrels_text_image"]:
        truth[int(image), int(caption)] = True
    return Asked("photographs ask captions, LiT", images, captions, truth)


def drawings() -> Asked:
    """Words as people type them, and drawn pictures."""
    random = Random(0)
    # It comes with the package, and so needs no folder.
    model = load(TINY, Path())
    aspects = [random.choice(ASPECTS) for _ in range(PICTURES)]
    pictures = [sample_picture(random, aspect) for aspect in aspects]
    images = [
        Image.fromarray(draw(picture, round(180 * aspect), 180))
        for picture, aspect in zip(pictures, aspects, strict=True)
    ]
    claims = [sample_claim(random, random.choice(pictures), full=False) for _ in range(QUESTIONS)]
    return Asked(
        "words ask drawings, tiny model",
        model.encode_texts([say(random, claim) for claim in claims]),
        np.concatenate([model.encode_images(images[n : n + 50]) for n in range(0, PICTURES, 50)]),
        np.array([[claim.is_true(picture) for picture in pictures] for claim in claims]),
    )


def store(engine: Engine, frames: Floats) -> None:
    """Make the vectors the frames of one video."""
    model_id = active_model(engine, frames.shape[1])
    count = {"count": len(frames)}
    with psycopg.connect(address_of(engine)) as driver:
        register_vector(driver)
        for statement in (
            "INSERT INTO videos (content_hash, title, duration_s, frame_count, status) "
            "VALUES ('1', 'asked', %(count)s, %(count)s, 'indexed')",
            "INSERT INTO video_files (path, video_id) SELECT '/videos/asked.mp4', id FROM videos",
            "INSERT INTO scenes (video_id, scene_no, start_s, end_s) "
            "SELECT id, 0, 0, %(count)s FROM videos",
            "INSERT INTO frames (video_id, frame_no, scene_no, t_s, thumbnail) "
            "SELECT id, n, 0, n, '' FROM videos, generate_series(0, %(count)s - 1) n",
        ):
            driver.execute(statement, count)
        with driver.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO frame_embeddings (video_id, frame_no, model_id, embedding) "
                "SELECT id, %s, %s, %s FROM videos",
                [(number, model_id, HalfVector(vector)) for number, vector in enumerate(frames)],
            )


def backgrounds(engine: Engine, questions: Floats) -> NDArray[np.float64]:
    """(questions, 2) the mean and deviation that search_background gives for each."""
    with psycopg.connect(address_of(engine)) as driver:
        register_vector(driver)
        rows = [
            driver.execute(
                "SELECT mean, deviation FROM search_background(%s)", [HalfVector(question)]
            ).fetchone()
            for question in questions
        ]
    return np.array(rows, np.float64)


def measures(asked: Asked, engine: Engine) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """What each way to score makes of every pair of question and frame."""
    similarity = (asked.questions @ asked.frames.T).astype(np.float64)
    yield "similarity", similarity
    mean, deviation = backgrounds(engine, asked.questions).T[:, :, None]
    yield "z, as SceneQL has it", (similarity - mean) / deviation
    everything = (similarity.mean(1, keepdims=True), similarity.std(1, keepdims=True))
    yield "z over all frames", (similarity - everything[0]) / everything[1]
    lower = np.sort(similarity, axis=1)[:, : similarity.shape[1] // 2]
    median = lower[:, -1:]
    below = np.sqrt(((median - lower) ** 2).mean(1, keepdims=True))
    yield "z from the lower half", (similarity - median) / below


def best_cut(score: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """The cut-off with the highest F1."""
    order = np.argsort(-score, axis=None)
    right = np.cumsum(truth.ravel()[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + truth.sum())
    return float(score.ravel()[order][f1.argmax()])


def judged(score: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, ...]:
    """F1, precision, recall and the two cut-offs, each found on the other half of the questions."""
    half = np.arange(len(score)) % 2 == 0
    cuts = [best_cut(score[side], truth[side]) for side in (half, ~half)]
    kept = np.where(half[:, None], score >= cuts[1], score >= cuts[0])
    right = (kept & truth).sum()
    precision, recall = right / max(1, kept.sum()), right / truth.sum()
    return 2 * precision * recall / (precision + recall), precision, recall, *cuts


def report(asked: Asked, engine: Engine) -> None:
    """Show a row for each measure, by an empty library."""
    store(engine, asked.frames)
    shares = asked.truth.mean(1)
    show(
        f"\n{asked.name}: {len(asked.questions)} questions, {len(asked.frames)} frames, of which "
        f"{shares.min():.1%} to {shares.max():.1%} answer one, {np.median(shares):.1%} at the "
        "median\n"
    )
    show("| measure | F1 | precision | recall | cut-offs |")
    show("| --- | ---: | ---: | ---: | ---: |")
    for name, score in measures(asked, engine):
        f1, precision, recall, *cuts = judged(score, asked.truth)
        show(
            f"| {name} | {f1:.3f} | {precision:.3f} | {recall:.3f} "
            f"| {' and '.join(f'{cut:.2f}' for cut in cuts)} |"
        )


def main() -> None:
    """Print a table for each set of questions."""
    show(header(INGEST))
    sets = [drawings()]
    if vectors := os.environ.get("SCENEQL_TEST_VECTORS"):
        sets.append(photographs(Path(vectors)))
    for asked in sets:
        with new_library() as (engine, _):
            report(asked, engine)


if __name__ == "__main__":
    main()
