"""The pages for programmers: every example on the SDK's runs, and listings are the files."""

import asyncio
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sketchzoo.qdrant import Photo
from tests.artefacts import picture
from tests.unit.search_service.fake_encoder import PARTS
from tests.unit.search_service.fakes import bench

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "sdk.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_page_has_examples() -> None:
    """A page whose examples are not found would pass unseen."""
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_each_example_runs(number: int, tmp_path: Path) -> None:
    """A script of its own, as its reader would run it, against a search service."""
    sketch = tmp_path / "sketch.png"
    sketch.write_bytes(picture(0, form="PNG"))
    async with bench(gallery_roots=(tmp_path,), layout=PARTS, text="tower") as server:
        server.reader.photos.clear()
        for each in range(40):
            path = tmp_path / f"{each}.jpg"
            path.write_bytes(picture(each))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            payload = {"number": each, "tame": each % 2 == 0, "licence": ("CC BY", "CC0")[each % 2]}
            name = ("cat", "dog", "owl")[each % 3]
            server.reader.add(Photo(name, path.as_uri(), digest, 64, 48, payload=payload))
        script = f"target = {server.target!r}\nsketch = {str(sketch)!r}\n{EXAMPLES[number]}"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "error",
            "-c",
            script,
            cwd=tmp_path,  # an example writes a file
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


@pytest.mark.parametrize("program", ["node/search.mjs", "go/main.go", "python/search.py"])
def test_a_listing_is_the_program_that_runs(program: str) -> None:
    """To the letter; tests/system runs them."""
    listing = (ROOT / "examples" / program).read_text()
    assert f"\n{listing}```\n" in (ROOT / "docs" / "other-languages.md").read_text()
