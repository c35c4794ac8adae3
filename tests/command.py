"""Runs the command line the way a person does."""

import subprocess
import sys


def sceneql(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """The finished command, its output as text."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        # Against hanging, not against machines that are slow or busy.
        timeout=900,
    )
