"""The small files beside a video that say something about it: which there are and what they say."""

import json
import math
import re
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, field_validator

from workers.subtitles import SUBTITLE_SUFFIXES, files_beside

# The first of these that is there counts. YAML takes seconds to read where JSON takes milliseconds.
MAX_BYTES = {".json": 1 << 20, ".yaml": 1 << 17, ".yml": 1 << 17}
SIDECAR_SUFFIXES = (*MAX_BYTES, *SUBTITLE_SUFFIXES)

LEFT_ASIDE = "was left aside: "


class Sidecar(BaseModel):
    """The fields of `name.json` or `name.yaml` beside `name.mp4`; all of them may be left out."""

    model_config = ConfigDict(extra="ignore")

    title: str | None = None
    description: str | None = None
    collection: str | None = None
    tags: list[str] = []
    recorded_at: datetime | None = None
    metadata: dict[str, JsonValue] = {}

    @field_validator("recorded_at")
    @classmethod
    def within_the_calendar(cls, moment: datetime | None) -> datetime | None:
        """At either end of the calendar another time zone would lie beyond it."""
        if moment is not None and not 1 < moment.year < 9999:
            raise ValueError("it lies in the years 2 to 9998")
        return moment


def sidecar_state(path: Path, names: Collection[str] | None = None) -> str | None:
    """What the sidecars of a media file look like: suffix, bytes and nanoseconds; None without any.

    `names` are those in the file's folder, where they are known, in lower case (`str.casefold`):
    then only what is there is looked at. Whether CLIP.SRT is clip.srt is for the disk to say.
    """
    found = []
    for suffix in SIDECAR_SUFFIXES:
        sidecar = path.with_suffix(suffix)
        # An animation may be called clip.json for all anybody knows; it is no sidecar of its own.
        if sidecar == path or (names is not None and sidecar.name.casefold() not in names):
            continue
        try:
            stat = sidecar.stat()
        except OSError:
            continue
        found.append(f"{suffix} {stat.st_size} {stat.st_mtime_ns}")
    return ", ".join(found) or None


def read_sidecar(path: Path) -> tuple[Sidecar, str | None]:
    """What the sidecar of a media file says, and why it was left aside if it was.

    JSON goes before YAML. A sidecar that cannot be understood says nothing; the warning names it.
    """
    sidecar = next(files_beside(path, MAX_BYTES), None)
    if sidecar is None:
        return Sidecar(), None
    try:
        content = _PARSERS[sidecar.suffix](_read(sidecar))
        return Sidecar.model_validate(_cleaned(content)), None
    except OSError as error:
        reason = f"it cannot be read: {error.strerror}"
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        cure = "; in quotes it is a text" if first["type"] == "string_type" else ""
        reason = f"{place}: {first['msg']}{cure}"
    except yaml.YAMLError as error:
        reason = f"it is not YAML to be read: {_in_one_line(error)}"
    except (ValueError, RecursionError) as error:
        kind = "JSON" if sidecar.suffix == ".json" else "YAML"
        reason = f"it is not {kind} to be read: {error}"
    return Sidecar(), f"{sidecar.name} {LEFT_ASIDE}{reason}"


def clean(value: str) -> str:
    """The text without what Postgres cannot keep: NUL and halves of surrogate pairs."""
    return value.replace("\0", "").encode("utf-8", "replace").decode().strip()


def _read(path: Path) -> bytes:
    limit = MAX_BYTES[path.suffix]
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"it is larger than {limit >> 10} KiB")
    return data


def _parse_json(data: bytes) -> JsonValue:
    content: JsonValue = json.loads(data, parse_constant=_refuse_constant)
    return content


def _parse_yaml(data: bytes) -> Any:
    content = yaml.load(data, _YamlLoader)
    # An empty file says nothing, which is no mistake.
    return {} if content is None else content


_PARSERS: dict[str, Callable[[bytes], Any]] = {
    ".json": _parse_json,
    ".yaml": _parse_yaml,
    ".yml": _parse_yaml,
}


class _YamlLoader(yaml.SafeLoader):
    """YAML that means what it looks like: numbers, true, false and null as in JSON, all else text.

    So a date stays as it is written, and the country `no` is none of the two truth values. Aliases,
    of which a short file can unfold to gigabytes, are refused, and so are tags, of which some stand
    for what JSON does not know.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML reads a class attribute.

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self._refuse("it has an alias (*name); write it out in full")
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None:
            self._refuse("it has a tag (!name); leave it out")
        return super().compose_node(parent, index)

    def _refuse(self, problem: str) -> NoReturn:
        raise yaml.composer.ComposerError(problem=problem, problem_mark=self.get_mark())


for tag, pattern, starts in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|", ["n", ""]),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
):
    _YamlLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), starts
    )


def _in_one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).splitlines()[0]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it has {name}, which is not in JSON")


def _cleaned(value: Any) -> JsonValue:
    """The value without what Postgres cannot keep; raises ValueError for what is not in JSON."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it has a number that is too large")
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_key(key): _cleaned(item) for key, item in value.items()}
    number_or_none: bool | int | float | None = value
    return number_or_none


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError(f"it has the key {key!r:.40}, which is no text; put it in quotes")
    return clean(key)
