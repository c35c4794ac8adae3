"""Paths as the index keeps them."""

import os
from pathlib import Path


def absolute(path: str | Path) -> Path:
    """The path from the root on, without `.` and `..`, its links kept as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow the links.
