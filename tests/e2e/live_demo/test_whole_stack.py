"""The page on top of everything: the drawn sample, the shipped model, Qdrant's engine."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from local_stack.parts import map_file, start, start_page
from local_stack.settings import UpSettings
from local_stack.stack import Server, Stack
from sample_gallery.drawn.animals import ANIMALS
from sample_gallery.drawn.sketches import Hand, strokes
from tests.e2e.live_demo.browser import Visitor

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

CLASSES = ("giraffe", "owl", "snail", "zebra")
PICTURES = 12
HAND = Hand(width=2.5, wobble=0.6, skew=0.03, gap=0.0, detail=0.8)


def by_hand(animal: str, seed: int) -> list[list[tuple[float, float]]]:
    """Return strokes that no gallery and no example has, on the page's canvas."""
    rng = np.random.default_rng(seed)
    drawn = strokes(ANIMALS[animal](rng), rng, HAND)
    points = np.concatenate(drawn)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 820 / float((high - low).max())
    placed = [(stroke - (low + high) / 2) * scale + 512 for stroke in drawn]
    # A browser takes its time for each point.
    step = max(1, sum(map(len, placed)) // 150)
    return [[(float(x), float(y)) for x, y in [*s[:-1:step], s[-1]]] for s in placed]


class WholeStack:
    """Every part as a process, with a gallery of four classes and its map."""

    def __init__(self, folder: Path) -> None:
        self._settings = UpSettings(
            data=folder, encoder_port=0, search_port=0, qdrant_port=0, live_port=0
        )
        self._gallery = folder / "gallery"
        self._stack = Stack(folder / "logs")
        self._environment: dict[str, str] = {}

    def start(self) -> Server:
        """Start everything and ingest, however long it takes; return the page."""
        stack = self._stack.__enter__()
        drawn = ("draw", str(self._gallery), "--pictures", str(PICTURES), "--sketches", "1")
        self._run("sample", *drawn, "--classes", ",".join(CLASSES))
        parts = start(stack, self._settings)
        page = start_page(stack, self._settings, parts)
        self._environment = parts.environment
        for part in (parts.qdrant, parts.encoder):
            stack.wait_serving(part, 120)
        self._run("ingest", str(self._gallery))
        self._run("live", "map", "--out", str(map_file(self._settings)))
        stack.wait_serving(parts.search, 120)
        return page

    def stop(self) -> None:
        """Stop everything."""
        self._stack.__exit__(None, None, None)

    def _run(self, name: str, *arguments: str) -> None:
        assert self._stack.run(name, arguments, self._environment) == 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page_of_all(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    stack = WholeStack(tmp_path_factory.mktemp("stack"))
    try:
        page = await asyncio.to_thread(stack.start)
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"http://{page.address}/readyz")).status_code == 200
        yield page
    finally:
        await asyncio.to_thread(stack.stop)


async def test_what_is_drawn_by_hand_is_found(
    page_of_all: Server, context: BrowserContext, pictures: Path
) -> None:
    """A sketch that nothing was trained or tested with brings photos of its animal."""
    visitor = await Visitor.arrive(context, f"http://{page_of_all.address}", pictures)
    await expect(visitor.page.locator("#chips .chip")).to_have_count(len(CLASSES))
    await expect(visitor.page.locator("#map-card")).to_be_visible()
    for animal in ("owl", "snail"):
        await visitor.page.keyboard.press("Delete")
        await visitor.draw(by_hand(animal, 1001))
        await expect(visitor.page.locator("#status")).to_contain_text(f"12 photos: {animal}")
        found = Counter(await visitor.classes())
        assert found[animal] >= 8, found
        await visitor.picture(f"whole-{animal}")
    near = await visitor.page.locator("#map").get_attribute("aria-label")
    assert "Your sketch lies near snail" in (near or "")
    assert visitor.errors == []
    assert visitor.strangers == []
    await visitor.page.close()


async def test_thumbnails_come_from_the_gallerys_files(
    page_of_all: Server, context: BrowserContext, pictures: Path
) -> None:
    """Every photo shown has been loaded, small, and may be kept for ever.

    The stack was not told the gallery's folder: ingesting it was enough.
    """
    visitor = await Visitor.arrive(context, f"http://{page_of_all.address}", pictures)
    await visitor.start_from("giraffe")
    await expect(visitor.page.locator("#grid .tile")).to_have_count(12)
    await visitor.page.wait_for_timeout(500)
    widths = await visitor.page.locator("#grid img").evaluate_all(
        "all => all.map((image) => image.naturalWidth)"
    )
    assert all(0 < width <= 320 for width in widths)
    source = await visitor.page.locator("#grid img").first.get_attribute("src")
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"http://{page_of_all.address}{source}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    await visitor.page.close()
