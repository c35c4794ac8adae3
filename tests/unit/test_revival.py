"""A database that cannot be started again: said once, and tried later and later."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.cli import revival
from app.cli.revival import LONGEST_PAUSE_S, Revival
from app.embedded import EmbeddedPostgres
from app.errors import DatabaseUnavailableError


def test_why_it_cannot_be_started_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revival, "FIRST_PAUSE_S", 0.0)
    home = tmp_path / "home"
    home.write_text("in the way")
    said: list[str] = []
    watch = Revival(EmbeddedPostgres(home), said.append)

    for _ in range(5):
        watch.look()

    assert len(said) == 2
    assert said[0] == "the database is gone; starting it again"
    assert said[1].startswith(f"Cannot keep a database in {home}")


def test_each_pause_is_longer_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: SimpleNamespace = SimpleNamespace(now_s=0.0, monotonic=lambda: clock.now_s)
    monkeypatch.setattr(revival, "time", clock)
    tries_s: list[float] = []

    class Broken(EmbeddedPostgres):
        def start(self) -> None:
            tries_s.append(clock.now_s)
            raise DatabaseUnavailableError("No space left on device")

    watch = Revival(Broken(tmp_path), lambda _: None)

    for _ in range(600):
        watch.look()
        clock.now_s += 0.5

    pauses_s = [later - earlier for earlier, later in pairwise(tries_s)]
    assert pauses_s == sorted(pauses_s)
    assert pauses_s[0] < 5
    assert pauses_s[-1] == LONGEST_PAUSE_S
