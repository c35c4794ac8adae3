"""The library in a real browser: typing, editing in place, selecting, uploading, the keyboard."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, Page, Route, expect
from sqlalchemy import Engine, text

from app.config import get_settings
from app.db import address_of
from app.web import create_app
from tests.conftest import Databases
from tests.keeping import add_job, add_video
from tests.web.serving import Server, served

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)>"

# Makes what a browser hands to the page when files are dropped on it.
DRAGGED = """names => {
    const data = new DataTransfer();
    for (const name of names) {
        data.items.add(new File(["not really a video"], name, { type: "video/mp4" }));
    }
    return data;
}"""


# Videos 1 to 6, as each test finds them.
SHELF = (
    "SET LOCAL search_path = public, procrastinate",
    "DELETE FROM procrastinate_jobs",
    "TRUNCATE videos RESTART IDENTITY CASCADE",
    "INSERT INTO videos (content_hash, title, tags, metadata, recorded_at, duration_s, status) "
    "SELECT n, 'video ' || n, ARRAY[CASE n % 2 WHEN 0 THEN 'even' ELSE 'odd' END], "
    "jsonb_build_object('n', n), timestamptz '2026-01-01' + n * interval '1 day', n, 'indexed' "
    "FROM generate_series(1, 6) AS n",
    "INSERT INTO video_files (path, video_id) SELECT '/v/' || title || '.mp4', id FROM videos",
)


@pytest.fixture(scope="module")
def library(databases: Databases) -> Iterator[Engine]:
    engine = databases.create()
    yield engine
    databases.drop(engine)


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def server(library: Engine, uploads: Path) -> Iterator[Server]:
    """The page over the shelf; it takes uploads of at most 1 MB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", address_of(library))
        get_settings.cache_clear()
        settings = get_settings().model_copy(update={"uploads": uploads, "upload_max_mb": 1})
        with served(create_app(library, settings)) as server:
            yield server
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def engine(library: Engine) -> Engine:
    """The library, with the same six videos for each test."""
    with library.begin() as connection:
        for statement in SHELF:
            connection.execute(text(statement))
    return library


@pytest.fixture
def folder(uploads: Path) -> Path:
    """Where uploads go; empty at first."""
    for path in uploads.iterdir():
        path.unlink()
    return uploads


@pytest.fixture
def page(page: Page) -> Page:
    """The library."""
    page.goto("/library")
    return page


@pytest.fixture
def plain_page(browser: Browser, server: Server) -> Iterator[Page]:
    """The library in a browser that runs no scripts."""
    with browser.new_context(base_url=server.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/library")
        yield page


def video(engine: Engine, title: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(
            text("SELECT * FROM videos WHERE title = :title"), {"title": title}
        ).one_or_none()


def wait_for(path: Path) -> None:
    """Returns once there is such a file."""
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path.name} did not arrive"
        time.sleep(0.05)


def rows(page: Page) -> Any:
    return page.locator(".entry")


def open_form(page: Page, title: str) -> Any:
    page.get_by_role("link", name=f"Edit {title}").click()
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    return page.locator(".edit")


def test_typing_finds_and_keeps_the_focus_and_the_address(page: Page) -> None:
    name = page.get_by_label("Name", exact=True)

    name.press_sequentially("eo 3")

    expect(rows(page)).to_have_count(1)
    expect(name).to_be_focused()
    expect(page.get_by_role("status").first).to_contain_text("1 video")
    assert page.url.endswith("/library?name=eo+3")
    name.fill("")
    expect(rows(page)).to_have_count(6)


def test_back_leads_to_the_list_that_was_found(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("eo 3")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="Status").click()
    expect(rows(page)).to_have_count(0)

    page.go_back()

    expect(rows(page)).to_have_count(1)
    expect(page.get_by_label("Name", exact=True)).to_have_value("eo 3")


def test_an_answer_that_comes_late_leaves_another_page_as_it_is(page: Page) -> None:
    held: list[Route] = []
    page.route("**/library?*name=*", lambda route: held.append(route))
    with page.expect_request("**/library?*name=*"):
        page.get_by_label("Name", exact=True).press_sequentially("eo 3")
    rows(page).first.locator("a.entry-link").click()
    expect(page.get_by_role("heading", name="video 1")).to_be_visible()
    summary = page.locator("#summary").inner_text()

    for route in held:
        with page.expect_event("requestfinished"):
            route.continue_()
    # Nothing may happen now, and there is nothing to wait for.
    page.wait_for_timeout(500)

    assert "/watch/1" in page.url
    assert page.locator("#summary").inner_text() == summary


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"status": 401, "json": {"error": "log in first"}}, "log in first"),
        (
            {"status": 503, "content_type": "text/html", "body": "<p class=other>no</p>"},
            "SceneQL answers with an error (503).",
        ),
    ],
)
def test_an_error_is_told_and_leaves_the_list(page: Page, answer: Any, says: str) -> None:
    page.route("**/library?*name=*", lambda route: route.fulfill(**answer))

    page.get_by_label("Name", exact=True).fill("eo 3")

    expect(page.locator("#summary")).to_have_text(says)
    expect(rows(page)).to_have_count(6)
    assert page.url.endswith("/library")


