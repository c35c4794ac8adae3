"""`python -m bench` knows every benchmark, and how to run it at a size of seconds."""

import subprocess
import sys
from pathlib import Path

import bench
from bench.__main__ import NEEDS, QUICK, benches


def test_every_benchmark_is_listed_and_has_a_small_size() -> None:
    folder = Path(bench.__file__).parent
    runnable = {file.stem for file in folder.glob("*.py") if "\ndef main()" in file.read_text()}

    assert set(benches()) == runnable - {"__main__"}
    assert set(QUICK) | set(NEEDS) == set(benches())
    assert not set(QUICK) & set(NEEDS)


def test_each_says_its_command_in_its_line() -> None:
    for name, line in benches().items():
        assert f"python -m bench.{name}" in line


def test_one_is_run_by_its_name_and_others_are_refused() -> None:
    bench = [sys.executable, "-m", "bench"]
    shown = subprocess.run([*bench, "search", "--help"], capture_output=True, text=True, check=True)
    refused = subprocess.run([*bench, "nothing"], capture_output=True, text=True, check=False)

    assert "--questions" in shown.stdout
    assert refused.returncode == 1
    assert "there is no benchmark nothing" in refused.stderr
