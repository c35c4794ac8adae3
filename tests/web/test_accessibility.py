"""What axe-core finds amiss for people who use the pages by keyboard, or have them read aloud."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.web.serving import Server

pytestmark = pytest.mark.browser

PAGES = {
    "start": "/",
    "answer": "/?q=a+red+circle&filter=tag:demo",
    "answer by video": "/?q=a+red+circle&group=video",
    "what follows": "/?q=a+red+circle&then=a+blue+square",
    "nothing found": "/?q=a+red+circle&filter=collection:nowhere",
    "refused": "/?q=a+red+circle&filter=after:never",
    "library": "/library",
    "status": "/status",
    "API": "/api/docs",
}
SEVERE = ("serious", "critical")


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Page]:
    with browser.new_context(base_url=server.url, color_scheme=request.param) as context:
        yield context.new_page()


@pytest.mark.parametrize("address", PAGES.values(), ids=PAGES.keys())
def test_no_page_shuts_anybody_out(page: Page, address: str) -> None:
    page.goto(address)

    found = Axe().run(page).response["violations"]

    severe = [
        f"{one['id']} ({one['help']}): {node['html']}"
        for one in found
        if one["impact"] in SEVERE
        for node in one["nodes"]
    ]
    assert not severe, "\n".join(severe)
