"""Where the page listens: on this machine alone, unless strangers were thought of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import sceneql
from app.cli.services import listening_at
from app.config import get_settings
from app.errors import SceneqlError


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The settings are read anew, from what the test sets."""
    get_settings.cache_clear()
    yield monkeypatch
    get_settings.cache_clear()


def test_the_page_listens_on_this_machine_unless_told(environment: pytest.MonkeyPatch) -> None:
    assert environment
    assert listening_at(None, None).host == "127.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_this_machine_needs_no_token(environment: pytest.MonkeyPatch, host: str) -> None:
    assert environment
    assert listening_at(host, None).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.20", "*", "videos.example"])
def test_other_addresses_need_a_token(environment: pytest.MonkeyPatch, host: str) -> None:
    with pytest.raises(SceneqlError, match=r"SCENEQL_TOKEN .* or SCENEQL_WITHOUT_LOGIN=1"):
        listening_at(host, None)

    environment.setenv("SCENEQL_TOKEN", "sixteen-characters")
    get_settings.cache_clear()
    assert listening_at(host, None).token == "sixteen-characters"


def test_an_address_from_the_environment_needs_a_token(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SCENEQL_HOST", "0.0.0.0")

    with pytest.raises(SceneqlError, match="SCENEQL_TOKEN"):
        listening_at(None, None)


def test_a_page_for_everybody_has_to_be_wished_for(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SCENEQL_WITHOUT_LOGIN", "1")

    assert listening_at("0.0.0.0", None).token is None


@pytest.mark.parametrize("command", ["serve", "up", "demo"])
def test_nothing_is_started_for_a_page_that_would_be_open(
    environment: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    environment.setenv("SCENEQL_HOME", str(tmp_path / "home"))

    with pytest.raises(SceneqlError) as raised:
        sceneql.main([command, "--host", "0.0.0.0"], standalone_mode=False)

    assert "\n" not in str(raised.value)
    assert "SCENEQL_TOKEN" in str(raised.value)
    assert not (tmp_path / "home").exists()
