"""What a table of measurements has to say about where it was made."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

INGEST = ("torch", "open-clip-torch", "av", "opencv-python", "scenedetect", "psycopg")
SEARCH = ("psycopg", "numpy")
PAGE = ("flask", "sqlalchemy", "psycopg")
OTHER_ENGINES = ("faiss-cpu", "sqlite-vec", "milvus-lite", "pymilvus")
BROWSER = ("playwright",)
# The options are those of the indexes over vectors, which decide how much a search finds.
_DATABASE = text(
    "SELECT format('PostgreSQL %s, pgvector %s', current_setting('server_version'), extversion) "
    "|| coalesce((SELECT string_agg(format(', %s (%s)', c.relname, "
    "array_to_string(c.reloptions, ', ')), '' ORDER BY c.relname) FROM pg_class c "
    "JOIN pg_am m ON m.oid = c.relam WHERE m.amname = 'hnsw' AND c.relkind = 'i'), '') "
    "FROM pg_extension WHERE extname = 'vector'"
)


def header(packages: Sequence[str], engine: Engine | None = None) -> str:
    """The machine and the versions of what does the work, in one paragraph.

    Packages that are not installed are left out. With a database its versions are told, too, and
    how its indexes over vectors were built.
    """
    memory_gb = psutil.virtual_memory().total / 2**30
    versions = [line for name in packages for line in _version_of(name)]
    if engine is not None:
        with engine.connect() as connection:
            versions.append(connection.execute(_DATABASE).scalar_one())
    return (
        f"{psutil.cpu_count()} cores of {_processor()}, {memory_gb:.0f} GB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, {', '.join(versions)}"
    )


def _version_of(package: str) -> list[str]:
    try:
        return [f"{package} {version(package)}"]
    except PackageNotFoundError:
        return []


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
