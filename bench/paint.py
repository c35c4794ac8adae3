"""Paint: `python -m bench.paint 'http://127.0.0.1:8080/?q=a+red+circle'` prints how soon it shows.

A Chromium opens the page again and again, each time as a newcomer with nothing in its cache. What
is measured is the time from the last byte of the server's answer to the first paint of its content,
and until all pictures of the first screen are there.
"""

import argparse
import os
import shutil
import sys

import numpy as np
from playwright.sync_api import Browser, sync_playwright

TIMES = 20
WARM_UP = 2

# The browser's own clock, in milliseconds from the start of the navigation.
TIMINGS = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    return [page.responseEnd, paint.startTime, page.loadEventEnd];
}"""


def timings(browser: Browser, address: str) -> tuple[float, float, float]:
    """When the answer was there, when it was first painted, when all was loaded; in ms."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.goto(address, wait_until="load")
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        answered, painted, loaded = page.evaluate(TIMINGS)
        return answered, painted, loaded


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
        print(f"Chromium {browser.version}, {given.times} visits")
        seen = [timings(browser, given.address) for _ in range(WARM_UP + given.times)][WARM_UP:]
        browser.close()
    answered, painted, loaded = np.array(seen).T
    print("| from the answer to | p50, ms | worst, ms |")
    print("| --- | ---: | ---: |")
    for name, until in (("first paint", painted), ("all is loaded", loaded)):
        took = until - answered
        print(f"| {name} | {np.median(took):.0f} | {took.max():.0f} |")


if __name__ == "__main__":
    main()
