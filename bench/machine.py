"""What a table of measurements has to say about where it was made."""

import platform
from importlib.metadata import version
from pathlib import Path

import psutil

_PACKAGES = ("torch", "open-clip-torch", "av", "opencv-python", "scenedetect", "psycopg")


def header() -> str:
    """The machine and the versions of what does the work, in one paragraph."""
    memory_gb = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{psutil.cpu_count()} cores of {_processor()}, {memory_gb:.0f} GB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, {packages}"
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
