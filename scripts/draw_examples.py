"""Draw the examples that the live page offers to start from: live_demo/static/examples.json.

They are figures of the drawn sample in a careful hand, encoded as the page's links are
(see live_demo/static/link.js).
"""

import base64
import json
from pathlib import Path

import numpy as np

from sample_gallery.drawn.animals import ANIMALS
from sample_gallery.drawn.curves import Floats
from sample_gallery.drawn.sketches import Hand, strokes

SIDE = 1024
FILL = 0.82
WIDTH = 14
TOLERANCE = 2.0
# Of each animal the figure that its seed gives.
CHOSEN = {
    "zebra": 0,
    "giraffe": 1,
    "elephant": 2,
    "rabbit": 2,
    "owl": 2,
    "snail": 1,
    "fish": 2,
    "butterfly": 4,
}
OUT = Path(__file__).parent.parent / "live_demo" / "static" / "examples.json"
HAND = Hand(width=2.2, wobble=0.35, skew=0.0, gap=0.0, detail=1.0)


def draw(animal: str, seed: int) -> list[list[tuple[int, int]]]:
    """Return an animal's strokes on the page's canvas."""
    rng = np.random.default_rng(seed)
    drawn = strokes(ANIMALS[animal](rng), rng, HAND)
    points = np.concatenate(drawn)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = SIDE * FILL / float((high - low).max())
    middle = (low + high) / 2
    placed = [(stroke - middle) * scale + SIDE / 2 for stroke in drawn]
    return [[(round(x), round(y)) for x, y in simplified(stroke)] for stroke in placed]


def simplified(curve: Floats) -> Floats:
    """Leave out points that the line hardly misses (Ramer, Douglas and Peucker's method)."""
    keep = np.zeros(len(curve), dtype=bool)
    keep[[0, -1]] = True
    spans = [(0, len(curve) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:  # noqa: PLR2004 - nothing between
            continue
        start, along = curve[first], curve[last] - curve[first]
        between = curve[first + 1 : last] - start
        t = np.clip(between @ along / max(float(along @ along), 1e-9), 0, 1)
        away = np.hypot(*(between - t[:, None] * along).T)
        worst = int(away.argmax())
        if away[worst] > TOLERANCE:
            at = first + 1 + worst
            keep[at] = True
            spans += [(first, at), (at, last)]
    return curve[keep]


def encode(drawing: list[list[tuple[int, int]]], width: int) -> str:
    """Return strokes as the text of a link."""
    content = bytearray([1])

    def put(value: int) -> None:
        while value > 127:  # noqa: PLR2004 - seven bits a byte
            content.append((value & 127) | 128)
            value >>= 7
        content.append(value)

    then = (0, 0)
    for stroke in drawn_longest_first(drawing):
        put(len(stroke))
        put(2 * width)
        for point in stroke:
            for now, before in zip(point, then, strict=True):
                step = now - before
                put(-2 * step - 1 if step < 0 else 2 * step)
            then = point
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def drawn_longest_first(drawing: list[list[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    """Order strokes as one draws: the outline first, details last."""

    def length(stroke: list[tuple[int, int]]) -> float:
        return float(np.hypot(*np.diff(np.asarray(stroke), axis=0).T).sum())

    return sorted(drawing, key=length, reverse=True)


def main() -> None:
    """Write the file."""
    examples = [
        {"name": animal.replace("_", " "), "drawing": encode(draw(animal, seed), WIDTH)}
        for animal, seed in CHOSEN.items()
    ]
    OUT.write_text(json.dumps(examples, indent=1) + "\n")
    for each in examples:
        print(each["name"], len(each["drawing"]), "characters")


if __name__ == "__main__":
    main()
