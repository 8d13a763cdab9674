"""Take the pictures of the live page that the documentation shows.

    python scripts/picture_live_page.py --url http://127.0.0.1:8080 --out docs/images

The page must serve the drawn sample: docs show no photos of anybody else's.
"""

import argparse
import asyncio
import io
import shutil
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-proxy-server",
]
SIDE = 1024
DESKTOP = {"width": 1320, "height": 830}
PHONE = {"width": 390, "height": 844}
MOVIE = {"width": 1040, "height": 660}
FRAMES = 34
MOVIE_WIDTH = 860
EXAMPLE = """async (name) => {
    const { decode } = await import("/static/link.js");
    const examples = await (await fetch("/static/examples.json")).json();
    return decode(examples.find((each) => each.name === name).drawing);
}"""


async def ready(page: Page, url: str, font: str) -> None:
    """Open the page and wait until it is live."""
    await page.goto(url)
    if font:
        await page.evaluate("(font) => (document.documentElement.style.fontFamily = font)", font)
    await page.wait_for_selector("#pill[data-state=live]")
    await page.wait_for_selector("#chips .chip")
    await page.wait_for_timeout(800)


async def start_from(page: Page, name: str) -> None:
    """Click an example, twice: what counts is a page that is warm, as after a minute's use."""
    button = page.get_by_label(f"Start from a drawing: {name}")
    await button.click()
    await page.wait_for_timeout(1500)
    await page.keyboard.press("Delete")
    await page.wait_for_timeout(500)
    await button.click()
    await page.wait_for_timeout(2000)
    await page.mouse.move(4, 4)
    await page.evaluate("document.activeElement.blur()")
    await page.wait_for_timeout(400)


def keep(png: bytes, path: Path, colours: int = 256) -> None:
    """Write a screenshot with a palette: a quarter of the bytes."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG).save(
        path, optimize=True
    )
    print(path, path.stat().st_size, "bytes")


async def stills(browser: Browser, url: str, out: Path, font: str) -> None:
    """Take the page on a desk and on a phone."""
    page = await browser.new_page(viewport=DESKTOP)  # type: ignore[arg-type] # a ViewportSize
    await ready(page, url, font)
    await start_from(page, "zebra")
    keep(await page.screenshot(), out / "live-desktop.png")
    await page.close()
    context = await browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type] # a ViewportSize
        device_scale_factor=1.5,
        is_mobile=True,
        has_touch=True,
        color_scheme="dark",
    )
    page = await context.new_page()
    await ready(page, url, font)
    await start_from(page, "giraffe")
    keep(await page.screenshot(), out / "live-phone.png", 200)
    await context.close()


async def movie(browser: Browser, url: str, out: Path, font: str) -> None:
    """Take a drawing in progress."""
    page = await browser.new_page(viewport=MOVIE)  # type: ignore[arg-type] # a ViewportSize
    await ready(page, url, font)
    strokes: list[dict[str, Any]] = await page.evaluate(EXAMPLE, "elephant")
    box = await page.locator("#canvas").bounding_box()
    if box is None:
        raise SystemExit("the page has no canvas")
    scale = box["width"] / SIDE
    every = max(1, sum(len(stroke["x"]) for stroke in strokes) // FRAMES)
    frames: list[Image.Image] = []

    async def take() -> None:
        await page.wait_for_timeout(350)
        image = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
        height = round(image.height * MOVIE_WIDTH / image.width)
        frames.append(image.resize((MOVIE_WIDTH, height), Image.Resampling.LANCZOS))

    await take()
    points = 0
    for stroke in strokes:
        for index, (x, y) in enumerate(zip(stroke["x"], stroke["y"], strict=True)):
            await page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
            if index == 0:
                await page.mouse.down()
            points += 1
            if points % every == 0:
                await take()
        await page.mouse.up()
    await page.mouse.move(4, 4)
    await page.wait_for_timeout(600)
    await take()
    path = out / "live-drawing.webp"
    times = [120] * (len(frames) - 1) + [2500]
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=times, loop=0, quality=62, method=6
    )
    print(path, path.stat().st_size, "bytes", len(frames), "frames")
    await page.close()


async def take_all(url: str, out: Path, executable: str, font: str, only: str) -> None:
    """Take every picture."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        for part in (stills, movie):
            if not only or part.__name__ == only:
                await part(browser, url, out, font)
        await browser.close()


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--font", default="", help="A font of this machine, instead of its usual.")
    parser.add_argument("--only", choices=("stills", "movie"), default="")
    given = parser.parse_args()
    if given.chromium is None:
        raise SystemExit("no Chromium on the path: install it, or name it by --chromium")
    asyncio.run(take_all(given.url, given.out, given.chromium, given.font, given.only))


if __name__ == "__main__":
    main()
