import pytest

from app.web.wording import clock, count, fragment, span


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0:00"), (7.9, "0:07"), (59.999, "0:59"), (750, "12:30"), (3723, "1:02:03")],
)
def test_a_position_is_written_as_players_write_it(seconds: float, written: str) -> None:
    assert clock(seconds) == written


def test_a_span_has_both_ends() -> None:
    assert span(7, 72.5) == "0:07\N{EN DASH}1:12"


def test_a_span_within_one_second_is_written_once() -> None:
    assert span(7.1, 7.8) == "0:07"


def test_a_fragment_never_points_before_the_frame() -> None:
    # Rounded to 12.033, a player would show the frame before the one at 12.0333... s.
    assert fragment(12 + 1 / 30) == "12.034"


def test_one_thing_is_counted_in_the_singular() -> None:
    assert [count(number, "video") for number in (0, 1, 1204)] == [
        "0 videos",
        "1 video",
        "1,204 videos",
    ]
