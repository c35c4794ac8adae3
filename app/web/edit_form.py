"""The form in which a video's fields are edited: only what was changed in it is written.

Each field comes with what it held when the form was opened, so that two people who edit the same
video at the same time do not undo each other's fields.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from werkzeug.datastructures import MultiDict

from app.edits import METADATA, Change, read_change, storable
from app.errors import BadRequestError

LABELS = {
    "title": "Title",
    "description": "Description",
    "collection": "Collection",
    "recorded_at": "Date and time, UTC",
    "tags": "Tags, with commas between them",
}


@dataclass(frozen=True)
class Field:
    """A field of the form; `name` is that of the change, and a `fixed` one can only be removed."""

    name: str
    value: str
    was: str
    is_edited: bool = False
    is_fixed: bool = False
    is_removed: bool = False
    problem: str = ""

    @property
    def label(self) -> str:
        """What people call it: for metadata, the key."""
        return LABELS.get(self.name) or self.name.removeprefix(METADATA)

    def change(self) -> Change | None:
        """What was changed, if anything; raises BadRequestError for a value that cannot be."""
        if self.is_removed:
            return Change(storable(self.name, "the name of a fact"), "=", None)
        if self.is_fixed or _plain(self.name, self.value) == _plain(self.name, self.was):
            return None
        return read_change(self.name, _plain(self.name, self.value))


@dataclass(frozen=True)
class EditForm:
    """The fields of a video, those of its metadata, and keys that are new."""

    fields: tuple[Field, ...]
    metadata: tuple[Field, ...]
    new: tuple[Field, ...] = ()
    problem: str = ""

    @property
    def has_problem(self) -> bool:
        """Whether something in it cannot be kept."""
        return bool(self.problem) or any(
            field.problem for field in (*self.fields, *self.metadata, *self.new)
        )

    def read(self) -> tuple[tuple[Change, ...], "EditForm"]:
        """The changes, and the form with the problems beside the fields that have them."""
        changes: list[Change] = []

        def checked(field: Field) -> Field:
            try:
                change = field.change()
            except BadRequestError as error:
                return replace(field, problem=str(error))
            changes.extend([change] if change else [])
            return field

        def read(fields: tuple[Field, ...]) -> tuple[Field, ...]:
            return tuple(map(checked, fields))

        form = EditForm(read(self.fields), read(self.metadata), read(self.new))
        return tuple(changes), form


def form_of(video: Mapping[str, Any]) -> EditForm:
    """The form for a video, whose fields are as edits.fields_of_video gives them."""

    def field(name: str, value: Any) -> Field:
        shown = _shown(value)
        return Field(name, shown, shown, name in video["edited"], isinstance(value, list | dict))

    return EditForm(
        # Tags are a list, but one that people write.
        tuple(replace(field(name, video[name]), is_fixed=False) for name in LABELS),
        tuple(field(METADATA + key, value) for key, value in sorted(video["metadata"].items())),
    )


def sent_form(sent: MultiDict[str, str]) -> EditForm:
    """The form as it was sent. A new key without a value is none, and so is one without a name."""
    keys = sent.getlist("key")
    metadata = zip(keys, sent.getlist("value"), sent.getlist("was"), strict=False)
    removed, fixed = sent.getlist("without"), sent.getlist("fixed")
    new = zip(sent.getlist("new-key"), sent.getlist("new-value"), strict=False)
    return EditForm(
        # A field that was not sent was not changed.
        tuple(
            Field(name, sent[name], sent.get(f"was-{name}", "")) for name in LABELS if name in sent
        ),
        tuple(
            Field(METADATA + key, value, was, False, key in fixed, key in removed)
            for key, value, was in metadata
        ),
        tuple(Field(METADATA + key, value, "") for key, value in new if key.strip() and value),
    )


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            moment = value.astimezone(UTC).replace(tzinfo=None)
            return moment.isoformat(" ", "minutes" if not moment.second else "seconds")
        case list() if all(isinstance(item, str) for item in value):
            return ", ".join(value)
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)


def _plain(name: str, text: str) -> str:
    """The text as it is kept: browsers write line breaks in their own way."""
    if name == "description":
        return text.replace("\r\n", "\n").strip()
    return text.replace("\r", "").replace("\n", "").strip()
