"""A page in headless Chromium: what it asks for, what it complains of, how long it takes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

#: Names of the browser on Debian, Fedora and others.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


# what a document tells of itself comes a moment after its load event
_LOADED = """new Promise(tell =>
    setTimeout(() => tell(performance.getEntriesByType('navigation')[0].loadEventEnd), 50))"""


class BrowserError(RuntimeError):
    """There is no browser to look with; the text says what to install."""


@dataclass
class Seen:
    """A page as the browser has seen it.

    console: its errors and warnings; requests: addresses it asked for, itself left out; loaded: ms to the end of its
    load event; wide: pixels by which it is wider than the window.
    """

    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    loaded: float = 0.0
    wide: int = 0


def chromium() -> str:
    """The browser's path; BrowserError where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise BrowserError("no Chromium on PATH: install it (Debian, Ubuntu: 'apt-get install chromium')")
    return found


def look(page: Path, *, width: int = 1400, dark: bool = False, picture: Path | None = None) -> Seen:
    """Open a page; picture: where a screenshot of all of it goes."""
    program = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BrowserError("playwright is missing: install the extra (pip install -e '.[browser]')") from None
    seen, address = Seen(), page.resolve().as_uri()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
        view.on("console", lambda message: seen.console.append(message.text))
        view.on("pageerror", lambda error: seen.console.append(str(error)))
        view.on("request", lambda request: seen.requests.append(request.url))
        view.goto(address, wait_until="load")
        seen.requests.remove(address)
        seen.loaded = view.evaluate(_LOADED)
        seen.wide = view.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if picture is not None:
            view.screenshot(path=picture, full_page=True)
        browser.close()
    return seen


def print_page(page: Path, pdf: Path) -> None:
    """Print a page, on A4."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        view = browser.new_page()
        view.goto(page.resolve().as_uri(), wait_until="load")
        view.pdf(path=pdf, format="A4")
        browser.close()
