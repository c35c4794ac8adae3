"""What is said about a video beside its pictures: by its container, and by a sidecar file."""

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from workers.analysis import VideoInfo


class Sidecar(BaseModel):
    """The fields of `name.json` beside `name.mp4`; all of them may be left out."""

    model_config = ConfigDict(extra="ignore")

    title: str | None = None
    description: str | None = None
    collection: str | None = None
    tags: list[str] = []
    recorded_at: datetime | None = None
    metadata: dict[str, JsonValue] = {}


@dataclass(frozen=True)
class Details:
    """Title, tags and the like, as the table of videos keeps them."""

    title: str
    description: str | None = None
    collection: str | None = None
    tags: tuple[str, ...] = ()
    recorded_at: datetime | None = None
    metadata: dict[str, JsonValue] = field(default_factory=dict)
    warning: str | None = None


def describe(path: Path, info: VideoInfo, collection: str | None = None) -> Details:
    """What the sidecar says, else what the container says, else what the file name says.

    `collection` is for files whose sidecar names none. A sidecar that cannot be understood is left
    aside and named in the warning: the video itself is none the worse for it.
    """
    sidecar, warning = _read_sidecar(path.with_suffix(".json"))
    recorded_at = sidecar.recorded_at or info.recorded_at
    if recorded_at is not None and recorded_at.tzinfo is None:
        recorded_at = recorded_at.replace(tzinfo=UTC)
    container: dict[str, JsonValue] = {clean(k): clean(v) for k, v in info.tags.items()}
    return Details(
        title=clean(sidecar.title or info.title or "") or clean(path.stem),
        description=sidecar.description or None,
        collection=sidecar.collection or collection or None,
        tags=tuple(dict.fromkeys(sidecar.tags)),
        recorded_at=recorded_at,
        metadata=container | sidecar.metadata,
        warning=warning,
    )


def _read_sidecar(path: Path) -> tuple[Sidecar, str | None]:
    try:
        content = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
        return Sidecar.model_validate(_cleaned(content)), None
    except FileNotFoundError:
        return Sidecar(), None
    except OSError as error:
        return Sidecar(), f"{path.name} was left aside: it cannot be read: {error.strerror}"
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        return Sidecar(), f"{path.name} was left aside: {place}: {first['msg']}"
    except (ValueError, RecursionError) as error:
        return Sidecar(), f"{path.name} was left aside: it is not JSON to be read: {error}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it has {name}, which is not in JSON")


def _cleaned(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it has a number that is too large")
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    return value


def clean(value: str) -> str:
    """The text without what Postgres cannot keep: NUL and halves of surrogate pairs."""
    return value.replace("\0", "").encode("utf-8", "replace").decode().strip()