def test_another_way_of_sorting_is_shown_and_kept(page: Page) -> None:
    page.get_by_label("Sort by").select_option("Date")

    expect(rows(page).first).to_contain_text("video 6")
    expect(page.get_by_label("Order")).to_have_value("desc")
    page.get_by_label("Order").select_option("Oldest first")
    expect(rows(page).first).to_contain_text("video 1")
    page.reload()
    expect(rows(page).first).to_contain_text("video 1")


def test_a_video_is_edited_in_its_row_by_keyboard(page: Page, engine: Engine) -> None:
    page.get_by_role("link", name="Edit video 2").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()

    page.get_by_role("textbox", name="Title").fill(HOSTILE)
    page.get_by_label("Name of a new fact").fill("camera")
    page.get_by_label("What is to be kept of it").fill("GoPro")
    page.keyboard.press("Enter")

    expect(page.locator(".edit")).to_have_count(0)
    expect(page.locator("#video-2 .title")).to_have_text(HOSTILE)
    expect(page.locator("#video-2 [data-edit]")).to_be_focused()
    expect(page.locator("#summary")).to_contain_text("Saved.")
    assert page.url.endswith("/library")
    assert video(engine, HOSTILE).metadata == {"n": 2, "camera": "GoPro"}


def test_a_problem_is_shown_beside_its_field_and_nothing_typed_is_lost(page: Page) -> None:
    form = open_form(page, "video 2")
    form.get_by_label("Description").fill("kept while I mend it")
    form.get_by_label("Date and time").fill("yesterday")
    form.get_by_role("button", name="Save").click()

    expect(page.get_by_label("Date and time")).to_be_focused()
    expect(page.locator(".field-recorded_at .problem")).to_contain_text("is a date such as")
    expect(page.get_by_label("Description")).to_have_value("kept while I mend it")
    page.get_by_label("Date and time").fill("2026-01-31")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#video-2")).to_contain_text("2026-01-31")


def test_escape_closes_the_form_and_returns_to_its_row(page: Page) -> None:
    open_form(page, "video 2")

    page.keyboard.press("Escape")

    expect(page.locator(".edit")).to_have_count(0)
    expect(page.get_by_role("link", name="Edit video 2")).to_be_focused()


def test_another_fact_can_be_added(page: Page, engine: Engine) -> None:
    form = open_form(page, "video 2")
    form.get_by_role("button", name="Another one").click()
    for number, key in enumerate(("camera", "lens")):
        form.get_by_label("Name of a new fact").nth(number).fill(key)
        form.get_by_label("What is to be kept of it").nth(number).fill(key.upper())
    form.get_by_role("button", name="Save").click()

    expect(page.locator(".edit")).to_have_count(0)
    assert video(engine, "video 2").metadata == {"n": 2, "camera": "CAMERA", "lens": "LENS"}


def test_selected_videos_get_tags(page: Page, engine: Engine) -> None:
    bar = page.get_by_role("form", name="Selected videos")
    expect(bar).to_be_hidden()

    page.get_by_label("Select all on this page").check()
    page.get_by_label("Select video 1").uncheck()
    expect(bar).to_contain_text("5 selected")
    bar.get_by_label("Tags").fill("beach, sea")
    bar.get_by_role("button", name="Add").click()

    expect(page.locator("#summary")).to_contain_text("5 videos changed.")
    expect(page.locator("#video-2")).to_contain_text("beach")
    # The bar is gone, and with it the button that had the focus.
    expect(page.locator("#results")).to_be_focused()
    assert video(engine, "video 1").tags == ["odd"]
    assert video(engine, "video 3").tags == ["odd", "beach", "sea"]


def test_enter_in_a_field_sets_that_field(page: Page, engine: Engine) -> None:
    page.get_by_label("Select video 2").check()

    page.get_by_role("form", name="Selected videos").get_by_label("Collection").fill("news")
    page.keyboard.press("Enter")

    expect(page.locator("#summary")).to_contain_text("1 video changed.")
    row = video(engine, "video 2")
    assert (row.collection, row.tags) == ("news", ["even"])


