"""The sample library: what its script says is what its files hold."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from app.sampling import Sampling
from workers.demo import render_library
from workers.demo_library import LIBRARY, QUESTIONS, SceneScript
from workers.scenes import analyse
from workers.tiny.drawing import draw
from workers.video import probe

BY_NAME = {script.file_name: script for script in LIBRARY}
RENDERED = ("hearts.mp4", "signs.mp4", "stars.webm")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("library")
    render_library(made, library=[BY_NAME[name] for name in RENDERED])
    return made


def description(scene: SceneScript) -> tuple[object, ...]:
    things = sorted((shape.colour, shape.texture, shape.kind) for shape in scene.shapes)
    return (scene.background, *things)


def test_no_two_scenes_of_the_library_are_described_alike() -> None:
    described = Counter(description(scene) for video in LIBRARY for scene in video.scenes)

    assert described.most_common(1)[0][1] == 1


def test_neighbouring_scenes_have_different_backgrounds() -> None:
    for video in LIBRARY:
        backgrounds = [scene.background for scene in video.scenes]

        assert all(a != b for a, b in pairwise(backgrounds)), video


def test_everything_that_the_script_names_can_be_drawn() -> None:
    for video in LIBRARY:
        for scene in video.scenes:
            for t_s in (0.0, scene.seconds):
                assert draw(scene.picture(t_s), 64, 36).std() > 5
    for question in QUESTIONS:
        if question.picture is not None:
            assert draw(question.picture, 64, 36).std() > 5


def test_each_question_names_a_moment_of_the_library() -> None:
    for question in QUESTIONS:
        length_s = sum(scene.seconds for scene in BY_NAME[question.file_name].scenes)

        assert 0 < question.t_s < length_s
        assert (question.text is None) != (question.picture is None)
    assert sum(question.picture is not None for question in QUESTIONS) == 1
    assert sum(question.where is not None for question in QUESTIONS) == 1


@pytest.mark.parametrize("name", RENDERED)
def test_a_rendered_video_has_the_scenes_of_its_script(folder: Path, name: str) -> None:
    expected_s = [0.0]
    for scene in BY_NAME[name].scenes:
        expected_s.append(expected_s[-1] + scene.seconds)

    analysis = analyse(folder / name, Sampling.parse("scenes:3"), on_sample=lambda _: None)

    # A fade has no frame of its own at which the next scene starts.
    starts_s = [scene.start_s for scene in analysis.scenes]
    assert starts_s == pytest.approx(expected_s[:-1], abs=0.1)
    assert analysis.duration_s == pytest.approx(expected_s[-1], abs=0.1)
    assert analysis.warning is None


@pytest.mark.parametrize("name", RENDERED)
def test_title_and_date_are_in_the_file_and_the_rest_is_beside_it(folder: Path, name: str) -> None:
    script, info = BY_NAME[name], probe(folder / name)
    sidecar = json.loads((folder / name).with_suffix(".json").read_text())

    assert (info.title, info.recorded_at) == (script.title, script.recorded_at)
    assert info.subtitles == bool(script.subtitles)
    assert sidecar == {
        "collection": script.collection,
        "tags": [*script.tags, "demo"],
        "metadata": dict(script.metadata),
    }


def test_nothing_but_the_library_is_left_behind(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}

    assert names == {*RENDERED, *(str(Path(name).with_suffix(".json")) for name in RENDERED)}


def test_a_file_that_is_there_is_let_be(tmp_path: Path) -> None:
    mine = tmp_path / "hearts.mp4"
    mine.write_bytes(b"not to be lost")

    render_library(tmp_path, library=[BY_NAME["hearts.mp4"]])

    assert mine.read_bytes() == b"not to be lost"
