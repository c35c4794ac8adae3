"""Paint: `python -m bench.paint 'http://127.0.0.1:8080/?q=a+red+circle'` prints how soon it shows.

A Chromium opens the page again and again, each time as a newcomer with nothing in its cache, and
then once more as one who was there before; then it asks the same on the start page, as people do,
which shows the answer in place. What is measured is the time from the last byte of the server's
answer to the first paint of its content, and until all pictures of the first screen are there.
"""

import argparse
import os
import shutil
import sys
from urllib.parse import parse_qs, urljoin, urlsplit

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from bench.machine import BROWSER, header

TIMES = 20
WARM_UP = 2
VISITS = ("first", "second", "asked on the start page")

# The browser's own clock, in milliseconds from the start of the navigation.
TIMINGS = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    return [page.responseEnd, paint.startTime, page.loadEventEnd];
}"""


# The painting of the first title of an answer that is put into the page.
WATCH = """() => {
    new MutationObserver(() =>
        document.querySelector("#results .title")?.setAttribute("elementtiming", "answer")
    ).observe(document.getElementById("results"), {childList: true, subtree: true});
    new PerformanceObserver((list) => { window.painted = list.getEntries().at(-1).renderTime; })
        .observe({type: "element"});
}"""
PAINTED = "() => window.painted"
ALL_LOADED = "() => [...document.images].every(image => image.complete)"
TIMINGS_IN_PLACE = """() => {
    const fetched = performance.getEntriesByType("resource").filter(
        (one) => one.initiatorType === "fetch" && new URL(one.name).searchParams.has("q")
    );
    return [fetched.at(-1).responseEnd, window.painted, performance.now()];
}"""


def timings(browser: Browser, address: str) -> list[tuple[float, float]]:
    """From the answer to the first paint, and until all is loaded, in ms; for each of VISITS."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        seen = [_opened(page, address) for _ in range(2)]
        seen.append(_asked(page, address))
    return seen


def _opened(page: Page, address: str) -> tuple[float, float]:
    page.goto(address, wait_until="load")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    answered, painted, loaded = page.evaluate(TIMINGS)
    return painted - answered, loaded - answered


def _asked(page: Page, address: str) -> tuple[float, float]:
    [question] = parse_qs(urlsplit(address).query)["q"]
    page.goto(urljoin(address, "/"), wait_until="load")
    page.evaluate(WATCH)
    page.locator("#q").fill(question)
    page.locator("#q").press("Enter")
    page.wait_for_function(PAINTED)
    page.wait_for_function(ALL_LOADED)
    answered, painted, loaded = page.evaluate(TIMINGS_IN_PLACE)
    return painted - answered, loaded - answered


def main() -> None:
    """Open the page so many times, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("address")
    parser.add_argument("--times", type=int, default=TIMES)
    given = parser.parse_args()
    chromium = os.environ.get("SCENEQL_TEST_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("no Chromium: set SCENEQL_TEST_CHROMIUM or install Debian's chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        print(f"{header(BROWSER)}\n\nChromium {browser.version}, {given.times} visits\n")
        seen = [timings(browser, given.address) for _ in range(WARM_UP + given.times)][WARM_UP:]
        browser.close()
    took = np.array(seen)
    print("| visit | first paint p50, ms | worst, ms | all is loaded p50, ms |")
    print("| --- | ---: | ---: | ---: |")
    for number, visit in enumerate(VISITS):
        painted, loaded = took[:, number].T
        figures = (np.median(painted), painted.max(), np.median(loaded))
        print(f"| {visit} | " + " | ".join(f"{figure:.0f}" for figure in figures) + " |")


if __name__ == "__main__":
    main()
