"""The player page in a real browser, over a library that the tiny model indexed."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import Engine, text

from app.web import create_app
from tests.conftest import Databases
from tests.filling import fill
from tests.media import place, write_clip
from tests.web.browsing import page_without_complaints
from tests.web.serving import Server, served

pytestmark = pytest.mark.browser

WORDS = "a blue square on a grey background"
TITLE = "Signs and what they mean"
LENGTH_S = 15
LENGTH_OLD_S = 20

TIME = "video => video.currentTime"


@pytest.fixture(scope="module")
def kept(library: Engine) -> str:
    """The address of the first hit for WORDS; the embedder is warm by then."""
    client = create_app(library).test_client()
    return address_of_hit(client, 0)


def address_of_hit(client: FlaskClient, n: int) -> str:
    asked = {"q": WORDS, "keep": "1"}
    answer = client.get("/api/search", query_string=asked).json
    assert answer is not None
    hit = answer["hits"][n]
    words = WORDS.replace(" ", "+")
    return f"/watch/{hit['video_id']}?t={hit['t_s']}&q={words}&answer={answer['token']}&n={n}"


def seek_to(page: Page, share: float) -> None:
    """Presses the timeline at a share of its length."""
    slider = page.get_by_role("slider", name="Position")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def t_in(page: Page) -> float:
    """The time in the address bar."""
    found = re.search(r"[?&]t=([0-9.]+)", page.url)
    assert found
    return float(found[1])


def test_a_link_shows_its_moment(page: Page, kept: str) -> None:
    page.goto(kept)

    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    expect(page.locator("#video")).to_have_js_property("paused", True)
    expect(page.locator(".shot[aria-current]")).to_contain_text("0:05")
    expect(page.locator(".subtitle[aria-current]")).to_contain_text("blue square")
    assert 5 <= page.locator("#video").evaluate(TIME) < 10


def test_a_press_on_the_timeline_goes_there_and_the_address_follows(page: Page, kept: str) -> None:
    page.goto(kept)

    seek_to(page, 0.8)

    expect(page.get_by_role("slider", name="Position")).to_have_attribute(
        "aria-valuetext", "0:12 of 0:15"
    )
    expect(page.locator(".shot[aria-current]")).to_contain_text("0:10")
    expect(page).to_have_url(re.compile(r"[?&]t=1[12]\.?\d*&|[?&]t=1[12]\.?\d*$"))
    assert t_in(page) == pytest.approx(0.8 * LENGTH_S, abs=0.1)
    assert "answer=" in page.url


def test_the_timeline_is_a_slider_for_the_keyboard(page: Page, kept: str) -> None:
    page.goto(kept)
    slider = page.get_by_role("slider", name="Position")

    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "0:00 of 0:15")
    page.keyboard.press("ArrowRight")

    expect(slider).to_have_attribute("aria-valuetext", "0:05 of 0:15")


def test_the_pointer_shows_what_is_where_it_is(page: Page, kept: str) -> None:
    page.goto(kept)
    page.get_by_role("slider", name="Position").scroll_into_view_if_needed()
    box = page.get_by_role("slider", name="Position").bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 40)

    expect(page.locator("#glimpse")).to_contain_text("0:13, similarity")
    expect(page.locator("#glimpse img")).to_have_js_property("complete", True)


def test_a_subtitle_leads_to_when_it_is_said(page: Page, kept: str) -> None:
    page.goto(kept)

    page.get_by_text("A green cross is a pharmacy.").click()

    expect(page.locator(".shot[aria-current]")).to_contain_text("0:10")
    expect(page.locator(".subtitle[aria-current]")).to_contain_text("green cross")


def test_arrow_keys_step_through_the_hits_and_back_returns(page: Page, kept: str) -> None:
    page.goto(kept)
    expect(page.locator("#summary")).to_contain_text("Hit 1 of")

    page.keyboard.press("ArrowRight")
    expect(page.locator("#summary")).to_contain_text("Hit 2 of")
    second = page.url
    page.keyboard.press("ArrowRight")
    expect(page.locator("#summary")).to_contain_text("Hit 3 of")
    page.go_back()

    expect(page.locator("#summary")).to_contain_text("Hit 2 of")
    assert page.url.split("&t=")[0].split("?")[0] == second.split("?")[0]


def test_a_player_that_is_left_changes_no_other_address(page: Page, kept: str) -> None:
    page.goto(kept)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#summary")).to_contain_text("Hit 2 of")
    expect(page).to_have_url(re.compile("n=1"))
    # The page that is gone back to does not arrive.
    page.route("**/watch/**", lambda _: None)

    page.evaluate("history.back()")
    expect(page).to_have_url(re.compile("n=0"))
    page.locator("#video").evaluate("video => video.dispatchEvent(new Event('seeked'))")

    expect(page).to_have_url(re.compile("n=0"))
    page.unroute_all(behavior="ignoreErrors")


def test_a_link_within_the_page_leaves_the_player_as_it_was(page: Page, kept: str) -> None:
    page.goto(kept)
    expect(page.locator("#summary")).to_contain_text("Hit 1 of")

    page.get_by_role("link", name="Skip to the results").press("Enter")
    expect(page.locator("#results")).to_be_focused()
    seek_to(page, 0.8)

    expect(page.get_by_role("slider", name="Position")).to_have_attribute(
        "aria-valuetext", "0:12 of 0:15"
    )


@pytest.mark.parametrize("name", ["scenes", "lines"])
def test_arrow_keys_in_a_list_are_left_to_it(page: Page, kept: str, name: str) -> None:
    page.goto(kept)
    expect(page.locator("#summary")).to_contain_text("Hit 1 of")
    page.evaluate(
        "addEventListener('keydown', event => (document.title = `${event.defaultPrevented}`))"
    )

    page.locator(f"#{name}").focus()
    page.keyboard.press("ArrowRight")

    expect(page).to_have_title("false")


def test_similarities_that_come_late_are_drawn_when_they_come(page: Page, kept: str) -> None:
    def come_late(route: Route) -> None:
        reply = route.fetch()
        later = kept.replace("?", "/plot?")
        note = f'<p id="plot-later"><a href="{later}">Show them</a></p>'
        html = reply.text().replace("<article", f"{note}<article")
        html = re.sub('(?s)<svg viewBox="0 0 1000 100".*?</svg>', "", html)
        route.fulfill(response=reply, body=html)

    page.route(re.compile(r"/watch/\d+\?"), come_late)
    page.goto(kept)

    expect(page.locator("#timeline path.curve")).to_have_count(1)
    expect(page.locator("#plot-later")).to_have_count(0)
    expect(page.locator("#similarity")).to_contain_text("here")


def test_quick_presses_go_as_many_hits_ahead(page: Page, kept: str) -> None:
    page.goto(kept)

    page.evaluate(
        """() => {
          for (let press = 0; press < 3; press += 1) {
            document.body.dispatchEvent(
              new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, cancelable: true }));
          }
        }"""
    )

    expect(page.locator("#summary")).to_contain_text("Hit 4 of")
    page.go_back()
    expect(page.locator("#summary")).to_contain_text("Hit 1 of")


def test_a_clip_that_ends_before_it_begins_is_told_in_the_form(page: Page, kept: str) -> None:
    page.goto(kept)
    page.get_by_label("Clip from").fill("9")
    page.get_by_label("to", exact=True).fill("7")

    page.get_by_role("button", name="Download").click()

    expect(page.locator("#clip-problem")).to_have_text("The end must come after the start.")
    expect(page.get_by_label("to", exact=True)).to_be_focused()
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()


def test_a_mark_on_the_timeline_leads_to_its_hit(page: Page, kept: str) -> None:
    page.goto(kept)
    mark = page.get_by_role("group", name="Hits in this video").get_by_role("link").last
    name = mark.get_attribute("aria-label") or ""

    mark.click()

    expect(page.locator("#summary")).to_contain_text(f"{name.split(' at ')[0]} of")


def test_letters_move_through_the_video(page: Page, kept: str) -> None:
    page.goto(kept)
    slider = page.get_by_role("slider", name="Position")
    seek_to(page, 0)
    page.locator("h1").click()

    page.keyboard.press("l")
    expect(slider).to_have_attribute("aria-valuetext", "0:10 of 0:15")
    page.keyboard.press("Shift+ArrowLeft")

    expect(slider).to_have_attribute("aria-valuetext", "0:09 of 0:15")


def test_the_way_back_leads_to_the_results(page: Page, kept: str) -> None:
    page.goto(kept)

    page.get_by_role("link", name="Back to the results").click()

    expect(page.locator("#summary")).to_contain_text(WORDS)
    expect(page.locator("a.card").first).to_contain_text(TITLE)


def test_more_like_the_frame_that_is_shown_now(page: Page, kept: str) -> None:
    page.goto(kept)
    before = page.locator("#like").get_attribute("href")

    seek_to(page, 0.95)

    expect(page.locator("#like")).not_to_have_attribute("href", before or "")
    page.get_by_role("link", name="More like this frame").click()
    expect(page.locator("a.card").first).to_contain_text(TITLE)


def test_similar_videos_come_when_they_are_asked_for(page: Page, kept: str) -> None:
    page.goto(kept)

    page.get_by_text("Similar videos").click()

    expect(page.locator(".related a").first).to_be_visible()


def test_a_link_to_this_moment_can_be_copied(page: Page, kept: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(kept)
    seek_to(page, 0.2)
    expect(page.get_by_role("button", name="Copy link")).to_contain_text("0:03")

    page.get_by_role("button", name="Copy link").click()

    expect(page.locator("#copied")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"/watch/\d+\?.*t=3(\.\d+)?$", copied)


def test_a_phone_shows_all_of_the_player(page: Page, kept: str) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto(kept)

    expect(page.get_by_role("slider", name="Position")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_without_scripts_scenes_and_hits_are_links(
    browser: Browser, server: Server, kept: str
) -> None:
    with browser.new_context(base_url=server.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(kept)
        page.locator("a.shot").nth(2).click()
        expect(page).to_have_url(re.compile(r"t=10"))
        page.locator("#next-hit").click()

        expect(page.locator("#summary")).to_contain_text("Hit 2 of")


@pytest.fixture(scope="module")
def converting(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A page with two videos of 20 s, which no browser can play: of one of them it is not known."""
    folder = tmp_path_factory.mktemp("old")
    pictures = [place(second) for second in range(LENGTH_OLD_S) for _ in range(25)]
    engine = databases.create()
    fill(engine, videos=2, frames=LENGTH_OLD_S)
    with engine.begin() as connection:
        for number, (name, codec) in enumerate({"old.avi": "mpeg4", "old.mp4": "h264"}.items(), 1):
            path = write_clip(folder / name, pictures, codec="mpeg4")
            connection.execute(
                text("UPDATE video_files SET path = :path WHERE video_id = :id"),
                {"path": str(path), "id": number},
            )
            connection.execute(
                text("UPDATE videos SET codec = :codec WHERE id = :id"),
                {"codec": codec, "id": number},
            )
    with served(create_app(engine)) as server:
        yield server
    databases.drop(engine)


