"""A page in Chromium, with all that it says and asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page


@dataclass
class Watched:
    """A browser's page, and all that it said and asked for."""

    page: Page
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, where: str) -> Page:
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(where)
        self.page.wait_for_selector("html[data-ready]")
        return self.page


@contextmanager
def watch(browser: Browser) -> Iterator[Watched]:
    """A page on whose console nothing may be said."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(60_000)
    made = Watched(context.new_page())
    yield made
    context.close()
    assert made.messages == [], made.messages


def until(page: Page, expression: str) -> None:
    """Waits for something in the page; its policy forbids what Playwright would do for it."""
    for _ in range(1200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within 60 s: {expression}")
