"""A benchmark that broke off leaves a home that the next run goes on with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from bench import drawn, random_weights
from bench.drawn import FRAMES_PER_VIDEO, Drawn, draw, grow, store
from tests.cached_model import SMALL
from workers import weights


def break_off(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("fill", [store, grow])
def test_a_library_is_filled_that_had_no_more_than_its_model(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, fill: Callable[[Engine, Drawn], None]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(drawn, "_store_vectors", break_off)
        with pytest.raises(KeyboardInterrupt):
            fill(engine, draw(2 * FRAMES_PER_VIDEO))

    fill(engine, draw(2 * FRAMES_PER_VIDEO))

    with engine.connect() as connection:
        query = text("SELECT count(*) FROM frame_embeddings")
        assert connection.execute(query).scalar_one() == 2 * FRAMES_PER_VIDEO


def test_weights_of_which_half_was_written_are_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = weights.Source.of(SMALL.name, SMALL.pretrained)

    def write_half(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(random_weights, "save_file", write_half)
        with pytest.raises(KeyboardInterrupt):
            random_weights.cache_random_weights(tmp_path, SMALL)
    assert weights.cached(source, tmp_path) is None

    random_weights.cache_random_weights(tmp_path, SMALL)

    found = weights.cached(source, tmp_path)
    assert found is not None
    assert found.stat().st_size > 2**20
