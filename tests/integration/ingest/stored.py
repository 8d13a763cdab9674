"""A few photos, and how they lie in folders, tables and tar files."""

import csv
import subprocess
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from sketchzoo_ingest.sources import Candidate, Source
from tests.artefacts import picture

FILES = {f"{name}/{n}.jpg": picture(7 * n + len(name)) for name in ("owl", "swan") for n in (1, 2)}
FILES |= {"owl/deep/ö & #.jpg": picture(99)}


def in_folder(folder: Path) -> Path:
    """Put the photos into a folder and return it."""
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def listed(source: Source) -> list[Candidate]:
    return [entry for entry in source.candidates() if isinstance(entry, Candidate)]


def archive(folder: Path) -> tuple[Path, bytes]:
    """Make a tar file of a folder and one beside it that is packed; return the first, and that."""
    tar = folder.with_suffix(".tar")
    subprocess.run(["tar", "cf", tar, "-C", folder, "."], check=True)
    subprocess.run(["gzip", "-k", tar], check=True)
    return tar, Path(f"{tar}.gz").read_bytes()


def table(path: Path, where: str, base: str) -> bytes:
    """Write the photos' places and classes into a table and return its bytes."""
    rows = [(f"{base}{file}", file.partition("/")[0]) for file in FILES]
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([(where, "class"), *rows])
    else:
        parquet.write_table(
            pa.table({where: [r[0] for r in rows], "class": [r[1] for r in rows]}), path
        )
    return path.read_bytes()
