"""Filters typed among the words of a question: what is one, what it means, how it is written."""

import pytest
from sqlalchemy import ColumnElement, create_engine

from app.errors import BadRequestError
from app.typed_filters import TypedFilter, conditions, said_of, seconds, split_off


def as_sql(condition: ColumnElement[bool]) -> str:
    compiled = condition.compile(
        create_engine("postgresql+psycopg://"), compile_kwargs={"literal_binds": True}
    )
    return str(compiled).replace("videos.", "").replace("\n", "")


@pytest.mark.parametrize(
    ("box", "words", "filters"),
    [
        ("a dog collection:news", "a dog", ("collection:news",)),
        ("collection:news a dog tag:beach runs", "a dog runs", ("collection:news", "tag:beach")),
        ('said:"good morning" harbour', "harbour", ('said:"good morning"',)),
        ("dog -tag:draft -people", "dog -people", ("-tag:draft",)),
        ("COLLECTION:News", "", ("collection:News",)),
        ('camera:"GoPro Hero 9"', "", ('camera:"GoPro Hero 9"',)),
        ("a 16:9 picture", "a 16:9 picture", ()),
        ("see https://example.org/a", "see https://example.org/a", ()),
        ("dog file:/videos/trip", "dog", ("file:/videos/trip",)),
        ('file:"/videos/a trip" -file:"/tmp"', "", ('file:"/videos/a trip"', "-file:/tmp")),
        ("note: to self", "note: to self", ()),
        ("  two   spaces ", "two spaces", ()),
        ("название:маяк", "", ("название:маяк",)),
    ],
)
def test_filters_are_told_from_words(box: str, words: str, filters: tuple[str, ...]) -> None:
    assert split_off(box) == (words, filters)


@pytest.mark.parametrize(
    "text",
    ["tag:beach", '-camera:"GoPro Hero"', 'said:"a b"', "after:2026", "file:/v", 'file:"//v"'],
)
def test_what_a_filter_is_written_as_reads_as_the_same_filter(text: str) -> None:
    typed = TypedFilter.parse(text)

    assert str(typed) == text
    assert TypedFilter.parse(str(typed)) == typed


def test_several_collections_are_alternatives_and_several_tags_all_hold() -> None:
    condition = as_sql(conditions(["collection:a", "collection:b", "tag:x", "tag:y"]))

    assert "lower(collection) = 'a' OR lower(collection) = 'b'" in condition
    assert condition.count("tags @>") == 2
    assert condition.count(" OR ") == 1


def test_what_is_negated_holds_where_nothing_is_known() -> None:
    condition = as_sql(conditions(["-collection:news"]))

    assert condition == "NOT coalesce(lower(collection) = 'news', false)"


def test_an_unknown_name_is_a_key_of_the_metadata() -> None:
    assert as_sql(conditions(["camera:GoPro"])) == "lower((metadata ->> 'camera')) = 'gopro'"


def test_dates_may_be_years_months_or_days() -> None:
    condition = as_sql(conditions(["after:2025", "before:2026-05"]))

    assert "recorded_at >= '2025-01-01 00:00:00+00:00'" in condition
    assert "recorded_at < '2026-05-01 00:00:00+00:00'" in condition


@pytest.mark.parametrize(
    ("value", "expected"),
    [("90", 90), ("45s", 45), ("2m30s", 150), ("1h", 3600), ("1:30", 90), ("1:00:01", 3601)],
)
def test_lengths_are_read_as_people_write_them(value: str, expected: float) -> None:
    assert seconds("longer", value) == expected


def test_what_has_to_be_said_holds_for_videos_with_such_a_scene() -> None:
    assert said_of(["said:hello", "tag:x"]) == ("hello",)
    condition = as_sql(conditions(["said:hello"]))
    assert condition.startswith("EXISTS (SELECT")
    assert "said_words @@ keyword_query('hello')" in condition


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("after:yesterday", "takes a date"),
        ("before:2026-13", "takes a date"),
        ("longer:soon", "takes a length"),
        ('tag:" "', "has no value"),
        ("beach", "write NAME:VALUE"),
        ("-said:hello", "cannot be turned round"),
        (f"tag:{'x' * 400}", "at most 300"),
        ("tag:a\0b", "write NAME:VALUE"),
    ],
)
def test_a_filter_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        TypedFilter.parse(text)


def test_there_may_be_only_so_many_filters() -> None:
    with pytest.raises(BadRequestError, match="at most 30"):
        conditions([f"tag:{n}" for n in range(31)])
