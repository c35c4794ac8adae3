"""What a check of `sceneql doctor` finds."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """The outcome of one check; what is not ok has a cure."""

    check: str
    state: Literal["ok", "warning", "wrong"]
    message: str
    cure: str | None = None


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", message)


def warning(check: str, message: str, cure: str) -> Finding:
    """It works, but not as well as it could, or not for long."""
    return Finding(check, "warning", message, cure)


def wrong(check: str, message: str, cure: str) -> Finding:
    """Something does not work."""
    return Finding(check, "wrong", message, cure)
