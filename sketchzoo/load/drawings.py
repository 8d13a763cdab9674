"""Drawings as strokes: smooth random lines of a hand's length, the same for the same seed."""

import random

from sketchzoo.search.v1 import search_pb2
from sketchzoo.strokes import Stroke, Strokes

_SIDE = 1024
_STROKES = 12
_POINTS = 32


def drawing(seed: int) -> search_pb2.Strokes:
    """Return 12 strokes of 32 points each: about what a careful sketch of an animal has."""
    chance = random.Random(seed)  # noqa: S311 - a drawing, no secret
    strokes = []
    for _ in range(_STROKES):
        x, y = chance.uniform(200, 800), chance.uniform(200, 800)
        dx, dy = chance.uniform(-16, 16), chance.uniform(-16, 16)
        xs, ys = [], []
        for _ in range(_POINTS):
            dx, dy = dx + chance.uniform(-4, 4), dy + chance.uniform(-4, 4)
            x, y = min(_SIDE - 1, max(0, x + dx)), min(_SIDE - 1, max(0, y + dy))
            xs.append(int(x))
            ys.append(int(y))
        strokes.append(search_pb2.Stroke(x=xs, y=ys))
    return search_pb2.Strokes(canvas_width=_SIDE, canvas_height=_SIDE, strokes=strokes)


def as_strokes(message: search_pb2.Strokes) -> Strokes:
    """Return a drawing's message as the SDK's and the services' value."""
    return Strokes(
        message.canvas_width,
        message.canvas_height,
        tuple(Stroke(tuple(zip(line.x, line.y, strict=True))) for line in message.strokes),
    )


def marked(strokes: search_pb2.Strokes, number: int) -> search_pb2.Strokes:
    """Return a drawing with a line more, which only this number has below 10 ** 12."""
    places = [number // 1000**power % 1000 for power in range(4)]
    found = search_pb2.Strokes()
    found.CopyFrom(strokes)
    found.strokes.add(x=places[:2], y=places[2:])
    return found
