"""Chromium, driven by Playwright, and what a visitor does with the page."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
]
SIDE = 1024
# The machine may be busy with other tests; what comes at once waits for nothing.
PATIENCE_MILLISECONDS = 60_000
expect.set_options(timeout=PATIENCE_MILLISECONDS)

Curves = Iterable[Iterable[tuple[float, float]]]


def executable() -> str | None:
    """Return where Chromium is: SKETCHZOO_CHROMIUM, or on the path."""
    named = os.environ.get("SKETCHZOO_CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome")
    return named or next((path for name in names if (path := shutil.which(name))), None)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start Chromium with an empty profile; it ends with the context."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        yield browser
        await browser.close()


class Visitor:
    """A page of the live demo and a hand that draws on it."""

    def __init__(self, page: Page, url: str, pictures: Path) -> None:
        self.page = page
        self.url = url
        self._pictures = pictures
        self.errors: list[str] = []
        self.strangers: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)
        page.on("request", self._check)

    @classmethod
    async def arrive(
        cls, context: BrowserContext, url: str, pictures: Path, fragment: str = ""
    ) -> "Visitor":
        """Open the page and wait until it is live."""
        visitor = cls(await context.new_page(), url, pictures)
        visitor.page.set_default_timeout(PATIENCE_MILLISECONDS)
        await visitor.page.goto(f"{url}/{fragment}")
        await expect(visitor.page.locator("#pill")).to_have_attribute("data-state", "live")
        await expect(visitor.page.locator("#examples li")).to_have_count(8)
        return visitor

    def _note(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def _check(self, request: Any) -> None:
        own = (self.url, self.url.replace("http", "ws"), "blob:", "data:")
        if not request.url.startswith(own):
            self.strangers.append(request.url)

    async def draw(self, curves: Curves, *, lift: bool = True) -> None:
        """Draw curves in canvas units with the mouse; the last is left open without `lift`."""
        box = await self.page.locator("#canvas").bounding_box()
        assert box is not None
        scale = box["width"] / SIDE
        mouse = self.page.mouse
        curves = [list(curve) for curve in curves]
        for number, curve in enumerate(curves, 1):
            for index, (x, y) in enumerate(curve):
                await mouse.move(box["x"] + x * scale, box["y"] + y * scale)
                if index == 0:
                    await mouse.down()
            if lift or number < len(curves):
                await mouse.up()

    async def strokes(self) -> int:
        """Return how many strokes the link of the drawing holds."""
        await self.page.wait_for_timeout(600)
        return int(
            await self.page.evaluate(
                """async () => {
                    const { fromFragment } = await import("/static/link.js");
                    return (fromFragment(location.hash) ?? []).length;
                }"""
            )
        )

    async def classes(self) -> list[str]:
        """Return the classes of the photos shown, best first."""
        return await self.page.locator("#grid .name").all_inner_texts()

    async def sees_only(self, name: str, count: int = 12) -> None:
        """Wait until `count` photos are shown, all of one class."""
        await expect(self.page.locator("#grid .tile")).to_have_count(count)
        await expect(self.page.locator("#grid .name")).to_have_text([name] * count)

    async def start_from(self, name: str) -> None:
        """Click an example."""
        await self.page.get_by_label(f"Start from a drawing: {name}", exact=True).click()

    async def picture(self, name: str) -> None:
        """Keep a screenshot as the tests' output."""
        await self.page.wait_for_timeout(400)
        await self.page.screenshot(path=self._pictures / f"{name}.png")

    async def barriers(self) -> list[str]:
        """Return what axe-core finds serious or critical."""
        # Not while colours fade.
        await self.page.wait_for_timeout(300)
        found = (await Axe().run(self.page)).response["violations"]
        return [
            f"{each['id']}: {json.dumps([node['html'] for node in each['nodes']][:3])}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
