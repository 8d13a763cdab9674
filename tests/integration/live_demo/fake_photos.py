"""The gallery of the fake search service: drawn photos of the page's own examples."""

import base64
import functools
import io
import json
import uuid
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from sketchzoo.search.v1 import search_pb2
from sketchzoo.strokes import Stroke, Strokes, rasterize

PER_CLASS = 24
SIDE = 24
"""Of an embedding's raster."""
_GROUNDS = ("#c9d8b6", "#b9d3e0", "#e8cfae", "#d9c3d8", "#e6b8a8", "#b8d8cd")


def decode(text: str) -> Strokes:
    """Read a drawing as the page's links hold it."""
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    at = 1

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            value |= (content[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if content[at - 1] < 128:
                return value

    def step() -> int:
        value = number()
        return -((value + 1) >> 1) if value & 1 else value >> 1

    strokes, x, y = [], 0, 0
    while at < len(content):
        count, width = number(), number() >> 1
        points = []
        for _ in range(count):
            x, y = x + step(), y + step()
            points.append((float(x), float(y)))
        strokes.append(Stroke(tuple(points), width))
    return Strokes(1024, 1024, tuple(strokes))


def examples() -> dict[str, str]:
    """Return the page's examples: names and drawings."""
    text = files("live_demo").joinpath("static/examples.json").read_text()
    return {each["name"]: each["drawing"] for each in json.loads(text)}


def embed(image: Image.Image) -> npt.NDArray[np.float32]:
    """Return a picture's embedding: where it is dark, blurred."""
    small = image.convert("L").filter(ImageFilter.GaussianBlur(10)).resize((SIDE, SIDE))
    ink = 255 - np.asarray(small, dtype=np.float32).ravel()
    ink -= ink.mean()
    return np.asarray(ink / max(float(np.linalg.norm(ink)), 1e-9), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class FakePhoto:
    id: str
    class_name: str
    content: bytes
    vector: npt.NDArray[np.float32]


@functools.cache
def gallery() -> dict[str, FakePhoto]:
    """Draw the photos, by id, once a process."""
    rng = np.random.default_rng(1)
    found = {}
    for name, text in examples().items():
        lines = rasterize(decode(text), 256)
        own = embed(lines)
        for index in range(PER_CLASS):
            photo_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{index}"))
            turned = lines.rotate(float(rng.uniform(-12, 12)), fillcolor=255)
            ground = Image.new("RGB", (256, 256), _GROUNDS[int(rng.integers(len(_GROUNDS)))])
            ground.paste("#2c2b28", mask=turned.point([255 - value for value in range(256)]))
            content = io.BytesIO()
            ground.save(content, "JPEG", quality=80)
            vector = own + rng.normal(0, 0.012, own.size).astype(np.float32)
            vector /= np.linalg.norm(vector)
            found[photo_id] = FakePhoto(photo_id, name, content.getvalue(), vector)
    return found


def meets(hit: search_pb2.Hit, condition: search_pb2.Filter) -> bool:
    """Tell whether a photo meets what the page filters by."""
    for field in condition.fields:
        if field.field == "burst" and hit.payload["burst"] != field.equals.string_value:
            return False
        if field.field == "taken_at":
            taken = hit.taken_at.ToNanoseconds()
            span = field.datetime_range
            if span.HasField("gte") and taken < span.gte.ToNanoseconds():
                return False
            if span.HasField("lt") and taken >= span.lt.ToNanoseconds():
                return False
        if field.WhichOneof("condition") == "in":
            wanted = {value.string_value for value in getattr(field, "in").values}
            parts = hit.folder.split("/")
            held = {
                "folders": {"/".join(parts[: end + 1]) for end in range(len(parts))},
                "camera": {hit.camera},
            }.get(field.field, {hit.payload.fields[field.field].string_value})
            if not wanted & held:
                return False
    return (
        (not condition.classes or hit.class_name in condition.classes)
        and (not condition.seen_classes or hit.seen_class in condition.seen_classes)
        and (
            not condition.folders
            or any(f"{hit.folder}/".startswith(f"{each}/") for each in condition.folders)
        )
    )
