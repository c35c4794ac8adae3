"""Imports go one way, and the heavy libraries stay where they belong."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

# For each package or module, what it may import of the project; the longest name that fits counts.
MAY_IMPORT = {
    "app": (),
    "app.config": ("app.errors", "app.paths"),
    "app.errors": (),
    "app.failures": ("app.errors",),
    "app.embedded_account": ("app.errors",),
    "app.embedded_config": (),
    "app.embedded": ("app.errors", "app.embedded_account", "app.embedded_config"),
    "app.db": ("app.config", "app.embedded", "app.errors"),
    "app.models": (),
    "app.migrate": ("app.config", "app.errors", "migrations", "sql"),
    "app.queue": ("app.db",),
    "app.sampling": ("app.errors",),
    "app.rows": ("app.models",),
    "app.removal": ("app.errors", "app.filters", "app.models", "app.paths", "app.queue",
                    "app.rows"),
    "app.sources": ("app.errors", "app.models", "app.paths", "app.sampling"),
    "app.locks": ("app.errors",),
    "app.model_catalog": ("app.errors", "app.locks", "app.models"),
    "app.vector_index": ("app.errors", "app.locks", "app.model_catalog"),
    "app.model_switch": ("app.locks", "app.model_catalog", "app.models"),
    "app.filters": ("app.errors", "app.models"),
    "app.patience": ("app.errors",),
    "app.questions": ("app.catalog", "app.config", "app.errors", "app.patience"),
    "app.video_columns": ("app.models",),
    "app.catalog": ("app.errors", "app.models", "app.paths", "app.typed_filters",
                    "app.video_columns"),
    "app.said": ("app.models", "app.questions", "app.typed_filters"),
    "app.library": ("app.edits", "app.models", "app.video_columns"),
    "app.activity": ("app.care", "app.queue"),
    "app.asked_for": ("app.models", "app.queue", "app.rows", "app.sources"),
    "app.media_files": (),
    "app.paths": (),
    "app.uploads": ("app.errors", "app.media_files"),
    "app.edits": ("app.errors", "app.filters", "app.models"),
    "app.edit_table": ("app.edits", "app.errors", "app.models", "app.paths"),
    "app.care": ("app.catalog", "app.errors", "app.failures", "app.migrate", "app.queue"),
    "app.backup": ("app.db", "app.embedded", "app.errors", "app.migrate"),
    "app.doctor_finding": (),
    "app.doctor_database": ("app.care", "app.doctor_finding", "app.migrate", "app.queue",
                            "app.vector_index"),
    "app.doctor": ("app.catalog", "app.config", "app.doctor_database", "app.doctor_finding",
                   "app.errors", "app.failures", "app.migrate"),
    "app.wording": ("app.care",),
    "app.typed_filters": ("app.errors", "app.filters", "app.models"),
    "app.suggestions": ("app.errors", "app.models", "app.typed_filters"),
    "app.asking": ("app.errors", "app.typed_filters"),
    "app.ranking": ("app.asking", "app.models", "app.typed_filters"),
    "app.search": ("app.asking", "app.catalog", "app.errors", "app.questions", "app.ranking"),
    "app.frames": ("app.models",),
    "app.paging": ("app.errors", "app.models", "app.search"),
    "app.watching": ("app.asking", "app.errors", "app.models", "app.paging", "app.questions",
                     "app.ranking", "app.search"),
    "app.related": ("app.asking", "app.questions", "app.ranking"),
    "app.statement": ("app.asking", "app.ranking"),
    "app.logs": ("app.config", "app.failures"),
    "app.metrics": ("app.care",),
    "app.supervisor": (),
    "app.web": ("app.web", "app.activity", "app.asked_for", "app.asking", "app.care",
                "app.catalog", "app.config", "app.db", "app.edits", "app.errors",
                "app.failures", "app.frames", "app.library", "app.logs", "app.metrics",
                "app.paging", "app.questions", "app.queue", "app.related", "app.removal",
                "app.said", "app.search", "app.sources", "app.statement", "app.suggestions",
                "app.supervisor", "app.typed_filters", "app.uploads", "app.watching",
                "app.wording"),
    "app.cli": ("app",),
    "bench": ("app", "bench", "workers"),
    "migrations": ("app.db", "app.models", "migrations"),
    "sql": (),
    "workers.video": ("app.errors", "workers.analysis", "workers.animation", "workers.clock",
                      "workers.container", "workers.frames", "workers.webp"),
    "workers.analysis": (),
    "workers.animation": (),
    "workers.model": ("app.errors", "workers"),
    "workers": ("app.config", "app.db", "app.catalog", "app.errors", "app.failures", "app.locks",
                "app.logs", "app.media_files", "app.migrate", "app.model_catalog",
                "app.model_switch", "app.models", "app.paths",
                "app.queue", "app.rows", "app.sampling", "app.sources", "app.supervisor",
                "workers"),
}  # fmt: skip

HEAVY = ("torch", "torchvision", "open_clip", "cv2", "av", "scenedetect")
# Decoding and scene detection know neither models nor databases.
NO_DATABASE = ("workers.video", "workers.scenes", "workers.frames", "workers.container",
               "workers.candidates", "app.sampling", "workers.fingerprint",
               "workers.subtitles", "workers.analysis", "workers.animation", "workers.webp",
               "workers.decoder_messages", "workers.decoder_process", "workers.model",
               "workers.clock", "workers.excerpt", "workers.transcode", "workers.cut",
               "workers.tiny")  # fmt: skip
NO_TORCH = ("workers.video", "workers.scenes", "workers.frames", "workers.container",
            "workers.candidates", "app.sampling", "workers.fingerprint",
            "workers.subtitles", "workers.analysis", "workers.animation", "workers.webp",
            "workers.decoder_messages", "workers.decoder_process", "workers.clock",
            "workers.excerpt", "workers.transcode", "workers.cut")  # fmt: skip


def module_name(file: Path) -> str:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {
    module_name(file): file
    for package in ("app", "workers", "migrations", "sql", "bench")
    for file in sorted((ROOT / package).rglob("*.py"))
}


def imports(file: Path) -> set[str]:
    """Full names of what a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def is_within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_lies_below_it(module: str) -> None:
    rule = max((name for name in MAY_IMPORT if is_within(module, (name,))), key=len, default=None)
    assert rule, f"{module} stands in no rule of MAY_IMPORT"
    ours = {name for name in imports(MODULES[module]) if name in MODULES}
    # Importing a module of a package names the package as well.
    ours = {name for name in ours if not any(other.startswith(f"{name}.") for other in ours)}

    wrong = {name for name in ours if not is_within(name, MAY_IMPORT[rule])}

    assert not wrong, f"{module} may not import {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("module", [name for name in MODULES if is_within(name, ("app",))])
