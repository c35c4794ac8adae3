"""The command line as a person meets it: one clear line for each mistake, help for each command."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.command import sceneql

pytestmark = pytest.mark.usefixtures("settings_of_test")


@pytest.mark.parametrize(
    "command",
    [[], ["ingest"], ["search"], ["find"], ["similar"], ["embed"], ["frames"], ["status"],
     ["doctor"], ["rm"], ["meta"], ["meta", "set"], ["meta", "show"], ["meta", "import"],
     ["sources"], ["sources", "add"], ["sources", "list"], ["sources", "scan"],
     ["sources", "pause"], ["sources", "resume"], ["sources", "remove"],
     ["models"], ["models", "list"], ["models", "add"], ["models", "activate"],
     ["models", "drop"], ["serve"], ["worker"], ["up"], ["demo"],
     ["db"], ["db", "url"], ["db", "psql"], ["db", "stop"], ["db", "upgrade"], ["db", "backup"],
     ["db", "restore"]],
    ids=" ".join,
)  # fmt: skip
def test_every_command_explains_itself(command: list[str]) -> None:
    shown = sceneql(*command, "--help")

    assert shown.returncode == 0, shown.stderr
    assert "Usage: sceneql" in shown.stdout
    assert len(shown.stdout.splitlines()) >= 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["search", "--frob"], "No such option '--frob'"),
        (["search", "x", "--limit", "many"], "'many' is not a valid integer"),
        (["search", "x", "--limit", "0"], "between 1 and 1,000 hits"),
        (["search", "x", "--image", "/no/such.png"], "/no/such.png cannot be read"),
        (["search"], "the question is empty"),
        (["search", "  "], "the question is empty"),
        (["search", "x" * 2001], "at most 2,000"),
        (["search", "a red circle"], "sceneql ingest FOLDER"),
        (["ingest"], "Missing argument 'PATH...'"),
        (["ingest", "x", "--sampling", "often"], "scenes:"),
        (["worker", "--only", "web"], "'web' is not one of 'embedder', 'ingest'"),
        (["db", "stop"], "a Postgres of your own"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_wrong_argument_gets_one_line(arguments: list[str], message: str) -> None:
    refused = sceneql(*arguments)

    assert refused.returncode == 2
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize(
    "command",
    [["status"], ["search", "x"], ["ingest", __file__], ["ingest", "--background", __file__]],
    ids=" ".join,
)
def test_a_database_that_does_not_answer_gets_one_line(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")

    refused = sceneql(*command)

    assert refused.returncode in (1, 2)
    assert "the database does not answer" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DATABASE_URL", "mysql://somewhere/else", "SceneQL needs postgresql://"),
        ("DATABASE_URL", "postgresql://host:port/name", "write it as postgresql://"),
        ("DATABASE_URL", "somewhere", "write it as postgresql://"),
        ("SCENEQL_PORT", "many", "SCENEQL_PORT is wrong: "),
    ],
)
def test_a_wrong_setting_gets_one_line(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    refused = sceneql("status")

    assert refused.returncode == 2
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1, refused.stderr


def test_an_address_written_for_sqlalchemy_serves_every_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = os.environ["DATABASE_URL"]
    monkeypatch.setenv("DATABASE_URL", address.replace("postgresql:", "postgresql+psycopg:"))

    assert sceneql("db", "url").stdout.strip() == address


def test_a_module_in_the_current_folder_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "__main__.py").write_text("print('run from the current folder')")
    command = shutil.which("sceneql", path=Path(sys.executable).parent)
    assert command, "the project is not installed"
    monkeypatch.chdir(tmp_path)

    done = subprocess.run([command, "ingest", "nothing.mp4"], capture_output=True, text=True)

    assert "run from the current folder" not in done.stdout
    assert "there is no such file or folder" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["status"], ["search", "--frob"], ["ingest", "nothing.mp4"], ["db", "psql", "-c", "x"]],
    ids=" ".join,
)
def test_the_forked_commands_of_these_tests_do_what_started_ones_do(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "app.cli", *arguments]

    started = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    forked = sceneql(*arguments)

    assert forked.returncode == started.returncode
    assert without_times(forked.stdout) == without_times(started.stdout)
    assert without_times(forked.stderr) == without_times(started.stderr)


def without_times(shown: str) -> str:
    return re.sub(r"\d+\.\d s", "", shown)


def test_a_newer_database_says_so(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    refused = sceneql("status")

    assert refused.returncode == 2
    assert "made by a newer SceneQL" in refused.stderr


def test_the_url_is_all_that_psql_needs() -> None:
    url = sceneql("db", "url").stdout.strip()
    assert url == os.environ["DATABASE_URL"]

    answered = sceneql("db", "psql", "-XAtc", "SELECT count(*) FROM moments")

    assert answered.stdout == "0\n", answered.stderr


def test_the_status_of_an_empty_library_says_what_to_do() -> None:
    shown = sceneql("status")

    assert shown.returncode == 0, shown.stderr
    assert "sceneql ingest FOLDER" in shown.stdout


def test_the_status_comes_as_json() -> None:
    state = json.loads(sceneql("status", "--json").stdout)

    assert state["videos"] == {}
    assert state["frames"] == 0
    assert state["embedder_running"] is False