def test_taking_out_asks_in_a_dialog_and_keeps_what_is_not_confirmed(page: Page) -> None:
    page.get_by_label("Select video 2").check()
    button = page.get_by_role("form", name="Selected videos").get_by_role(
        "button", name="Take out of the index…"
    )
    button.click()

    dialog = page.get_by_role("dialog", name="Take 1 video out of the index?")
    expect(dialog).to_contain_text("Files stay where they are")
    expect(dialog.get_by_role("link", name="Keep it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    expect(rows(page)).to_have_count(6)


def test_what_is_confirmed_is_taken_out(page: Page, engine: Engine) -> None:
    open_form(page, "video 2").get_by_role("button", name="Take out").click()

    page.get_by_role("dialog").get_by_role("button", name="Take 1 video out").click()

    expect(page.locator("#summary")).to_contain_text("1 video taken out of the index.")
    expect(rows(page)).to_have_count(5)
    assert video(engine, "video 2") is None


def test_after_the_page_of_a_video_that_is_taken_out_comes_the_list(page: Page) -> None:
    page.goto("/library/2?back=by%3Dlength")
    page.get_by_role("button", name="Take out of the index…").click()
    page.get_by_role("dialog").get_by_role("button", name="Take 1 video out").click()
    expect(rows(page)).to_have_count(5)

    assert page.url.endswith("/library?by=length")
    page.reload()
    expect(rows(page)).to_have_count(5)


def test_going_back_closes_the_question(page: Page) -> None:
    page.get_by_role("link", name="Status").click()
    expect(rows(page)).to_have_count(0)
    page.get_by_role("link", name="Library").click()
    expect(rows(page)).to_have_count(6)
    open_form(page, "video 2").get_by_role("button", name="Take out").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    page.go_back()

    expect(rows(page)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_pressing_twice_opens_one_form_and_asks_once(page: Page) -> None:
    edit = page.get_by_role("link", name="Edit video 2")
    edit.evaluate("link => { link.click(); link.click(); }")
    form = page.locator("form.edit")
    expect(form.get_by_role("textbox", name="Title")).to_be_focused()
    expect(form).to_have_count(1)

    form.get_by_role("button", name="Take out").evaluate(
        "button => { button.click(); button.click(); }"
    )
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("dialog")).to_have_count(1)


def test_who_was_logged_out_meanwhile_is_told_so(page: Page) -> None:
    answer = {"status": 401, "json": {"error": "log in first"}}
    page.get_by_label("Select video 2").check()
    page.route("**/library/*", lambda route: route.fulfill(**answer))

    for button in ("#video-3 [data-edit]", "#chosen .grave"):
        page.locator("#summary").evaluate("line => { line.textContent = '' }")
        page.locator(button).click()
        expect(page.locator("#summary")).to_have_text("log in first")


def test_dropped_files_are_uploaded_and_queued(page: Page, folder: Path) -> None:
    data = page.evaluate_handle(DRAGGED, ["a.mp4", "notes.txt"])
    page.dispatch_event(".entries", "dragover", {"dataTransfer": data})
    page.dispatch_event(".entries", "drop", {"dataTransfer": data})

    uploads = page.locator("#uploads")
    expect(uploads.locator("li", has_text="a.mp4")).to_contain_text("queued to be indexed")
    expect(uploads.locator("li", has_text="notes.txt")).to_contain_text("not the name of a video")
    expect(page.locator("#activity")).to_contain_text("1 file waiting")
    expect(page.locator("#activity")).to_contain_text("a.mp4 waits")
    assert [path.name for path in folder.iterdir()] == ["a.mp4"]


def test_a_file_that_is_too_large_is_not_even_sent(page: Page, folder: Path) -> None:
    page.get_by_label("Upload videos").set_input_files(
        {"name": "big.mp4", "mimeType": "video/mp4", "buffer": bytes(1_000_001)}
    )

    expect(page.locator("#uploads")).to_contain_text("is larger than an upload may be")
    assert list(folder.iterdir()) == []


def test_an_upload_that_comes_too_soon_waits_for_its_turn(page: Page, folder: Path) -> None:
    refusals = iter([True])

    def refuse_once(route: Route) -> None:
        if next(refusals, False):
            route.fulfill(status=429, headers={"Retry-After": "1"}, json={"error": "too many"})
        else:
            route.continue_()

    page.route("**/library/uploads/*", refuse_once)
    page.get_by_label("Upload videos").set_input_files(
        {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"x"}
    )

    expect(page.locator("#uploads")).to_contain_text("waits for its turn")
    expect(page.locator("#uploads")).to_contain_text("queued to be indexed")
    assert [path.name for path in folder.iterdir()] == ["a.mp4"]


def test_an_upload_is_cancelled(page: Page, folder: Path) -> None:
    # It never gets to the server, so that there is time to press the button.
    page.route("**/library/uploads/*", lambda _: None)
    page.get_by_label("Upload videos").set_input_files(
        {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"x"}
    )

    page.get_by_role("button", name="Cancel a.mp4").click()

    expect(page.locator("#uploads")).to_contain_text("was cancelled")
    assert list(folder.iterdir()) == []


def test_uploads_go_on_while_another_page_is_shown(page: Page, folder: Path) -> None:
    held: list[Route] = []
    page.route("**/library/uploads/*", lambda route: held.append(route), times=2)
    page.get_by_label("Upload videos").set_input_files(
        [FilePayload(name=f"{name}.mp4", mimeType="video/mp4", buffer=b"x") for name in "abcd"]
    )
    page.wait_for_function("document.querySelectorAll('#uploads li').length === 4")
    page.get_by_role("link", name="Moments").click()
    expect(page.locator("#upload")).to_have_count(0)

    for route in held:
        route.continue_()
    # Two are sent at a time, so that these were sent after the page was left.
    for name in "cd":
        wait_for(folder / f"{name}.mp4")
    page.get_by_role("link", name="Library").click()

    expect(page.locator("#uploads li", has_text="queued to be indexed")).to_have_count(4)


def test_what_goes_on_is_shown_as_it_goes(page: Page, engine: Engine) -> None:
    job_id = add_job(engine, "todo", "/new.mp4")
    page.reload()
    expect(page.locator("#activity")).to_contain_text("1 file waiting")

    add_video(engine, "just arrived")
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL search_path = procrastinate"))
        connection.execute(
            text("DELETE FROM procrastinate.procrastinate_jobs WHERE id = :id"), {"id": job_id}
        )

    link = page.get_by_role("link", name="1 new video")
    expect(link).to_be_visible()
    expect(page.locator("#activity")).not_to_contain_text("waiting")
    expect(rows(page)).to_have_count(6)
    link.click()
    expect(rows(page)).to_have_count(7)


def test_without_scripts_videos_are_found_edited_and_taken_out(
    plain_page: Page, engine: Engine
) -> None:
    page = plain_page
    page.get_by_label("Name", exact=True).fill("video 2")
    page.get_by_role("button", name="Show").click()
    expect(rows(page)).to_have_count(1)

    page.get_by_role("link", name="Edit video 2").click()
    page.get_by_role("textbox", name="Title").fill("video 2 by hand")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#summary")).to_contain_text("Saved.")
    page.get_by_role("link", name="Back to the library").click()
    expect(page.locator(".entry .title")).to_have_text("video 2 by hand")

    page.get_by_label("Select video 2 by hand").check()
    page.get_by_role("button", name="Take out of the index…").click()
    page.get_by_role("button", name="Take 1 video out").click()
    expect(page.locator("#summary")).to_contain_text("1 video taken out")
    assert video(engine, "video 2 by hand") is None


def test_without_scripts_files_are_uploaded(plain_page: Page, folder: Path) -> None:
    plain_page.get_by_label("Upload videos").set_input_files(
        [FilePayload(name=f"{name}.mp4", mimeType="video/mp4", buffer=b"x") for name in "ab"]
    )
    plain_page.get_by_role("button", name="Upload", exact=True).click()

    expect(plain_page.locator("#summary")).to_contain_text("2 files uploaded")
    assert sorted(path.name for path in folder.iterdir()) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize("width", [320, 390])
def test_a_narrow_page_does_not_scroll_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.get_by_label("Select video 1").check()
    open_form(page, "video 2")

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_title_leads_to_where_it_is_watched_and_back(page: Page) -> None:
    page.goto("/library?by=length&order=desc")
    rows(page).first.get_by_role("link", name="video 6").first.click()
    expect(page.get_by_role("heading", name="video 6")).to_be_visible()

    page.go_back()

    expect(rows(page).first).to_contain_text("video 6")
    expect(page.get_by_label("Sort by")).to_have_value("length")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_form_shuts_anybody_out(page: Page, engine: Engine, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    add_job(engine, "todo", "/next.mp4")
    with engine.begin() as connection:
        connection.execute(text("UPDATE videos SET status = 'failed', error = 'e' WHERE id = 3"))
    page.goto("/library?state=failed")
    violations = severe(page)
    page.goto("/library")
    page.get_by_label("Select video 1").check()
    form = open_form(page, "video 2")
    form.get_by_label("Date and time").fill("yesterday")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Date and time")).to_be_focused()
    violations += severe(page)
    page.get_by_role("button", name="Take out").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()

    assert violations + severe(page) == []


def severe(page: Page) -> list[str]:
    """What keeps people out who use the page by keyboard, or have it read aloud."""
    return [
        f"{one['id']} ({one['help']}): {node['html']}"
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
