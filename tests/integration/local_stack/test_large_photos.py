"""A camera's folder and its large files, through every part of a stack."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from sketchzoo.client import Client, GalleryClient
from tests.artefacts import picture
from tests.integration.local_stack.stack_process import StackProcess, command, stack_process

pytestmark = pytest.mark.slow

_MIB = 1024
MOST_KIB = 400 * _MIB
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
# Not what `getrusage` says: that begins with what the process held that it was forked from.
_OWN_PEAK = """
import re
from pathlib import Path
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
_ASK = f"""
import sys
from pathlib import Path
from sketchzoo.client import Client
with Client(sys.argv[1]) as client:
    hits = client.search(photo=Path(sys.argv[2]), limit=3).hits
    print(hits[0].file_name)
{_OWN_PEAK}
"""
_COMMAND = f"""
import contextlib, sys
from sketchzoo.cli import main
with contextlib.redirect_stdout(sys.stderr):
    try:
        main()
    except SystemExit as ended:
        assert not ended.code
{_OWN_PEAK}
"""


@dataclass(frozen=True, slots=True)
class Library:
    """A stack, and a folder of large photos that was ingested into it."""

    stack: StackProcess
    found: dict[str, str]
    folder: Path
    report: dict[str, object]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Ingest a camera's folder of 12, 24 and 48 megapixels, the last also progressive."""
    folder = tmp_path_factory.mktemp("camera")
    _camera(folder)
    data = tmp_path_factory.mktemp("stack") / "out"
    with stack_process("up", data=data) as up:
        up.wait_up()
        found = up.wait_published()
        json_file = data.with_name("report.json")
        said = _run(_COMMAND, "ingest", str(folder), "--json", str(json_file), env=found)
        assert int(said) < MOST_KIB
        yield Library(up, found, folder, json.loads(json_file.read_text()))


def test_a_cameras_folder_goes_in_whole(library: Library) -> None:
    """No class, folders by number, 48 megapixels, progressive ones: all are written."""
    photos = library.report["photos"]
    assert isinstance(photos, dict)
    assert (photos["total"], photos["written"]) == (4, 4)


def test_a_large_photo_is_found_by_itself(library: Library) -> None:
    """The SDK's process, too, stays small where it asks with 48 megapixels."""
    photo = library.folder / "DCIM/101/IMG_0004.JPG"
    target = library.found["SKETCHZOO_SEARCH_TARGET"]
    name, peak = _run(_ASK, target, str(photo)).split()
    assert name == "IMG_0004.JPG"
    assert int(peak) < MOST_KIB


def test_no_part_takes_more_memory_than_it_may(library: Library) -> None:
    """Searched, shown, opened and added one by one: each part stays under 400 MB."""
    photo = library.folder / "DCIM/101/IMG_0003.JPG"
    with Client(library.found["SKETCHZOO_SEARCH_TARGET"]) as client:
        hits = client.search(photo=photo, limit=4).hits
        for hit in hits:
            assert client.photo(hit.photo_id, max_side=256).content_type == "image/jpeg"
    other = library.folder.with_name("added.jpg")
    _photo(99, (8064, 6048)).save(other, quality=90, progressive=True)
    with GalleryClient(library.found["SKETCHZOO_GALLERY_TARGET"]) as gallery:
        [added] = gallery.add([other])
    assert added.photo_id
    peaks = {" ".join(command(each)): _peak_kib(each.pid) for each in library.stack.started()}
    assert {name: kib for name, kib in peaks.items() if kib >= MOST_KIB} == {}
    for part in ("encoder", "search", "gallery serve", "live", "embedded-qdrant"):
        assert any(f"sketchzoo {part}" in name for name in peaks), peaks.keys()


def _camera(folder: Path) -> None:
    sizes = [((4000, 3000), {}), ((6000, 4000), {})]
    sizes += [((8064, 6048), {}), ((8064, 6048), {"progressive": True})]
    for number, (size, options) in enumerate(sizes, 1):
        path = folder / f"DCIM/{100 + number // 3}/IMG_{number:04}.JPG"
        path.parent.mkdir(parents=True, exist_ok=True)
        _photo(number, size).save(path, quality=90, **options)


def _photo(seed: int, size: tuple[int, int]) -> Image.Image:
    return Image.open(io.BytesIO(picture(seed, (400, 300)))).resize(size)


def _run(program: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run a program; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def _peak_kib(pid: int) -> int:
    found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0
