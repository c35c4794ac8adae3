"""What a request asks, read the same way for the page and the API."""

import re
from dataclasses import dataclass
from typing import cast

from flask import current_app, request
from sqlalchemy import Engine

from app.errors import BadRequestError
from app.search import MAX_LIMIT, Answer, search


@dataclass(frozen=True)
class Question:
    """Words, a picture, or both, and a filter; `text` and `where` are "" where none was given."""

    text: str
    image: bytes | None
    image_name: str
    where: str
    limit: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to search for (a filter alone is no question)."""
        return not self.text and self.image is None

    def answer(self) -> Answer:
        """The best scenes of the library; raises what `app.search.search` raises."""
        return search(
            library(),
            text=self.text or None,
            image=self.image,
            where=self.where or None,
            limit=self.limit,
        )


def library() -> Engine:
    """The database that this application serves."""
    return cast(Engine, current_app.extensions["sceneql"])


def read_question(default_limit: int) -> Question:
    """The question in the address or the form; raises BadRequestError for an impossible limit."""
    upload = request.files.get("image")
    # A browser sends an empty file without a name where none was chosen.
    image_name = (upload.filename if upload else None) or ""
    return Question(
        text=request.values.get("q", "").strip(),
        image=upload.read() if upload and image_name else None,
        image_name=image_name,
        where=request.values.get("where", "").strip(),
        limit=whole_number("limit", default_limit, lowest=1, highest=MAX_LIMIT),
    )


def whole_number(name: str, default: int, *, lowest: int, highest: int) -> int:
    """A number from the address or the form; raises BadRequestError where it is out of range."""
    given = request.values.get(name, "").strip()
    if not given:
        return default
    if not re.fullmatch("[0-9]{1,9}", given) or not lowest <= int(given) <= highest:
        raise BadRequestError(f"{name} must be a whole number from {lowest} to {highest}")
    return int(given)
