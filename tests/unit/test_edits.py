"""FIELD=VALUE as people write it: what it means, and what is refused in one line."""

from datetime import UTC, datetime

import pytest

from app.edits import Change, read_assignment, read_change
from app.errors import BadRequestError


@pytest.mark.parametrize(
    ("written", "change"),
    [
        ("title=Harbour at dawn", Change("title", "=", "Harbour at dawn")),
        ("Title= a = b ", Change("title", "=", "a = b")),
        ("description=", Change("description", "=", None)),
        ("collection=news", Change("collection", "=", "news")),
        ("recorded_at=2026-01-31", Change("recorded_at", "=", datetime(2026, 1, 31, tzinfo=UTC))),
        ("recorded_at=", Change("recorded_at", "=", None)),
        ("tags=a, b,,a", Change("tags", "=", ("a", "b"))),
        ("tags=", Change("tags", "=", ())),
        ("tags+=c", Change("tags", "+=", ("c",))),
        ("tags-=a", Change("tags", "-=", ("a",))),
        ("camera=GoPro", Change("metadata.camera", "=", "GoPro")),
        ("metadata.camera=GoPro", Change("metadata.camera", "=", "GoPro")),
        ("metadata.two words=x", Change("metadata.two words", "=", "x")),
        ("metadata.width=7", Change("metadata.width", "=", 7)),
        ("metadata.title=x", Change("metadata.title", "=", "x")),
        ("n=12", Change("metadata.n", "=", 12)),
        ("n=-1.5e3", Change("metadata.n", "=", -1500.0)),
        ("n=007", Change("metadata.n", "=", "007")),
        ("n=+49 30 12", Change("metadata.n", "=", "+49 30 12")),
        ("n=1e999", Change("metadata.n", "=", "1e999")),
        ("n=" + "9" * 5000, Change("metadata.n", "=", "9" * 5000)),
        ("n=NaN", Change("metadata.n", "=", "NaN")),
        ("ok=true", Change("metadata.ok", "=", True)),
        ("ok=True", Change("metadata.ok", "=", "True")),
        ("note=null", Change("metadata.note", "=", "null")),
        ("note=", Change("metadata.note", "=", None)),
        ("note=[bold]x[/]", Change("metadata.note", "=", "[bold]x[/]")),
        ("título=x", Change("metadata.título", "=", "x")),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_an_assignment_is_a_change_of_one_field(written: str, change: Change) -> None:
    assert read_assignment(written) == change


@pytest.mark.parametrize(
    "written", ["7", "clip.mp4", "/videos/clip.mp4", "A title", "./a=b.mp4", "=x", "two words=x"]
)
def test_what_is_no_assignment_names_a_video(written: str) -> None:
    assert read_assignment(written) is None


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("title=", "cannot be without a title"),
        ("title=  ", "cannot be without a title"),
        ("recorded_at=soon", "recorded_at is a date such as 2026-01-31"),
        ("recorded_at=0001-01-01", "years 2 to 9998"),
        ("recorded_at=9999-12-31T23:59-14:00", "years 2 to 9998"),
        ("title+=x", "title is no list"),
        ("camera-=x", "metadata.camera is no list"),
        ("path=/etc", "path cannot be set; write metadata.path=..."),
        ("Status=indexed", "status cannot be set"),
        ("id=7", "id cannot be set"),
        ("words=x", "words cannot be set"),
        ("edited=title", "edited cannot be set"),
        ("title=a\0b", "NUL"),
        ("title=\ud800", "not UTF-8"),
        ("metadata.a\0=x", "NUL"),
    ],
)
def test_what_cannot_be_set_is_refused_in_one_line(written: str, reason: str) -> None:
    with pytest.raises(BadRequestError, match=r"^[^\n]+$") as refused:
        read_assignment(written)

    assert reason in str(refused.value)


def test_tags_are_added_once_and_taken_away() -> None:
    video = {"tags": ["a", "b"]}
    for name, operator, value in (("tags", "+=", "b,c"), ("tags", "-=", "a,z")):
        read_change(name, value, operator).apply(video)  # type: ignore[arg-type]

    assert video == {"tags": ["b", "c"]}
