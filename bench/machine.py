"""What a table of measurements has to say about where it was made."""

import platform
from importlib.metadata import version
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

_PACKAGES = ("torch", "open-clip-torch", "av", "opencv-python", "scenedetect", "psycopg")
_DATABASE = text(
    "SELECT format('PostgreSQL %s, pgvector %s', current_setting('server_version'), extversion) "
    "FROM pg_extension WHERE extname = 'vector'"
)


def header(engine: Engine | None = None) -> str:
    """The machine and the versions of what does the work, the database too, in one paragraph."""
    memory_gb = psutil.virtual_memory().total / 2**30
    versions = [f"{name} {version(name)}" for name in _PACKAGES]
    if engine is not None:
        with engine.connect() as connection:
            versions.append(connection.execute(_DATABASE).scalar_one())
    return (
        f"{psutil.cpu_count()} cores of {_processor()}, {memory_gb:.0f} GB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, {', '.join(versions)}"
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
