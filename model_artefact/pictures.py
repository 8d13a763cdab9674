"""Pictures to try a tower with: outlines of three things, which are photos and drawings alike."""

from PIL import Image, ImageDraw

_SIZE = (320, 240)


def pictures() -> list[Image.Image]:
    """Draw three different pictures, RGB."""
    drawn = []
    for colour, shape in (("black", "ellipse"), ("navy", "polygon"), ("maroon", "line")):
        image = Image.new("RGB", _SIZE, "white")
        pen = ImageDraw.Draw(image)
        if shape == "ellipse":
            pen.ellipse((40, 50, 180, 200), outline=colour, width=6)
            pen.line((110, 50, 110, 200), fill=colour, width=6)
        elif shape == "polygon":
            pen.polygon(((60, 210), (160, 30), (270, 180)), outline=colour, width=6)
        else:
            pen.line((30, 30, 290, 210), fill=colour, width=6)
            pen.line((30, 120, 290, 60), fill=colour, width=6)
        drawn.append(image)
    return drawn
