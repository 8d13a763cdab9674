"""Fuzz the image and stroke paths: `python -m benchmarks.fuzz --inputs 100000`.

Image files of every format are mutated (bytes flipped, cut, spliced, repeated, lengths
changed) and decoded and prepared as the encoder does; strokes requests are mutated as
messages and, parsed, drawn. Only the documented errors may come out; anything else is
printed with its seed, by which `--seed N --inputs 1` repeats it. Exit status 1 then.
"""

import argparse
import io
import os
import random
import sys
import time
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from google.protobuf.message import DecodeError
from PIL import Image

from search_service.query import Picture
from search_service.request import parse_search
from sketchzoo.images import ImageError, Modality, decode, prepare
from sketchzoo.load.drawings import drawing
from sketchzoo.model import ModelArtefact
from sketchzoo.rpc import CallError
from sketchzoo.search.v1 import search_pb2
from sketchzoo.strokes import encode

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM", "TIFF")
_MODES = ("RGB", "L", "P", "RGBA", "1", "CMYK", "I;16")
_SLOW_SECONDS = 5.0


def seeds() -> list[bytes]:
    """Return valid files of all formats and modes that fit together."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    files = []
    for form in _FORMATS:
        # Each TIFF has a process of its own, which takes as long as a hundred others.
        for mode in _MODES if form != "TIFF" else ("RGB",):
            file = io.BytesIO()
            try:
                made = picture.convert("L").convert("I").convert("I;16") if mode == "I;16" else None
                (made or picture.convert(mode)).save(file, form)
            except (OSError, ValueError, KeyError):
                continue  # the format has no such mode
            files.append(file.getvalue())
    return files


def mutate(content: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return the content with one to eight changes."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randrange(len(data)) if data else 0
        match chance.randrange(7):
            case 0 if data:
                data[at] ^= 1 << chance.randrange(8)
            case 1 if data:
                data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del data[at:]
            case 3:
                del data[at : at + chance.randrange(1, 64)]
            case 4:
                data[at:at] = data[at : at + chance.randrange(1, 64)]
            case 5:
                start = chance.randrange(len(other))
                data[at : at + 32] = other[start : start + chance.randrange(1, 256)]
            case _:
                size = chance.choice((2, 4))
                value = chance.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
                order = chance.choice(("little", "big"))
                data[at : at + size] = (value % 256**size).to_bytes(size, order)
    return bytes(data)


def image(seed: int, files: list[bytes], artefact: ModelArtefact) -> str:
    """Decode and prepare a mutated file; return what became of it."""
    chance = random.Random(seed)
    content = mutate(chance.choice(files), chance.choice(files), chance)
    tower = artefact.towers[chance.choice(list(Modality))]
    try:
        pixels = prepare(decode(content), tower.preprocessing)
    except ImageError as error:
        return f"refused: {error.reason}"
    return "prepared" if np.isfinite(pixels).all() else "NOT FINITE"


def strokes(seed: int) -> str:
    """Parse a mutated strokes request and draw it; return what became of it."""
    chance = random.Random(seed)
    wild = chance.random() < 0.5
    made = _wild(chance) if wild else drawing(seed)
    content = search_pb2.SearchRequest(query=search_pb2.Query(strokes=made)).SerializeToString()
    if not wild:
        content = mutate(content, content, chance)
    try:
        search = parse_search(search_pb2.SearchRequest.FromString(content), "photos")
    except DecodeError:
        return "refused: no message"
    except CallError as error:
        return f"refused: {error.code.name}"
    if not isinstance(search.query.source, Picture) or isinstance(
        search.query.source.content, bytes
    ):
        return "no strokes any more"
    encode(search.query.source.content)
    return "drawn"


def _wild(chance: random.Random) -> search_pb2.Strokes:
    """Return a message of the right form whose numbers lie at and about their limits."""
    beyond = chance.random() < 0.3
    sides = (0, 1, 65_536) if beyond else (1, 2, 300, 65_535)
    width, height = chance.choice(sides), chance.choice(sides)
    pens: tuple[float, ...] = (0, 0, 1e-30, 1, 500, 65_535)
    if beyond:
        pens = (*pens, -1, float("nan"), 1e30)
    strokes = []
    for _ in range(chance.choice((0, 1, 1_001) if beyond else (1, 3, 30))):
        points = chance.choice((0, 1, 2) if beyond else (1, 2, 30, 300))
        strokes.append(
            search_pb2.Stroke(
                x=[chance.randint(0, width) for _ in range(points)],
                y=[chance.randint(0, height) for _ in range(points)],
                width=chance.choice(pens),
            )
        )
    usual = chance.choice((0, 0, 1, 65_535, float("inf")) if beyond else (0, 0, 1, 65_535))
    return search_pb2.Strokes(
        canvas_width=width, canvas_height=height, strokes=strokes, width=usual
    )


def run(first: int, count: int, model: str) -> tuple[Counter[str], list[str], float]:
    """Run `count` inputs from seed `first`; return outcomes, findings and the longest seconds."""
    warnings.simplefilter("ignore")  # Pillow's, of odd images
    files, artefact = seeds(), ModelArtefact.load(model)
    outcomes: Counter[str] = Counter()
    findings: list[str] = []
    longest = 0.0
    for seed in range(first, first + count):
        name = "strokes" if seed % 4 == 0 else "image"
        start = time.process_time()
        try:
            outcome = strokes(seed) if name == "strokes" else image(seed, files, artefact)
        except Exception as error:  # noqa: BLE001 - what is looked for
            outcome = f"OTHER {type(error).__name__}"
            findings.append(f"seed {seed} {name}: {error!r}")
        spent = time.process_time() - start
        longest = max(longest, spent)
        if spent > _SLOW_SECONDS:
            findings.append(f"seed {seed} {name}: {spent:.1f} s")
        outcomes[f"{name} {outcome}"] += 1
    return outcomes, findings, longest


def main() -> int:
    """Fuzz as the arguments say; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="zoo-1")
    arguments = parser.parse_args()
    workers = os.cpu_count() or 1
    slice_size = max(1, -(-arguments.inputs // (workers * 8)))
    start = time.perf_counter()
    total: Counter[str] = Counter()
    found: list[str] = []
    longest = 0.0
    with ProcessPoolExecutor(workers) as pool:
        ranges = range(arguments.seed, arguments.seed + arguments.inputs, slice_size)
        end = arguments.seed + arguments.inputs
        for outcomes, findings, slowest in pool.map(
            run,
            ranges,
            [min(slice_size, end - first) for first in ranges],
            [arguments.model] * len(ranges),
        ):
            total += outcomes
            found += findings
            longest = max(longest, slowest)
    seconds = time.perf_counter() - start
    print(
        f"{sum(total.values())} inputs in {seconds:.0f} s; the slowest took {longest:.2f} s of CPU"
    )
    for outcome, count in sorted(total.items()):
        print(f"{count:8} {outcome}")
    print(f"{len(found)} findings", *found[:50], sep="\n")
    return 1 if found or any("NOT FINITE" in outcome for outcome in total) else 0


if __name__ == "__main__":
    sys.exit(main())