@pytest.fixture
def old(browser: Browser, converting: Server) -> Iterator[Page]:
    with page_without_complaints(browser, converting) as page:
        yield page


def test_a_conversion_shows_the_time_of_the_video(old: Page) -> None:
    old.goto("/watch/1?t=12")

    expect(old.locator("#video")).to_have_js_property("readyState", 4)
    expect(old.locator("#clock")).to_have_text(re.compile("0:1[2-9]"))
    assert old.locator("#video").evaluate(TIME) < 8


def test_seeking_in_a_conversion_begins_another_one(old: Page) -> None:
    old.goto("/watch/1?t=12")
    expect(old.locator("#video")).to_have_js_property("readyState", 4)

    seek_to(old, 0.1)

    expect(old.locator("#video")).to_have_attribute("src", re.compile(r"from=(1\.9|2\.0)"))
    expect(old.locator("#video")).to_have_js_property("readyState", 4)
    expect(old).to_have_url(re.compile(r"t=[2-9]|t=1\.9"))


def picture_at(page: Page) -> int:
    """The second of the clip that is seen, by the place that its picture shows."""
    width, height = 160, 90
    pixels = page.locator("#video").evaluate(
        """(video, [width, height]) => {
          const canvas = new OffscreenCanvas(width, height).getContext("2d");
          canvas.drawImage(video, 0, 0, width, height);
          return [...canvas.getImageData(0, 0, width, height).data];
        }""",
        [width, height],
    )
    seen = np.array(pixels).reshape(height, width, 4)[:, :, :3]
    return int(np.argmin([np.abs(seen - place(second)).mean() for second in range(LENGTH_OLD_S)]))


