"""Size: what 1 million to 1 billion photos take, from the figures of docs/operations/size.toml.

`python scripts/size.py` writes the tables into docs/operations/size.md, `--check` compares them.
"""

import argparse
import math
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "operations" / "size.md"
INPUTS = _PAGE.with_suffix(".toml")
_BEGINS, _ENDS = "<!-- made by scripts/size.py -->\n", "<!-- to here -->\n"
_FLOAT_BYTES = 4
_SIZES = {"1 million": 10**6, "100 million": 10**8, "1 billion": 10**9}
_MONTH_HOURS = 730
# Vectors that queries were counted over.
_MEASURED_AT = 50_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What a gallery takes: bytes in all replicas, machines of each kind, hours, dollars."""

    photos: int
    int8: bool
    memory_bytes: float
    disk_bytes: float
    qdrant_machines: int
    ingest_machines: int
    ingest_hours: float
    write_hours: float
    index_hours: float
    search_machines: int
    first_dollars: float
    month_dollars: float


def plan(figures: dict[str, dict[str, float]], photos: int, *, int8: bool) -> Plan:
    """Return what so many photos take.

    Qdrant's machines follow from memory, or from searches where these need more. Each replica
    writes all that it holds, at the rate that two cores reached: more cores were not measured.
    """
    photo, qdrant, machine = figures["photo"], figures["qdrant"], figures["machine"]
    ingest, search = figures["ingest"], figures["search"]
    whole = _FLOAT_BYTES * photo["values"] * qdrant["overhead"]
    payload = photo["payload_bytes"] * qdrant["overhead"]
    # What a smaller copy leaves as it is: links of the index, ids, versions.
    beside = whole - _FLOAT_BYTES * photo["values"]
    kept = _FLOAT_BYTES * photo["values"] * qdrant["int8_share"] + beside if int8 else whole
    copies = photos * qdrant["replicas"]
    memory = copies * kept
    disk = copies * (whole + payload + (kept if int8 else 0))
    usable = machine["memory_gib"] * 2**30 * qdrant["memory_share"]
    # A query goes to every shard: what it costs there grows with the shard.
    machines = max(int(qdrant["replicas"]), math.ceil(memory / usable))
    growth = max(1.0, photos / _MEASURED_AT) ** qdrant["query_growth"]
    asked = 2 * search["searches_per_second"] / qdrant["queries_per_second"] * growth
    machines = max(machines, math.ceil(asked / machine["cores"] / search["busy"]))
    cores = photos / ingest["photos_per_core_second"] / 3600 / ingest["hours"]
    workers = math.ceil(cores / machine["cores"])
    hours = photos / ingest["photos_per_core_second"] / 3600 / machine["cores"] / workers
    writing = copies / qdrant["upserts_per_second"] / machines / 3600
    indexing = copies / qdrant["indexed_per_core_second"] / machine["cores"] / machines / 3600
    busy = search["searches_per_second"] * search["core_seconds"] / search["busy"]
    searching = math.ceil(busy / machine["cores"])
    price = machine["dollars_per_hour"]
    lasts = max(hours, writing, indexing)
    return Plan(
        photos,
        int8,
        memory,
        disk,
        machines,
        workers,
        hours,
        writing,
        indexing,
        searching,
        price * workers * lasts,
        price * (machines + searching) * _MONTH_HOURS,
    )


def read(path: Path = INPUTS) -> tuple[dict[str, dict[str, float]], list[tuple[str, str, str]]]:
    """Return the figures by section and name, and rows of name, value and source."""
    inputs: dict[str, dict[str, Any]] = tomllib.loads(path.read_text())
    figures = {
        section: {name: each["is"] for name, each in named.items()}
        for section, named in inputs.items()
    }
    rows = [
        (f"{section}.{name}", f"{each['is']:,}", each["source"])
        for section, named in inputs.items()
        for name, each in named.items()
    ]
    return figures, rows


def tables() -> str:
    """Return both tables as Markdown: what comes out, and what goes in."""
    figures, rows = read()
    plans = [
        plan(figures, photos, int8=int8) for photos in _SIZES.values() for int8 in (False, True)
    ]
    lines = [
        *_table(
            ("photos", *(_title(each) for each in plans)),
            [
                ("memory of Qdrant, GB", *(_round(each.memory_bytes / 1e9) for each in plans)),
                ("disk of Qdrant, GB", *(_round(each.disk_bytes / 1e9) for each in plans)),
                ("machines for Qdrant", *(f"{each.qdrant_machines}" for each in plans)),
                ("machines for ingest", *(f"{each.ingest_machines}" for each in plans)),
                ("hours of reading and embedding", *(_round(p.ingest_hours) for p in plans)),
                ("hours of writing", *(_round(each.write_hours) for each in plans)),
                ("hours of indexing", *(_round(each.index_hours) for each in plans)),
                ("machines for search and encoder", *(f"{p.search_machines}" for p in plans)),
                ("first ingest, $", *(_round(each.first_dollars) for each in plans)),
                ("a month, $", *(_round(each.month_dollars) for each in plans)),
            ],
        ),
        "",
        *_table(("figure", "is", "from"), rows),
    ]
    return "\n".join(lines) + "\n"


def _title(each: Plan) -> str:
    name = next(name for name, photos in _SIZES.items() if photos == each.photos)
    return f"{name}, {'int8' if each.int8 else 'whole'}"


def _round(value: float) -> str:
    digits = max(0, 1 - math.floor(math.log10(value)))
    return f"{round(value, 1 - math.floor(math.log10(value))):,.{digits}f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    """Write the tables into the page, or compare; return 0, or 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the page, write nothing")
    check = parser.parse_args().check
    text = _PAGE.read_text()
    before, _, rest = text.partition(_BEGINS)
    _, _, after = rest.partition(_ENDS)
    made = f"{before}{_BEGINS}{tables()}{_ENDS}{after}"
    if check:
        print("as the figures say" if made == text else f"{_PAGE.name}: run scripts/size.py")
        return int(made != text)
    _PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
