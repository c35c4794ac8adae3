"""Videos and sources are found by their names, however people write them."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.catalog import find_video
from app.config import Settings
from app.errors import BadRequestError
from app.paths import absolute
from app.removal import find_removable
from app.sources import Rules, add_source, find_source
from tests.filling import fill


def set_titles(engine: Engine, titles: dict[int, str]) -> None:
    with engine.begin() as connection:
        for video_id, title in titles.items():
            connection.execute(
                text("UPDATE videos SET title = :title WHERE id = :id"),
                {"title": title, "id": video_id},
            )


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


def test_a_number_is_the_id_though_titles_say_the_same(engine: Engine) -> None:
    fill(engine, videos=3, frames=2)
    set_titles(engine, {1: "2", 3: "2"})

    assert find_video(engine, "2") == 2
    assert find_video(engine, "02") == 2


def test_a_number_that_is_no_id_may_be_a_title(engine: Engine) -> None:
    fill(engine, videos=3, frames=2)
    set_titles(engine, {1: "77", 2: "88", 3: "88"})

    assert find_video(engine, "77") == 1
    with pytest.raises(BadRequestError, match=r"by its id: 2 \(88\), 3 \(88\)"):
        find_video(engine, "88")


@pytest.mark.parametrize("variable", ["HOME", "UPLOADS", "MODEL_CACHE"])
def test_the_folder_of_a_setting_is_absolute(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"SCENEQL_{variable}", "new/../films")
    assert getattr(Settings(), variable.lower()) == tmp_path / "films"

    monkeypatch.setenv(f"SCENEQL_{variable}", "~/films")
    assert getattr(Settings(), variable.lower()) == Path(os.environ["HOME"], "films")
