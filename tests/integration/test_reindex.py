"""`sceneql reindex`, as a person calls it."""

from sqlalchemy import Engine

from app.config import Settings
from tests.command import sceneql
from tests.filling import fill


def test_a_library_gets_the_index_that_is_asked_for_and_the_one_that_fits(
    engine: Engine, settings_of_test: Settings
) -> None:
    assert settings_of_test.database_url
    fill(engine, videos=20, frames=20)

    planned = sceneql("reindex", "--dry-run")
    asked = sceneql("reindex", "--index", "binary", "--memory", "64")
    fitting = sceneql("reindex", "drawn/test")

    assert "fits: a halfvec index (400 frames" in planned.stderr
    assert "it has: halfvec" in planned.stderr
    assert "the binary index is built" in asked.stderr
    assert "reads all vectors now" in asked.stderr
    assert "the halfvec index is built" in fitting.stderr
    assert [done.returncode for done in (planned, asked, fitting)] == [0, 0, 0]


def test_an_index_that_cannot_be_built_is_one_line(
    engine: Engine, settings_of_test: Settings
) -> None:
    assert settings_of_test.database_url
    empty = sceneql("reindex")
    fill(engine, videos=1, frames=5)
    unknown = sceneql("reindex", "clap")

    assert "there is no model yet" in empty.stderr
    assert "this index has no model 'clap'; it has drawn/test" in unknown.stderr
    assert [done.returncode for done in (empty, unknown)] == [2, 2]
