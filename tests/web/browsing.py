"""Pages of a browser that fail a test by a script's error or a break of the page's own policy."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.web.serving import Server


@contextmanager
def page_without_complaints(browser: Browser, server: Server) -> Iterator[Page]:
    """An empty page of a server's own; what the browser complains about is told at the end."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A status of 400 is part of what the page is asked to show.
        if not message.text.startswith("Failed to load resource"):
            complaints.append(f"{message.type}: {message.text}")

    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", note)
        yield page
    assert complaints == []
