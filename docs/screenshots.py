"""Takes the pictures of the page that the documentation shows: `make screenshots`.

Renders and indexes the demo's library in a home of its own, serves it, and photographs the search,
the player and the library, light and dark, with a Chromium of the system.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
HOME = Path(__file__).parent.parent / "var" / "screenshots"
START_TIMEOUT_S = 120
SIZE = {"width": 1120, "height": 780}
QUESTION = "/?q=a+red+circle"


def main() -> None:
    chromium = os.environ.get("SCENEQL_TEST_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("no Chromium: set SCENEQL_TEST_CHROMIUM or install Debian's chromium")
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        for scheme in ("light", "dark"):
            context = browser.new_context(
                base_url=address,
                viewport=SIZE,  # type: ignore[arg-type]
                color_scheme=scheme,  # type: ignore[arg-type]
                device_scale_factor=1.5,
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto(QUESTION)
            save(page, f"search-{scheme}")
            page.locator("a.card").first.click()
            # Enough to play on, so that no sign of waiting is in the picture.
            page.wait_for_function("document.querySelector('video').readyState === 4")
            page.locator("video").evaluate("video => video.pause()")
            page.wait_for_timeout(500)
            save(page, f"player-{scheme}")
            page.goto("/library")
            save(page, f"library-{scheme}")
            context.close()
        browser.close()


def save(page: Page, name: str) -> None:
    """Waits until all is loaded, and saves what is seen."""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png")


@contextmanager
def served() -> Iterator[str]:
    """The address of the page over the demo's library, with an embedder."""
    environment = os.environ | {"SCENEQL_HOME": str(HOME), "SCENEQL_MODEL": "tiny"}
    sceneql = [sys.executable, "-m", "app.cli"]
    subprocess.run([*sceneql, "demo", "--no-serve"], env=environment, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([*sceneql, "up", "--port", str(port)], env=environment)
    try:
        wait_for(f"{address}/api/search?q=a+red+circle")
        yield address
    finally:
        process.terminate()
        process.wait()


def wait_for(address: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with urlopen(address):
                return
        except URLError:
            if time.monotonic() > deadline:
                sys.exit(f"the page does not answer at {address}")
            time.sleep(0.5)


if __name__ == "__main__":
    main()
