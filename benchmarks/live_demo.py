"""Measure the live page in a real browser: pen-up to photos, frames while drawing, weight.

    python benchmarks/live_demo.py --url http://127.0.0.1:8080 [--rounds 3] [--json out.json]

The page must be served (`sketchzoo demo` or `up` with a gallery). Chromium draws the page's
own examples stroke by stroke, moved and resized a little so that no drawing was seen before,
with the pace of a hand. Every lifting of the pen is one measurement, taken by the page itself
(`performance.measure`): until the answer is there, and until its photos can be painted.
"""

import argparse
import asyncio
import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Page, Response, async_playwright

BAR_MILLISECONDS = 150
BAR_BYTES = 200_000
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-proxy-server",
]
SIDE = 1024
PAUSE_MILLISECONDS = 400
EXAMPLES = """async () => {
    const { decode } = await import("/static/link.js");
    const examples = await (await fetch("/static/examples.json")).json();
    return examples.map(({ name, drawing }) => ({ name, strokes: decode(drawing) }));
}"""
WATCH_FRAMES = """() => {
    window.frames_ = [];
    let before = 0;
    const tick = (now) => {
        if (before) window.frames_.push(now - before);
        before = now;
        window.frame_ = requestAnimationFrame(tick);
    };
    window.frame_ = requestAnimationFrame(tick);
}"""
TAKE_FRAMES = "() => { cancelAnimationFrame(window.frame_); return window.frames_; }"
TAKE_MEASURES = """() => {
    const found = performance.getEntriesByType("measure").map((e) => [e.name, e.duration]);
    performance.clearMeasures();
    return found;
}"""


async def draw(page: Page, strokes: list[dict[str, Any]], chance: random.Random) -> list[float]:
    """Draw strokes at a hand's pace; return the milliseconds between frames meanwhile."""
    box = await page.locator("#canvas").bounding_box()
    if box is None:
        raise SystemExit("the page has no canvas")
    scale = box["width"] / SIDE * chance.uniform(0.8, 0.98)
    left = box["x"] + chance.uniform(0, box["width"] * 0.02)
    top = box["y"] + chance.uniform(0, box["height"] * 0.02)
    frames: list[float] = []
    for stroke in strokes:
        await page.evaluate(WATCH_FRAMES)
        for index, (x, y) in enumerate(zip(stroke["x"], stroke["y"], strict=True)):
            await page.mouse.move(left + x * scale, top + y * scale, steps=2)
            if index == 0:
                await page.mouse.down()
        frames += await page.evaluate(TAKE_FRAMES)
        await page.mouse.up()
        await page.wait_for_timeout(PAUSE_MILLISECONDS)
    return frames


def spread(values: list[float]) -> dict[str, float]:
    """Return p50, p95 and how many there are."""
    if not values:
        raise SystemExit("nothing was measured: does the page answer?")
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1), "count": len(values)}


async def measure(url: str, rounds: int, most: int, executable: str, seed: int) -> dict[str, Any]:
    """Draw all examples `rounds` times, of each the first `most` strokes; return the figures."""
    chance = random.Random(seed)
    weight: dict[str, int] = {}

    async def weigh(response: Response) -> None:
        if "/photos/" not in response.url and response.status == 200:
            weight[response.url] = len(await response.body())

    measured: dict[str, list[float]] = {"pen-up-to-photos": [], "pen-up-to-answer": []}
    frames: list[float] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("response", weigh)
        await page.goto(url)
        await page.wait_for_selector("#pill[data-state=live]")
        await page.wait_for_timeout(1000)
        examples = await page.evaluate(EXAMPLES)
        # The first drawing warms the model, the browser and the caches.
        await draw(page, examples[0]["strokes"][:3], chance)
        await page.evaluate(TAKE_MEASURES)
        for _ in range(rounds):
            for example in examples:
                await page.keyboard.press("Delete")
                await page.wait_for_timeout(PAUSE_MILLISECONDS)
                await page.evaluate(TAKE_MEASURES)
                frames += await draw(page, example["strokes"][:most], chance)
                for name, milliseconds in await page.evaluate(TAKE_MEASURES):
                    measured[name].append(milliseconds)
        await browser.close()
    away = np.asarray(frames)
    return {
        "pen_up_to_photos_ms": spread(measured["pen-up-to-photos"]),
        "pen_up_to_answer_ms": spread(measured["pen-up-to-answer"]),
        "frame_ms": spread(frames),
        "frames_per_second": round(1000 / float(away.mean()), 1),
        "page_bytes": sum(size for name, size in weight.items() if not name.endswith("/map")),
        "map_bytes": sum(size for name, size in weight.items() if name.endswith("/map")),
    }


def main() -> None:
    """Measure and print; exit status 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--strokes", type=int, default=12, help="Of each drawing, at most.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.chromium is None:
        raise SystemExit("no Chromium on the path: install it, or name it by --chromium")
    found = asyncio.run(measure(given.url, given.rounds, given.strokes, given.chromium, given.seed))
    for name, value in found.items():
        print(f"{name:22} {value}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    missed = []
    if found["pen_up_to_photos_ms"]["p50"] > BAR_MILLISECONDS:
        missed.append(f"pen-up to photos takes over {BAR_MILLISECONDS} ms (p50)")
    if found["page_bytes"] > BAR_BYTES:
        missed.append(f"the page weighs over {BAR_BYTES} bytes")
    for each in missed:
        print(f"bar missed: {each}")
    raise SystemExit(bool(missed))


if __name__ == "__main__":
    main()