def test_the_app_knows_no_heavy_library(module: str) -> None:
    heavy = {name for name in imports(MODULES[module]) if is_within(name, HEAVY)}

    assert not heavy, f"{module} imports {', '.join(sorted(heavy))}"


@pytest.mark.parametrize("module", [name for name in MODULES if is_within(name, NO_DATABASE)])
def test_decoding_and_models_know_no_database(module: str) -> None:
    database = {
        name
        for name in imports(MODULES[module])
        if is_within(name, ("psycopg", "sqlalchemy", "app.db", "app.models"))
    }

    assert not database, f"{module} imports {', '.join(sorted(database))}"


@pytest.mark.parametrize("module", [name for name in MODULES if is_within(name, NO_TORCH)])
def test_decoding_knows_no_model(module: str) -> None:
    torch = {
        name
        for name in imports(MODULES[module])
        if is_within(name, ("torch", "open_clip", "workers.model"))
    }

    assert not torch, f"{module} imports {', '.join(sorted(torch))}"


def test_what_needs_no_model_does_not_wait_for_torch() -> None:
    commands = [name for name in MODULES if re.fullmatch(r"workers\.\w+_command", name)]
    assert "workers.ingest_command" in commands
    statement = f"import sys, {', '.join(commands)}; sys.exit('torch' in sys.modules)"

    subprocess.run([sys.executable, "-c", statement], cwd=ROOT, check=True)


def test_no_two_advisory_locks_are_the_same() -> None:
    locks = [
        ast.unparse(node.value)
        for file in MODULES.values()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.endswith("_LOCK")
    ]

    assert len(locks) >= 5
    assert len(set(locks)) == len(locks), f"two of {locks} are the same"