@pytest.mark.parametrize("by", ["timeline", "key"])
def test_seeking_to_what_a_conversion_has_loaded_comes_to_that_second(old: Page, by: str) -> None:
    old.goto("/watch/1?t=2.5")
    old.keyboard.press("k")
    # Nobody can tell how long it plays until the next key is pressed.
    expect(old.locator("#clock")).to_have_text(re.compile("0:0[5-9]|0:1"))
    old.keyboard.press("k")
    expect(old.locator("#video")).to_have_js_property("paused", True)
    reached_s = 2.5 + old.locator("#video").evaluate(TIME)

    if by == "timeline":
        second = 4
        seek_to(old, 0.225)
    else:
        second = int(reached_s - 1)
        old.keyboard.press("Shift+ArrowLeft")

    expect(old.locator("#video")).to_have_attribute("src", re.compile(rf"from={second}\."))
    expect(old.locator("#video")).to_have_js_property("readyState", 4)
    expect(old.locator("#clock")).to_have_text(f"0:{second:02}")
    assert picture_at(old) == second


def test_a_conversion_has_controls_that_know_its_length(old: Page) -> None:
    old.goto("/watch/1?t=2.5")
    expect(old.locator("#video")).not_to_have_attribute("controls", "")
    expect(old.locator(".under")).to_contain_text("of 0:20")

    old.get_by_role("button", name="Play").focus()
    old.keyboard.press("Enter")
    expect(old.get_by_role("button", name="Pause")).to_be_focused()
    expect(old.locator("#video")).to_have_js_property("paused", False)
    old.keyboard.press("Enter")
    expect(old.locator("#video")).to_have_js_property("paused", True)
    old.get_by_role("button", name="Mute").click()
    expect(old.locator("#video")).to_have_js_property("muted", True)
    old.get_by_role("slider", name="Volume").fill("0.5")
    expect(old.locator("#video")).to_have_js_property("muted", False)
    expect(old.locator("#video")).to_have_js_property("volume", 0.5)
    old.get_by_role("button", name="Full screen").click()
    expect(old.get_by_role("button", name="Leave full screen")).to_be_visible()
    expect(old.get_by_role("slider", name="Position in the video")).to_be_visible()


