"""`sceneql demo`, which is what `make demo` runs."""

import os
import subprocess
import sys

import pytest


@pytest.mark.usefixtures("settings_of_test")
def test_the_demo_answers_its_questions_with_the_scenes_they_name() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo", "--no-serve"],
        env=os.environ | {"SCENEQL_MODEL": "a/nother"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "All 5 questions were answered with the scene they name." in shown.stdout
    assert "8 videos indexed" in shown.stderr
