"""Another site's page, open in a real browser that is logged in here."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask, Response, request
from playwright.sync_api import Browser, Page, StorageState, expect
from sqlalchemy import Engine

from app.config import Settings
from app.web import create_app
from tests.web.serving import Server, served

pytestmark = pytest.mark.browser

TOKEN = "the-token-of-the-tests"

# What the other site does; each tells by its title when it is done.
ATTACKS = {
    "form": """
        <form method="post" action="{victim}/" enctype="multipart/form-data">
        <input name="q" value="stolen"></form><script>document.forms[0].submit()</script>""",
    "logout": """
        <form method="post" action="{victim}/logout"></form>
        <script>document.forms[0].submit()</script>""",
    "form without an origin": """
        <iframe sandbox="allow-scripts allow-forms" srcdoc='<form method="post"
        action="{victim}/"><input name="q" value="stolen"></form>
        <script>document.forms[0].submit()</script>'></iframe>
        <script>setTimeout(() => document.title = "done", 700)</script>""",
    "fetch": """
        <script>fetch("{victim}/api/search", {{method: "POST", mode: "no-cors",
        credentials: "include", body: new URLSearchParams({{q: "stolen"}})}})
        .finally(() => document.title = "done")</script>""",
    "fetch of an answer": """
        <script>fetch("{victim}/api/videos", {{credentials: "include"}})
        .then((answer) => answer.text()).then((text) => document.title = "read " + text)
        .catch(() => document.title = "done")</script>""",
    "delete": """
        <script>fetch("{victim}/library", {{method: "DELETE", credentials: "include"}})
        .finally(() => document.title = "done")</script>""",
    "beacon": """
        <script>navigator.sendBeacon("{victim}/api/search", new URLSearchParams({{q: "stolen"}}));
        setTimeout(() => document.title = "done", 500)</script>""",
    "picture": """
        <img src="{victim}/api/search?q=stolen" onerror="document.title = 'done'"
        onload="document.title = 'read'">""",
    "script": """
        <script src="{victim}/api/videos" onerror="document.title = 'done'"
        onload="document.title = 'read'"></script>""",
    "frame": """
        <iframe src="{victim}/library" onload="document.title = 'done'"></iframe>""",
}


@dataclass
class Watched:
    """The page under attack, and what it answered to whom."""

    server: Server
    answers: list[tuple[str, str, int]] = field(default_factory=list)


@pytest.fixture(scope="module")
def watched(drawn_library: Engine) -> Iterator[Watched]:
    flask = create_app(drawn_library, Settings(token=TOKEN))
    answers: list[tuple[str, str, int]] = []

    @flask.after_request
    def note(response: Response) -> Response:
        if request.endpoint not in ("static", "styles.sheet") and request.path != "/favicon.ico":
            answers.append((request.method, request.path, response.status_code))
        return response

    with served(flask) as server:
        yield Watched(server, answers)


@pytest.fixture(scope="module")
def attacker(watched: Watched) -> Iterator[Server]:
    flask = Flask("attacker")

    @flask.get("/<name>")
    def attack(name: str) -> str:
        victim = f"http://localhost:{watched.server.port}"
        return "<!doctype html><title>waits</title>" + ATTACKS.get(name, "").format(victim=victim)

    @flask.get("/link")
    def link() -> str:
        return f'<a href="http://localhost:{watched.server.port}/library">to the library</a>'

    with served(flask) as server:
        yield server


@pytest.fixture(scope="module")
def login(browser: Browser, watched: Watched) -> StorageState:
    """What a browser keeps of a login to the page under attack."""
    with browser.new_context() as context:
        page = context.new_page()
        start = f"http://localhost:{watched.server.port}/api/status"
        page.goto(start)
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url(start)
        return context.storage_state()


@pytest.fixture
def page(browser: Browser, watched: Watched, login: StorageState) -> Iterator[Page]:
    """A page of a browser that is logged in to the page under attack."""
    with browser.new_context(storage_state=login) as context:
        watched.answers.clear()
        yield context.new_page()


# By its address the attacker is another site; as localhost it is another port of the same one, to
# which the browser sends the cookie.
@pytest.mark.parametrize(
    ("name", "host"),
    [
        *((name, "localhost") for name in ATTACKS),
        *((name, "127.0.0.1") for name in ("form", "fetch", "fetch of an answer", "picture")),
    ],
)
def test_another_site_gets_nowhere_with_a_browser_that_is_logged_in(
    page: Page, watched: Watched, attacker: Server, name: str, host: str
) -> None:
    page.goto(f"http://{host}:{attacker.port}/{name}")
    page.wait_for_function(
        f"document.title !== 'waits' || location.port !== '{attacker.port}'", timeout=10_000
    )

    assert not page.title().startswith("read")
    for _ in range(50):
        if watched.answers:
            break
        page.wait_for_timeout(100)
    assert {status for _, _, status in watched.answers} == {403}, watched.answers


def test_a_link_from_another_site_opens(page: Page, watched: Watched, attacker: Server) -> None:
    page.goto(f"http://127.0.0.1:{attacker.port}/link")

    page.get_by_role("link").click()
    page.wait_for_url(f"http://localhost:{watched.server.port}/library")

    assert ("GET", "/library", 200) in watched.answers


def test_who_leaves_is_asked_for_the_token_again_and_led_back(page: Page, watched: Watched) -> None:
    start = f"http://localhost:{watched.server.port}"
    page.goto(f"{start}/library")
    other = page.context.new_page()
    other.goto(f"{start}/status")
    other.get_by_role("button", name="Log out").click()
    other.wait_for_url("**/login")

    page.get_by_role("link", name="Status").click()
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")

    page.wait_for_url(f"{start}/status")
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()


def test_a_link_opens_after_the_login(browser: Browser, watched: Watched, attacker: Server) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{attacker.port}/link")
        page.get_by_role("link").click()

        page.get_by_label("Token").fill("a wrong one")
        page.get_by_role("button", name="Log in").click()
        assert page.get_by_role("alert").text_content() == "That is not the token. Try again."
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()

        page.wait_for_url(f"http://localhost:{watched.server.port}/library")
        expect(page.locator("main")).to_contain_text("60 videos")
