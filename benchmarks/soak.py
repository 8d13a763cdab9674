"""Soak: does anything grow under steady load? `python -m benchmarks.soak --minutes 20`.

All parts run; searches come at 60 % of the measured peak. Every window of the run has its
own percentiles, resident memory and open files of each part; slopes are fitted to them,
the first fifth left out (caches fill, allocators settle).
"""

import argparse
import json
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.bar import Bar
from benchmarks.footprint import open_files, resident
from benchmarks.section import Section
from benchmarks.services import load, running
from benchmarks.workload import prepare

_SHARE_OF_PEAK = 0.6


def soak(out: Path, model: str, minutes: float) -> Section:
    """Load all parts for `minutes`; return what grew."""
    workload = prepare(out)
    windows = max(5, round(minutes * 2))
    seconds = minutes * 60 / windows
    folder = workload.folder / "sketch"
    section = Section(
        f"Soak of {minutes:g} minutes at {_SHARE_OF_PEAK:.0%} of the peak",
        ("window", "p50 ms", "p99 ms", "other than OK", "search MiB, files", "encoder", "Qdrant"),
    )
    rows: list[dict[str, Any]] = []
    codes = Counter[str]()
    with running(out, workload.folder, model) as parts:
        target = parts.search.address
        peak = load("search", target, folder, callers=16, seconds=8)["answered_per_second"]
        rate = _SHARE_OF_PEAK * peak
        watched = (parts.search, parts.encoder, parts.qdrant)
        for number in range(windows):
            found = load("search", target, folder, rate=rate, seconds=seconds, warm=0.2)
            held = {part.name: (resident(part) / 2**20, open_files(part)) for part in watched}
            other = Counter({code: n for code, n in found["codes"].items() if code != "OK"})
            codes += other
            failed = other.total()
            answered = found["answered"]
            section.rows.append(
                (
                    str(number + 1),
                    answered["p50"] * 1e3,
                    answered["p99"] * 1e3,
                    float(failed),
                    *(f"{mib:.1f}, {files}" for mib, files in held.values()),
                )
            )
            rows.append({"p99": answered["p99"], "failed": failed, "held": held})
            print(*section.rows[-1], flush=True)
    section.notes.append(f"{rate:.1f} searches/s; peak {peak:.1f}/s; {seconds:g} s a window")
    if codes:
        section.notes.append(f"codes other than OK: {dict(codes)}")
    settled = rows[windows // 5 :]
    hours = [index * seconds / 3600 for index in range(len(settled))]
    for name in settled[0]["held"]:
        slope = _slope(hours, [row["held"][name][0] for row in settled])
        files = settled[-1]["held"][name][1] - settled[0]["held"][name][1]
        section.bars.append(Bar(f"soak_{name}_mib_per_hour", slope, "<=", 10))
        section.bars.append(Bar(f"soak_{name}_files_more", files, "<=", 2))
    half = len(settled) // 2
    early, late = (
        float(np.median([row["p99"] for row in part])) for part in (settled[:half], settled[half:])
    )
    section.bars.append(Bar("soak_p99_drift", late / early, "<=", 1.2))
    section.bars.append(Bar("soak_failed", sum(row["failed"] for row in rows), "<=", 0))
    return section


def _slope(hours: Sequence[float], values: Sequence[float]) -> float:
    return float(np.polyfit(hours, values, 1)[0])


def main() -> int:
    """Soak as the arguments say; write `soak.md` and `soak.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--model", default="zoo-1")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    # SIGTERM as Ctrl-C: the services that were started are stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    about = machine.describe()
    section = soak(out, arguments.model, arguments.minutes)
    for bar in section.bars:
        print(bar)
    (out / "soak.md").write_text(section.markdown())
    (out / "soak.json").write_text(
        json.dumps({"machine": about, "bars": [bar.as_json() for bar in section.bars]}, indent=2)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