def test_a_file_that_plays_has_the_controls_of_the_browser(page: Page, kept: str) -> None:
    page.goto(kept)

    expect(page.locator("#video")).to_have_attribute("controls", "")
    expect(page.get_by_role("group", name="Playing")).to_be_hidden()


@pytest.mark.parametrize(
    ("refusals", "wait_s"),
    [
        pytest.param(1, 60, id="room when asked why"),
        pytest.param(2, 1, id="room after the time that was said"),
        pytest.param(2, 600, id="room when people try again"),
    ],
)
def test_a_conversion_that_had_no_room_is_had_later(old: Page, refusals: int, wait_s: int) -> None:
    refused: list[str] = []

    def answer(route: Route) -> None:
        if len(refused) == refusals:
            route.fallback()
            return
        refused.append(route.request.url)
        headers = {"Retry-After": str(wait_s)}
        route.fulfill(status=503, headers=headers, json={"error": "2 videos are being converted."})

    old.route("**/converted?*", answer)
    old.goto("/watch/1?t=12")
    if wait_s == 600:
        expect(old.locator("#watch-problem")).to_contain_text("2 videos are being converted.")
        old.get_by_role("button", name="Try again").click()

    expect(old.locator("#video")).to_have_js_property("readyState", 4)
    expect(old.locator("#clock")).to_have_text(re.compile("0:1[2-9]"))
    expect(old.locator("#watch-problem")).to_be_empty()
    expect(old.get_by_role("button", name="Try again")).to_be_hidden()


def test_a_file_that_the_browser_gives_up_on_is_converted(old: Page) -> None:
    old.goto("/watch/2?t=7")

    expect(old.locator("#video")).to_have_attribute("src", re.compile(r"converted\?from=7"))
    expect(old.locator("#video")).to_have_js_property("readyState", 4)
    expect(old.locator("#clock")).to_have_text(re.compile("0:(0[7-9]|1)"))


def test_a_video_that_is_left_is_no_longer_downloaded(old: Page) -> None:
    old.goto("/watch/1?t=3")
    expect(old.locator("#video")).to_have_js_property("readyState", 4)
    video = old.locator("#video").element_handle()
    assert video is not None

    old.get_by_role("link", name="Status").click()
    expect(old.locator("#video")).to_have_count(0)

    assert video.evaluate("video => video.getAttribute('src')") is None
    assert video.evaluate("video => video.networkState") == 0
