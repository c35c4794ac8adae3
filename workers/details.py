"""What is said about a video beside its pictures: by its container, and by a sidecar file."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from workers.analysis import VideoInfo
from workers.sidecars import clean, read_sidecar

# Where cameras and editors keep the place, all of them as ISO 6709: "+48.8577+002.295/".
_LOCATION_TAGS = ("com.apple.quicktime.location.iso6709", "location", "location-eng")
_ISO6709 = re.compile(
    r"(?P<latitude>[+-][0-9]{1,6}(\.[0-9]{1,20})?)(?P<longitude>[+-][0-9]{1,7}(\.[0-9]{1,20})?)"
    r"(?P<altitude>[+-][0-9.]+)?(CRS.*)?/?"
)


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

    `collection` is for files whose sidecar names none. Where the container says a place, the
    metadata has it as `latitude` and `longitude`, too, in degrees. A sidecar that cannot be
    understood is left aside and named in the warning: the video itself is none the worse for it.
    """
    sidecar, warning = read_sidecar(path)
    recorded_at = sidecar.recorded_at or _sensible(info.recorded_at)
    if recorded_at is not None and recorded_at.tzinfo is None:
        recorded_at = recorded_at.replace(tzinfo=UTC)
    container: dict[str, JsonValue] = {clean(k): clean(v) for k, v in info.tags.items()}
    return Details(
        title=clean(sidecar.title or info.title or "") or clean(path.stem),
        description=sidecar.description or None,
        collection=sidecar.collection or collection or None,
        tags=tuple(dict.fromkeys(sidecar.tags)),
        recorded_at=recorded_at,
        metadata=container | _place(info.tags) | sidecar.metadata,
        warning=warning,
    )


def _sensible(recorded_at: datetime | None) -> datetime | None:
    """The time unless it lies at the end of the calendar, where another zone would lie beyond."""
    return recorded_at if recorded_at is not None and recorded_at.year < 9999 else None


def _place(tags: dict[str, str]) -> dict[str, JsonValue]:
    """Latitude and longitude in degrees, from the first of the container's tags that says them."""
    for tag in _LOCATION_TAGS:
        said = _ISO6709.fullmatch(tags.get(tag, "").strip())
        if said is None:
            continue
        latitude = _degrees(said["latitude"], digits=2)
        longitude = _degrees(said["longitude"], digits=3)
        # A camera that does not know where it is says 0, 0, which lies in the sea.
        known = (latitude, longitude) != (0, 0)
        if known and abs(latitude) <= 90 and abs(longitude) <= 180:
            return {"latitude": latitude, "longitude": longitude}
    return {}


def _degrees(text: str, digits: int) -> float:
    """Degrees from D, DM or DMS: what lies beyond the digits of the degrees is minutes and seconds.

    "+4851.462" with two digits is 48 degrees and 51.462 minutes.
    """
    value = abs(float(text))
    beyond = len(text[1:].partition(".")[0]) - digits
    if beyond > 2:
        value = value // 10000 + value % 10000 // 100 / 60 + value % 100 / 3600
    elif beyond > 0:
        value = value // 100 + value % 100 / 60
    return round(-value if text.startswith("-") else value, 6)
