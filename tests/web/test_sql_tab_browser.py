"""The question in other words, in a real browser: opened and copied."""

import pytest
from playwright.sync_api import Page, expect

from tests.web.serving import Server

pytestmark = pytest.mark.browser


def test_the_sql_of_a_question_is_copied_as_it_stands(page: Page, server: Server) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    page.goto(f"{server.url}/?q=a+red+heart")
    page.get_by_text("Ask the same in SQL").click()

    page.get_by_role("button", name="Copy the SQL").click()

    expect(page.get_by_role("button", name="Copied the SQL")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("CALL embed_terms('a red heart');\n\nSELECT ")
    assert copied == page.locator("#way-sql-text").text_content()


def test_without_a_clipboard_the_text_is_selected(page: Page, server: Server) -> None:
    page.add_init_script("delete Navigator.prototype.clipboard; document.execCommand = () => false")
    page.goto(f"{server.url}/?q=a+red+heart")
    page.get_by_text("Ask the same in SQL").click()

    page.get_by_role("button", name="Copy the curl").click()

    expect(page.get_by_role("button", name="Selected the curl")).to_be_visible()
    assert page.evaluate("getSelection().toString()").startswith("curl http://")
