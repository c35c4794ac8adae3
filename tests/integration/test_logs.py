"""SCENEQL_LOG=json: one object a line on standard error, from every process."""

import json
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from app import logs
from app.catalog import status
from app.config import Settings
from tests.media import shot, write_clip

TIMEOUT_S = 180

pytestmark = pytest.mark.usefixtures("settings_of_test")


def start(*command: str, log: str = "json") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | {"SCENEQL_LOG": log, "SCENEQL_MODEL": "tiny"},
        stderr=subprocess.PIPE,
        text=True,
    )


def stopped(process: "subprocess.Popen[str]") -> str:
    process.terminate()
    return process.communicate(timeout=120)[1]


def objects(lines: str) -> list[dict[str, Any]]:
    """Every line as an object that has what every line must have."""
    found = [json.loads(line) for line in lines.splitlines()]
    for line in found:
        assert {"time", "level", "logger", "message"} <= line.keys(), line
        assert line["time"].startswith("20"), line
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def read(address: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def test_the_page_logs_each_request_without_its_question() -> None:
    port = free_port()
    process = start("app.cli", "serve", "--port", str(port))
    read(f"http://127.0.0.1:{port}/library?where=collection%3Dsecret")

    lines = objects(stopped(process))

    assert f"the page is at http://127.0.0.1:{port}/" in lines[0]["message"]
    (access,) = [line for line in lines if line["logger"] == "sceneql.access"]
    assert (access["method"], access["path"], access["status"]) == ("GET", "/library", 200)
    assert access["level"] == "INFO"
    assert 0 < access["seconds"] < 30
    assert "secret" not in json.dumps(lines)


def test_supervisor_worker_and_queue_log_objects_with_their_facts(
    engine: Engine, tmp_path: Path
) -> None:
    write_clip(tmp_path / "clip.mp4", shot(1, 5))
    subprocess.run(
        [sys.executable, "-m", "app.cli", "ingest", "--background", str(tmp_path)], check=True
    )
    process = start("app.cli", "worker", "--only", "ingest")
    deadline = time.monotonic() + TIMEOUT_S
    while status(engine).queue or not status(engine).videos:
        assert time.monotonic() < deadline
        time.sleep(0.2)

    lines = objects(stopped(process))

    assert any(line["message"].startswith("running ingest") for line in lines)
    assert any(line["logger"].startswith("procrastinate") for line in lines)
    (done,) = [line for line in lines if line.get("state") == "indexed"]
    assert done["logger"] == "workers.tasks"
    assert done["path"] == str(tmp_path / "clip.mp4")
    assert done["seconds"] > 0


def test_what_a_person_has_to_mend_is_an_object_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    for command in (["app.cli", "worker"], ["workers", "enqueue", __file__]):
        lines = objects(start(*command).communicate(timeout=120)[1])

        assert lines[-1]["level"] == "ERROR"
        assert "the database does not answer" in lines[-1]["message"]


def test_text_stays_text_without_a_line_for_each_request() -> None:
    port = free_port()
    process = start("app.cli", "serve", "--port", str(port), log="text")
    read(f"http://127.0.0.1:{port}/library")

    lines = stopped(process).splitlines()

    assert lines == [f"sceneql: the page is at http://127.0.0.1:{port}/ (Ctrl-C stops it)"]


def test_a_traceback_is_one_field_of_one_line() -> None:
    script = (
        "from app import logs; from app.config import Settings; "
        "logs.configure(Settings(log='json')); raise ValueError('two\\nlines')"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    (line,) = objects(ended.stderr)
    assert line["level"] == "CRITICAL"
    assert "Traceback" in line["exc_info"]


@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
def test_without_a_log_the_program_speaks_for_itself(
    level: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    logs.say("hello", level)

    assert capsys.readouterr().err == "sceneql: hello\n"


def test_an_unknown_form_is_refused() -> None:
    unknown: Any = "xml"

    with pytest.raises(ValueError, match="'text' or 'json'"):
        Settings(log=unknown)
