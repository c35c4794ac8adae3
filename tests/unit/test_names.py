"""Videos and sources are found by their names, however people write them."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.catalog import find_video
from app.config import Settings
from app.paths import absolute
from app.removal import find_removable
from app.sources import Rules, add_source, find_source
from tests.filling import fill


def test_a_path_may_lead_up_and_down_again(engine: Engine, tmp_path: Path) -> None:
    fill(engine, videos=3, frames=2)
    films = tmp_path / "films"
    films.mkdir()
    add_source(engine, films, Rules())

    detour = "/videos/new/../video 2.mp4"

    assert find_video(engine, detour) == 2
    assert find_video(engine, detour, watchable=False) == 2
    assert [video.id for video in find_removable(engine, [detour])] == [2]
    assert len(find_removable(engine, ["/videos/new/.."])) == 3
    assert find_source(engine, f"{films}/../films").path == films


def test_a_path_starts_from_where_one_is_and_keeps_its_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "films").symlink_to(tmp_path / "disk")
    monkeypatch.chdir(tmp_path)

    assert absolute("films/./one.mp4") == tmp_path / "films" / "one.mp4"


@pytest.mark.parametrize("variable", ["HOME", "UPLOADS", "MODEL_CACHE"])
def test_the_folder_of_a_setting_is_absolute(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"SCENEQL_{variable}", "new/../films")
    assert getattr(Settings(), variable.lower()) == tmp_path / "films"

    monkeypatch.setenv(f"SCENEQL_{variable}", "~/films")
    assert getattr(Settings(), variable.lower()) == Path(os.environ["HOME"], "films")
