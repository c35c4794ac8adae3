"""The player page of a video whose file is not what it was when it was indexed."""

import os
from pathlib import Path

from flask.testing import FlaskClient

from tests.web.conftest import SetFile


def test_a_file_that_is_gone_is_told_and_nothing_is_played(
    own_client: FlaskClient, set_file: SetFile, tmp_path: Path
) -> None:
    set_file(tmp_path / "gone.avi")

    reply = own_client.get("/watch/1?t=7")

    assert reply.status_code == 200
    assert "Its file was moved, or its disk is not there" in reply.text
    assert ' src="/media/' not in reply.text
    assert "Play it converted" not in reply.text
    assert 'class="clip"' not in reply.text


def test_a_file_that_is_there_is_played(
    own_client: FlaskClient, set_file: SetFile, tmp_path: Path
) -> None:
    path = tmp_path / "there.mp4"
    path.touch()
    set_file(path)

    assert ' src="/media/1#t=7.000"' in own_client.get("/watch/1?t=7").text


def test_a_path_that_is_no_file_any_more_is_told(
    own_client: FlaskClient, set_file: SetFile, tmp_path: Path
) -> None:
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    set_file(path)

    assert "Its file has become something else" in own_client.get("/watch/1").text
