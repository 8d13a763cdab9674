"""Draw docs/images/drawn-sample.png: five pictures and two sketches of each drawn class."""

import io
from pathlib import Path

from PIL import Image, ImageDraw

from sample_gallery.drawn import CLASSES, draw_picture, draw_sketch

CELL, LABEL, GAP = 84, 14, 10
PICTURES, SKETCHES, COLUMNS = 5, 2, 2


def _tile(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS)


def main() -> None:
    """Write the sheet, in 256 colours so that it stays small."""
    wide = (PICTURES + SKETCHES) * CELL
    tall = CELL + LABEL
    rows = -(-len(CLASSES) // COLUMNS)
    size = (COLUMNS * wide + (COLUMNS - 1) * GAP, rows * tall)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for number, name in enumerate(CLASSES):
        left = number % COLUMNS * (wide + GAP)
        top = number // COLUMNS * tall
        draw.text((left + 2, top + 1), name, fill=(90, 90, 90))
        tiles = [draw_picture(name, i) for i in range(PICTURES)]
        tiles += [draw_sketch(name, i) for i in range(SKETCHES)]
        for i, content in enumerate(tiles):
            sheet.paste(_tile(content), (left + i * CELL, top + LABEL))
    path = Path(__file__).parents[1] / "docs" / "images" / "drawn-sample.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    palette = sheet.quantize(256, kmeans=3)
    sheet.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
