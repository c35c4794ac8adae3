"""The benchmark of the pages finds every page that it is to measure."""

from sqlalchemy import Engine

from bench.drawn import FRAMES_PER_VIDEO, draw, store
from bench.pages import PAGES, furnish, report


def test_every_page_is_measured_on_a_library_of_any_size(engine: Engine) -> None:
    drawn = draw(5 * FRAMES_PER_VIDEO)
    store(engine, drawn)
    furnish(engine, drawn)
    rows: list[str] = []

    report(engine, drawn.videos, 1, "", rows.append)

    assert [row.split(" | ")[0] for row in rows[2:]] == [f"| {page.name}" for page in PAGES]
