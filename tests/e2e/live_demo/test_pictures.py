"""Pictures that are given: uploaded or pasted, sketches and photos, and what is none."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.async_api import expect

from tests.e2e.live_demo.browser import Visitor
from tests.e2e.live_demo.conftest import Zoo
from tests.integration.live_demo.fake_photos import decode, examples

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


async def test_pictures_are_searched_as_sketch_or_photo(zoo: Zoo, visitor: Visitor) -> None:
    """The page guesses which it is, one may correct it, and goes back to drawing."""
    photo = next(photo for photo in zoo.fake.photos.values() if photo.class_name == "giraffe")
    upload = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo.content}
    await visitor.page.locator("#file").set_input_files(files=[upload])
    await visitor.sees_only("giraffe")
    await visitor.page.locator("[name=modality][value=sketch]").check(force=True)
    await zoo.asked(lambda each: each.query.WhichOneof("source") == "sketch")
    await visitor.page.locator("[name=modality][value=photo]").check(force=True)
    await zoo.asked(lambda each: each.query.WhichOneof("source") == "photo")
    await visitor.picture("picture")
    await visitor.page.get_by_text("Back to drawing").click()
    await expect(visitor.page.locator("#notice")).to_contain_text("Nothing drawn yet")


async def test_a_picture_is_pasted(visitor: Visitor) -> None:
    """What the clipboard holds is taken for a sketch where it looks like one."""
    await visitor.page.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(300, 300);
            const pen = canvas.getContext("2d");
            pen.fillStyle = "#fff";
            pen.fillRect(0, 0, 300, 300);
            pen.lineWidth = 6;
            pen.beginPath();
            pen.arc(150, 150, 90, 0, 7);
            pen.stroke();
            const files = new DataTransfer();
            const type = "image/png";
            files.items.add(new File([await canvas.convertToBlob()], "a.png", { type }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: files }));
        }"""
    )
    await expect(visitor.page.locator("[name=modality][value=sketch]")).to_be_checked()
    await expect(visitor.page.locator("#grid .tile")).to_have_count(12)


async def test_what_is_no_picture_is_said_to_be_none(visitor: Visitor) -> None:
    """In words, and nothing is sent."""
    upload = {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture at all"}
    await visitor.page.locator("#file").set_input_files(files=[upload])
    await expect(visitor.page.locator("#toast")).to_contain_text("cannot read that picture")


def chalk(ink: tuple[int, int, int, int], name: str = "owl") -> bytes:
    """Return a PNG of an example's lines on nothing."""
    image = Image.new("RGBA", (512, 512))
    draw = ImageDraw.Draw(image)
    for stroke in decode(examples()[name]).strokes:
        draw.line([(x / 2, y / 2) for x, y in stroke.points], fill=ink, width=8)
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize("ink", [(255, 255, 255, 255), (20, 20, 20, 255)])
async def test_lines_on_nothing_are_seen_and_sent_as_they_are(
    zoo: Zoo, visitor: Visitor, ink: tuple[int, int, int, int]
) -> None:
    """White or dark, in a dark room too: on the page they stand out, the search chooses."""
    page = visitor.page
    await page.emulate_media(color_scheme="dark" if ink[0] < 128 else "light")
    given = chalk(ink)
    file = {"name": "a.png", "mimeType": "image/png", "buffer": given}
    await page.locator("#file").set_input_files(files=[file])
    await expect(page.locator("[name=modality][value=sketch]")).to_be_checked()
    await expect(page.locator("#grid .tile")).to_have_count(12)
    sent = Image.open(io.BytesIO(zoo.fake.requests[-1].query.sketch))
    assert sent.mode == "RGBA"
    same = np.asarray(sent) == np.asarray(Image.open(io.BytesIO(given)))
    assert same[np.asarray(sent)[..., 3] == 255].all()
    shot = Image.open(io.BytesIO(await page.locator("#picture-image").screenshot())).convert("L")
    low, high = shot.getextrema()
    assert high - low > 150
    await visitor.picture(f"chalk-{ink[0]}")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
async def test_a_blank_picture_is_said_to_be_blank(zoo: Zoo, visitor: Visitor, mode: str) -> None:
    """It is not searched: it would find anything."""
    content = io.BytesIO()
    colour = (250, 250, 248) if mode == "RGB" else (0, 0, 0, 0)
    Image.new(mode, (300, 200), colour).save(content, "PNG")
    before = len(zoo.fake.requests)
    upload = {"name": "a.png", "mimeType": "image/png", "buffer": content.getvalue()}
    await visitor.page.locator("#file").set_input_files(files=[upload])
    await expect(visitor.page.locator("#toast")).to_contain_text("blank")
    assert len(zoo.fake.requests) == before
