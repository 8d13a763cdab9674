"""Draw the dashboards' panels with matplotlib from what a Prometheus has.

python scripts/draw_dashboards.py http://127.0.0.1:9090 OUT [MINUTES]

Not Grafana's own picture: what its panels show, in their places, for where no Grafana runs.
"""

import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

DASHBOARDS = Path(__file__).parent.parent / "deploy" / "grafana" / "dashboards"
_COLUMNS = 24
_MOST_SERIES = 8
_STEPS = 300
# Of one of Grafana's rows.
_INCHES = 0.3
# Grafana's units: what a value is multiplied with, and what stands behind it.
_UNITS = {
    "percentunit": (100.0, " %"),
    "bytes": (2.0**-20, " MiB"),
    "s": (1e3, " ms"),
    "Bps": (1e-3, " kB/s"),
    "reqps": (1.0, " /s"),
    "ops": (1.0, " /s"),
}


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a panel: its legend and its points in time."""

    legend: str
    times: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, times: Sequence[float]) -> list[float]:
        """Return the values at some times, 0 where there is none."""
        known = dict(zip(self.times, self.values, strict=True))
        return [known.get(each, 0.0) for each in times]


def filled(expression: str, rate_interval: str) -> str:
    """Return an expression with Grafana's variables filled in: every instance and class."""
    for name, value in (
        ("$__rate_interval", rate_interval),
        ("$instance", ".*"),
        ("$class", ".*"),
    ):
        expression = expression.replace(name, value)
    return expression


def panels(path: Path) -> Iterator[dict[str, Any]]:
    """Yield a dashboard's panels."""
    yield from json.loads(path.read_text(encoding="utf-8"))["panels"]


def ask(url: str, path: str, **parameters: str) -> Any:
    """Return the data of an answer of Prometheus' API."""
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=30) as answer:  # noqa: S310 - the operator's own
        return json.load(answer)["data"]


def draw(url: str, out: Path, seconds: float, rate_interval: str = "1m") -> list[Path]:
    """Draw each dashboard of the last `seconds` into a picture; return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    drawn = []
    end = time.time()
    for dashboard in sorted(DASHBOARDS.glob("*.json")):
        shown = [
            (panel, _series(panel, url, (end - seconds, end), rate_interval))
            for panel in panels(dashboard)
        ]
        path = out / f"{dashboard.stem}.png"
        _draw(shown, path)
        drawn.append(path)
    return drawn


def _series(
    panel: dict[str, Any], url: str, span: tuple[float, float], interval: str
) -> list[Series]:
    start, end = span
    found = []
    for target in panel["targets"]:
        answer = ask(
            url,
            "query_range",
            query=filled(target["expr"], interval),
            start=str(start),
            end=str(end),
            step=str(max(1.0, (end - start) / _STEPS)),
        )
        for series in answer["result"]:
            times, values = zip(*series["values"], strict=True)
            legend = _legend(target["legendFormat"], series["metric"])
            factor, _ = _unit(panel)
            found.append(Series(legend, times, tuple(factor * float(each) for each in values)))
    return found


def _unit(panel: dict[str, Any]) -> tuple[float, str]:
    return _UNITS.get(panel["fieldConfig"]["defaults"]["unit"], (1.0, ""))


def _legend(form: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        form = form.replace(f"{{{{{name}}}}}", value)
    return form


def _draw(shown: list[tuple[dict[str, Any], list[Series]]], path: Path) -> None:
    """Draw panels where Grafana places them; time begins where there is something to see."""
    times = [each for _, found in shown for series in found for each in series.times]
    start, end = (min(times), max(times)) if times else (0.0, 1.0)
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel, _ in shown)
    figure = plt.figure(figsize=(14, _INCHES * rows))
    for panel, found in shown:
        axis = figure.add_axes(_box(panel["gridPos"], rows))
        axis.set_title(panel["title"], size=9, loc="left", weight="bold")
        if not found:
            axis.text(0.5, 0.5, "No data", ha="center", va="center", color="gray")
            axis.set_xticks([])
            axis.set_yticks([])
        elif panel["type"] == "stat":
            _stat(axis, panel, found)
        else:
            _lines(axis, panel, found, (start, end))
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _box(place: dict[str, int], rows: int) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height in a picture of `rows`, room for labels left out."""
    left, bottom = place["x"] + 1.3, rows - place["y"] - place["h"] + 2.1
    width, height = place["w"] - 1.8, place["h"] - 3.1
    return left / _COLUMNS, bottom / rows, width / _COLUMNS, height / rows


def _stat(axis: Any, panel: dict[str, Any], found: list[Series]) -> None:
    """Show the last value, in the colour of its threshold."""
    factor, suffix = _unit(panel)
    value = found[0].values[-1]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    colour = [step["color"] for step in steps if value >= factor * step.get("value", -inf)][-1]
    axis.text(0, 0, f"{value:.4g}{suffix}", va="center", size=24, color=colour)
    axis.axis("off")


def _lines(
    axis: Any, panel: dict[str, Any], found: list[Series], span: tuple[float, float]
) -> None:
    """Plot the highest series over time, one on the other where Grafana stacks them."""
    start, end = span
    highest = sorted(found, key=lambda series: -max(series.values))[:_MOST_SERIES]
    kept = sorted(highest, key=lambda series: series.legend)
    stacking = panel["fieldConfig"]["defaults"].get("custom", {}).get("stacking", {})
    if stacking.get("mode") == "normal":
        times = sorted({each for series in kept for each in series.times})
        axis.stackplot(
            [each - start for each in times],
            [series.at(times) for series in kept],
            labels=[series.legend for series in kept],
            alpha=0.7,
        )
    else:
        for series in kept:
            times = [each - start for each in series.times]
            # A series may have a single point.
            axis.plot(times, series.values, lw=1.2, marker=".", ms=2, label=series.legend)
    if len(found) > len(kept):
        axis.plot([], [], " ", label=f"and {len(found) - len(kept)} lower ones")
    axis.yaxis.set_major_formatter(f"{{x:g}}{_unit(panel)[1]}")
    axis.xaxis.set_major_formatter("{x:.0f} s")
    axis.set_xlim(0, max(1.0, end - start))
    axis.set_ylim(0, 1.1 * axis.dataLim.y1 or 1.0)
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, frameon=False)


if __name__ == "__main__":
    _, source, folder, *minutes = sys.argv
    for picture in draw(source, Path(folder), 60 * float(minutes[0] if minutes else 60)):
        print(picture)
