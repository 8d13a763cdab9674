"""The report: Markdown, JSON and a plot of every bar."""

import importlib.util
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.bar import Bar
from benchmarks.section import Section


def _plots() -> Any:
    """Return matplotlib, which nothing but a picture needs."""
    import matplotlib as mpl  # noqa: PLC0415 - a bare machine may be without

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415 - the same

    return plt


def write(out: Path, sections: Sequence[Section], machine: dict[str, str], command: str) -> None:
    """Write `report.md`, `report.json` and, where matplotlib is, `bars.png` into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    bars = [bar for section in sections for bar in section.bars]
    met = sum(bar.met for bar in bars)
    missed = [bar for bar in bars if not bar.met]
    head = [
        "# Benchmarks",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, on "
        + ", ".join(f"{name}: {value}" for name, value in machine.items())
        + ".",
        "",
        f"{met} of {len(bars)} bars met."
        + (f" Missed: {', '.join(bar.name for bar in missed)}." if missed else ""),
        "",
        "![Each figure as a share of its bar](bars.png)",
        "",
    ]
    body = [section.markdown() for section in sections]
    (out / "report.md").write_text("\n".join([*head, *body]))
    (out / "report.json").write_text(
        json.dumps(
            {
                "command": command,
                "machine": machine,
                "bars": [bar.as_json() for bar in bars],
                "figures": {
                    name: value for section in sections for name, value in section.figures.items()
                },
            },
            indent=2,
        )
        + "\n"
    )
    if bars and importlib.util.find_spec("matplotlib") is not None:
        _plot(bars, out / "bars.png")


def _plot(bars: Sequence[Bar], path: Path) -> None:
    """Draw how much of its bar each figure reaches; beyond 1 is met."""
    reached = [
        bar.value / bar.bar if bar.sense == ">=" else bar.bar / max(bar.value, 1e-9) for bar in bars
    ]
    plt = _plots()
    figure, axes = plt.subplots(figsize=(9, 0.32 * len(bars) + 1), layout="constrained")
    colours = ["#1a7f4b" if bar.met else "#c2410c" for bar in bars]
    axes.barh([bar.name for bar in bars], [min(share, 3) for share in reached], color=colours)
    axes.axvline(1, color="#1c2430", linewidth=1)
    axes.set_xlabel("share of the bar reached (cut at 3)")
    axes.invert_yaxis()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_growth(figures: dict[str, Any], sizes: Sequence[int], path: Path) -> None:
    """Draw p50, fill rate and memory against the number of vectors, both axes logarithmic."""
    plt = _plots()
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    lines = (
        (0, "p50, all, ms", "qdrant_all_{}_p50_seconds", 1e3),
        (0, "p50, one class of 55, ms", "qdrant_filtered_{}_p50_seconds", 1e3),
        (1, "written and indexed a second", "qdrant_fill_{}_per_second", 1.0),
        (2, "resident, MiB", "qdrant_{}_resident_mib", 1.0),
    )
    for place, label, key, unit in lines:
        values = [unit * figures[key.format(size)] for size in sizes]
        axes[place].loglog(sizes, values, marker="o", label=label)
    for one in axes:
        one.set_xlabel("vectors")
        # 7000, not 7 x 10^3.
        for which in (one.yaxis.set_major_formatter, one.yaxis.set_minor_formatter):
            which("{x:g}")
        one.legend()
        one.grid(visible=True, which="both", alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
