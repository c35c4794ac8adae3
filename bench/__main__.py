"""`python -m bench` lists the benchmarks, `python -m bench NAME ...` runs one, as bench.NAME does.

`python -m bench --quick` runs one after the other at a size of seconds or a minute, to see that
they work: such figures mean nothing.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from app.config import Settings
from app.db import embedded

QUICK = {
    "codes": "--frames 5000",
    "copies": "--seconds 2",
    "cost": "--clips 2 --model tiny --home {home}",
    "cutoffs": "",
    "ef_search": "--frames 5000 --questions 3 --home {home}",
    "filters": "--frames 5000 --questions 3 --home {home}",
    "growth": "--sizes 5000 --questions 5 --home {home}",
    "http": "--frames 5000 --questions 20 --clients 4 --home {home}",
    "ingest": "--clips 2 --model tiny --home {home}",
    "length": "--minutes 0.1 0.3 --model tiny --home {home}",
    "pages": "--frames 5000 --times 1 --home {home}",
    "search": "--frames 5000 --questions 5 --home {home}",
}
"""The options that make each of them small."""

NEEDS = {"paint": "a page that is served, and a Chromium"}
"""What the others need, which cannot be had by themselves."""


def benches() -> dict[str, str]:
    """The benchmarks by name, and what each says of itself in a line; none of them is imported."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("*.py")):
        module = ast.parse(file.read_text(encoding="utf-8"))
        functions = [node.name for node in module.body if isinstance(node, ast.FunctionDef)]
        if "main" in functions and not file.stem.startswith("_"):
            found[file.stem] = (ast.get_docstring(module) or "").partition("\n")[0]
    return found


def quick() -> list[str]:
    """Run all that can be run by themselves; returns the names of those that failed."""
    # Drawn clips are fewer and shorter.
    environment = {name: it for name, it in os.environ.items() if name != "SCENEQL_TEST_MEDIA"}
    failed = []
    with TemporaryDirectory(prefix="bench-quick-") as home:
        try:
            for name in benches():
                print(f"\n## {name}\n", flush=True)
                if name in NEEDS:
                    print(f"left out: it needs {NEEDS[name]}", flush=True)
                elif run(name, QUICK[name].format(home=home).split(), environment):
                    failed.append(name)
        finally:
            embedded(Settings(home=Path(home), database_url=None)).stop()
    return failed


def run(name: str, options: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """Run one in a process of its own; returns its exit status."""
    command = [sys.executable, "-m", f"bench.{name}", *options]
    return subprocess.run(command, env=environment, check=False).returncode


def main() -> int:
    """List them, run one, or run all."""
    match sys.argv[1:]:
        case []:
            print("\n".join(benches().values()))
            return 0
        case ["--quick"]:
            failed = quick()
            print(f"\nfailed: {', '.join(failed)}" if failed else "\nall of them work")
            return 1 if failed else 0
        case [name, *options] if name in benches():
            return run(name, options)
        case [name, *_]:
            sys.exit(f"there is no benchmark {name}; there are {', '.join(benches())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
