"""The page in a real browser, over a library that the tiny model indexed."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from app.web import create_app
from app.web.answering import SHOWN
from tests.keeping import add_job, add_source
from tests.web.serving import Server, served

pytestmark = pytest.mark.browser

# One scene of the library shows this, and it is not the first one of its video.
WORDS = "a blue square on a grey background"
TITLE = "Signs and what they mean"
START_S, END_S = 5, 10

HAVE_ENOUGH_DATA = 4

# Makes what a browser hands to the page when a file is dropped on it.
DRAGGED = """bytes => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", { type: "image/jpeg" }));
    return data;
}"""


@pytest.fixture
def picture(library: Engine, tmp_path: Path) -> Path:
    """The frame of the best hit for WORDS, as a file."""
    client = create_app(library).test_client()
    answer = client.get("/api/search", query_string={"q": WORDS, "limit": 1}).json
    assert answer is not None
    path = tmp_path / "picture.jpg"
    path.write_bytes(client.get(answer["hits"][0]["thumbnail_url"]).data)
    return path


def ask(page: Page, words: str) -> None:
    page.get_by_label("Words to search for").fill(words)
    page.keyboard.press("Enter")
    expect(page.locator("#summary")).to_contain_text(words)


def scroll_through(page: Page) -> None:
    """Scrolls on until the answer has come to its end."""
    more = page.get_by_role("link", name="Show more")
    for _ in range(100):
        if not more.count():
            return
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(100)


def test_words_find_the_moment_and_a_click_plays_it(page: Page) -> None:
    ask(page, WORDS)

    first = page.locator("a.card").first
    expect(first).to_contain_text(TITLE)
    expect(first).to_contain_text("0:05\N{EN DASH}0:10")
    first.click()

    expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
    video = page.locator("video")
    expect(video).to_have_js_property("readyState", HAVE_ENOUGH_DATA)
    assert START_S <= video.evaluate("video => video.currentTime") < END_S
    page.go_back()
    expect(page.locator("a.card").first).to_contain_text(TITLE)


def test_a_question_is_a_link_and_back_returns_to_it(page: Page) -> None:
    ask(page, WORDS)
    ask(page, "a red heart")
    page.wait_for_url("**/?q=a+red+heart")

    page.go_back()

    expect(page.locator("#summary")).to_contain_text(WORDS)
    expect(page.get_by_label("Words to search for")).to_have_value(WORDS)
    assert page.url.endswith("/?q=a+blue+square+on+a+grey+background")


def test_a_broken_filter_is_explained_and_mended(page: Page) -> None:
    ask(page, WORDS)
    page.get_by_text("More to ask").click()

    page.get_by_label("Filter", exact=True).fill("colour = red")
    page.keyboard.press("Enter")
    expect(page.locator("#where-problem")).to_contain_text("no field 'colour'")
    expect(page.get_by_label("Filter", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Filter", exact=True).fill("duration_s > 0")
    page.keyboard.press("Enter")

    expect(page.locator("a.card").first).to_be_visible()
    expect(page.locator("#where-problem")).to_be_empty()


def test_a_suggested_filter_is_taken_by_keyboard_and_becomes_a_chip(page: Page) -> None:
    box = page.get_by_label("Words to search for")
    box.press_sequentially(f"{WORDS} coll")
    expect(page.get_by_role("option", name="collection:")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    box.press_sequentially("less")
    page.get_by_role("option", name="collection:lessons").click()

    expect(page.locator("#chips")).to_contain_text("collection:lessons")
    expect(box).to_have_value(WORDS)
    expect(page.locator("#results")).not_to_contain_text("Balloons at noon")
    assert page.url.endswith("&filter=collection:lessons")

    page.get_by_label("Remove the filter collection:lessons").click()
    expect(page.locator("#chips")).to_be_empty()
    expect(page.locator("#results")).to_contain_text("Balloons at noon")


def test_what_happens_next_is_asked_in_a_second_box(page: Page) -> None:
    ask(page, "a red circle")
    page.get_by_text("More to ask").click()

    page.get_by_label("Then").fill("a yellow circle")
    page.keyboard.press("Enter")

    expect(page.locator("#summary")).to_contain_text("then “a yellow circle”")
    expect(page.locator("a.card").first.locator("img")).to_have_count(2)
    expect(page.locator("a.card").first).to_contain_text("Balloons at noon")


def test_the_answer_is_arranged_and_the_address_tells_how(page: Page) -> None:
    ask(page, WORDS)

    page.get_by_role("combobox", name="Show").select_option("videos")

    expect(page.locator(".video-hits").first).to_contain_text(TITLE)
    assert page.url.endswith("&group=video")
    page.go_back()
    expect(page.locator(".video-hits")).to_have_count(0)


def test_a_picked_picture_finds_its_own_moment_and_is_part_of_the_link(
    page: Page, picture: Path
) -> None:
    page.get_by_label("Picture to search for").set_input_files(picture)

    expect(page.get_by_alt_text("The picture that is searched with")).to_be_visible()
    expect(page.locator("#summary")).to_contain_text("for the picture")
    expect(page.locator("a.card").first).to_contain_text(TITLE)
    page.reload()
    expect(page.locator("a.card").first).to_contain_text(TITLE)


def test_a_dropped_picture_is_weighed_against_words_and_removed(page: Page, picture: Path) -> None:
    ask(page, WORDS)

    data = page.evaluate_handle(DRAGGED, list(picture.read_bytes()))
    page.dispatch_event("main", "drop", {"dataTransfer": data})
    expect(page.locator("#summary")).to_contain_text(f"{WORDS}” with the picture")
    page.get_by_label("How much the picture counts").fill("80")
    expect(page.locator("#results[aria-busy]")).to_have_count(0)
    page.wait_for_url("**weight=80**")
    page.get_by_label("Remove the picture").click()

    expect(page.locator("#summary")).not_to_contain_text("with the picture")
    expect(page.locator("#picture img")).to_have_count(0)
    assert "weight" not in page.url


def test_back_returns_to_a_question_with_a_picture(page: Page, picture: Path) -> None:
    page.get_by_label("Picture to search for").set_input_files(picture)
    expect(page.locator("#summary")).to_contain_text("for the picture")
    ask(page, "a red heart")

    page.go_back()

    expect(page.locator("#summary")).to_contain_text("moments for the picture")


def test_a_file_that_is_no_picture_is_refused(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no picture")

    page.get_by_label("Picture to search for").set_input_files(path)

    expect(page.locator("#question-problem")).to_contain_text("not a picture")


def test_the_pointer_looks_through_a_scene(page: Page) -> None:
    ask(page, WORDS)
    first = page.locator("a.card").first
    own = first.locator("img").get_attribute("src")
    box = first.locator("img").bounding_box()
    assert own is not None
    assert box is not None

    with page.expect_response("**/scenes/**") as answered:
        page.mouse.move(box["x"] + 2, box["y"] + 20)
    frames = answered.value.json()
    expect(first.locator("img")).to_have_attribute("src", frames[0]["url"])
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + 22)
    expect(first.locator("img")).to_have_attribute("src", frames[-1]["url"])

    page.mouse.move(0, 0)
    expect(first.locator("img")).to_have_attribute("src", own)


def test_a_scene_that_was_looked_through_is_not_fetched_again(page: Page) -> None:
    ask(page, WORDS)
    first = page.locator("a.card").first
    own = first.locator("img").get_attribute("src")
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url) if "/scenes/" in request.url else None
    )
    assert own is not None

    for _ in range(2):
        first.locator("img").hover()
        expect(first.locator("progress")).to_be_visible()
        page.mouse.move(0, 0)
        expect(first.locator("img")).to_have_attribute("src", own)

    assert len(asked) == 1


def test_the_answer_goes_on_as_one_scrolls(browser: Browser, drawn_library: Engine) -> None:
    with served(create_app(drawn_library)) as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{server.url}/?q=a+red+circle")
        cards = page.locator("a.card")
        assert SHOWN <= cards.count() < 120

        scroll_through(page)

        expect(cards).to_have_count(120)
        expect(page.get_by_role("link", name="Show more")).to_have_count(0)


def test_back_from_the_player_leads_to_where_one_was(
    browser: Browser, drawn_library: Engine
) -> None:
    with served(create_app(drawn_library)) as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{server.url}/?q=a+red+circle")
        page.get_by_label("Words to search for").press("Enter")
        cards = page.locator("a.card")
        scroll_through(page)
        last = cards.nth(115)
        last.scroll_into_view_if_needed()
        before = page.evaluate("scrollY")
        last.click()
        expect(page.locator("video")).to_be_visible()

        page.go_back()

        expect(cards).to_have_count(120)
        assert abs(page.evaluate("scrollY") - before) < 50


def test_back_and_forward_in_haste_show_what_the_address_says(page: Page) -> None:
    ask(page, WORDS)
    page.get_by_role("link", name="Library").click()
    expect(page.locator("#summary")).to_contain_text("8 videos")
    page.get_by_role("link", name="Status").click()
    expect(page.get_by_role("heading", name="Sources")).to_be_visible()

    page.evaluate("history.back(); setTimeout(() => history.back(), 30)")
    page.wait_for_url("**/?q=*")
    page.go_forward()

    page.wait_for_url("**/library")
    expect(page.locator("#summary")).to_contain_text("8 videos")


def test_a_choice_keeps_the_focus_so_that_the_keyboard_can_go_on(page: Page) -> None:
    ask(page, WORDS)
    choice = page.get_by_role("combobox", name="Show")
    choice.focus()

    page.keyboard.press("ArrowDown")

    page.wait_for_url("**group=video")
    expect(choice).to_be_focused()


def test_what_is_typed_while_an_answer_is_awaited_stays(page: Page) -> None:
    box = page.get_by_label("Words to search for")
    box.fill("a red heart")
    box.evaluate("box => { box.form.requestSubmit(); box.value += ' and more' }")

    expect(page.locator("#summary")).to_contain_text("a red heart")
    page.wait_for_url("**/?q=a+red+heart")
    expect(box).to_have_value("a red heart and more")


def test_words_take_the_place_of_a_frame(page: Page) -> None:
    page.goto("/?like=1:15")
    expect(page.get_by_alt_text("The frame that is searched with")).to_be_visible()

    ask(page, WORDS)

    expect(page.locator("#picture img")).to_have_count(0)
    expect(page.locator("a.card").first).to_contain_text(TITLE)


def test_what_is_refused_stays_in_the_box(page: Page) -> None:
    page.goto(f"/?q={WORDS}&filter=tag:demo")
    page.get_by_text("More to ask").click()

    page.get_by_label("Picture at").fill("http://127.0.0.1/a.png")
    page.keyboard.press("Enter")

    expect(page.locator("#question-problem")).not_to_be_empty()
    expect(page.get_by_label("Words to search for")).to_have_value(WORDS)
    expect(page.locator("#chips")).to_contain_text("tag:demo")
    expect(page.get_by_label("Picture at")).to_have_value("http://127.0.0.1/a.png")
    expect(page.locator("a.card").first).to_contain_text(TITLE)


def test_the_cut_off_says_what_it_leaves_before_it_is_set(
    browser: Browser, drawn_library: Engine
) -> None:
    with served(create_app(drawn_library)) as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{server.url}/?q=a+red+circle")

        page.locator("[name=min_z]").evaluate(
            "slider => { slider.value = 3;"
            " slider.dispatchEvent(new Event('input', {bubbles: true})) }"
        )
        told = page.locator(".cut-off output").inner_text()
        page.locator("[name=min_z]").evaluate(
            "slider => slider.dispatchEvent(new Event('change', {bubbles: true}))"
        )

        page.wait_for_url("**min_z=3**")
        assert told.endswith(" of 120")
        expect(page.locator(".cut-off output")).to_contain_text(told.split(" of ")[0])


def test_the_slash_key_goes_to_the_search_box(page: Page) -> None:
    page.keyboard.press("/")

    expect(page.get_by_label("Words to search for")).to_be_focused()
    expect(page.get_by_label("Words to search for")).to_have_value("")


def test_a_phone_shows_all_of_the_page(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    ask(page, f"{WORDS} {'x' * 200}")

    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_role("combobox", name="Show").select_option("videos")
    expect(page.locator(".video-hits").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator("a.card").first.click()
    expect(page.locator("video")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_words_and_pictures_work_without_scripts(
    browser: Browser, server: Server, picture: Path
) -> None:
    with browser.new_context(base_url=server.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/")

        ask(page, WORDS)
        expect(page.locator("a.card").first).to_contain_text(TITLE)
        assert page.url.endswith("/?q=a+blue+square+on+a+grey+background")

        page.get_by_label("Picture to search for").set_input_files(picture)
        page.get_by_role("button", name="Search", exact=True).click()
        expect(page.locator("#summary")).to_contain_text("with the picture")


def test_the_status_is_kept_current_and_left_alone_elsewhere(
    browser: Browser, engine: Engine
) -> None:
    complaints: list[str] = []
    with served(create_app(engine)) as server:
        page = browser.new_page(viewport={"width": 320, "height": 700})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server.url)
        page.get_by_role("link", name="Status").click()
        expect(page.get_by_text("No videos yet")).to_be_visible()

        add_source(engine, "/brand-new")
        expect(page.get_by_text("/brand-new")).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")

        page.get_by_role("link", name="Library").click()
        expect(page.get_by_text("The library is empty")).to_be_visible()
        page.wait_for_timeout(6000)
        expect(page.get_by_text("The library is empty")).to_be_visible()
        page.close()
    assert width <= 320
    assert complaints == []


def test_the_status_stays_as_it_is_while_somebody_is_at_it(
    browser: Browser, engine: Engine
) -> None:
    add_job(engine)
    with served(create_app(engine)) as server:
        page = browser.new_page()
        page.goto(f"{server.url}/status")
        jobs = page.get_by_role("region", name="Jobs by task")
        jobs.focus()
        page.wait_for_timeout(6000)

        expect(jobs).to_be_focused()
        jobs.blur()
        add_source(engine, "/brand-new")
        expect(page.get_by_text("/brand-new")).to_be_visible()
        page.close()
