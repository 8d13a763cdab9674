"""Draw the dashboards' panels with matplotlib from what a Prometheus has.

python scripts/draw_dashboards.py http://127.0.0.1:9090 OUT [MINUTES]

Not Grafana's own picture: what its panels show, for where no Grafana runs.
"""

import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

DASHBOARDS = Path(__file__).parent.parent / "deploy" / "grafana" / "dashboards"
_COLUMNS = 3
_MOST_SERIES = 12


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
        shown = list(panels(dashboard))
        rows = -(-len(shown) // _COLUMNS)
        figure, axes = plt.subplots(
            rows, _COLUMNS, figsize=(5 * _COLUMNS, 2.6 * rows), squeeze=False, layout="constrained"
        )
        for axis, panel in zip(axes.flat, shown, strict=False):
            _panel(axis, panel, url, (end - seconds, end), rate_interval)
        for axis in axes.flat[len(shown) :]:
            axis.set_visible(False)
        path = out / f"{dashboard.stem}.png"
        figure.savefig(path, dpi=80)
        plt.close(figure)
        drawn.append(path)
    return drawn


def _panel(
    axis: Any, panel: dict[str, Any], url: str, span: tuple[float, float], interval: str
) -> None:
    start, end = span
    axis.set_title(f"{panel['title']} [{panel['fieldConfig']['defaults'].get('unit', '')}]", size=9)
    axis.tick_params(labelsize=7)
    count = 0
    for target in panel["targets"]:
        found = ask(
            url,
            "query_range",
            query=filled(target["expr"], interval),
            start=str(start),
            end=str(end),
            step=str(max(1.0, (end - start) / 200)),
        )["result"]
        for series in found[: _MOST_SERIES - count]:
            times = [at - start for at, _ in series["values"]]
            values = [float(value) for _, value in series["values"]]
            axis.plot(times, values, lw=1, label=_legend(target["legendFormat"], series["metric"]))
            count += 1
    if count:
        axis.legend(fontsize=6, loc="upper left")
    else:
        axis.text(0.5, 0.5, "no data", ha="center", va="center", transform=axis.transAxes)
    axis.set_xlim(0, end - start)
    axis.set_ylim(bottom=0)


def _legend(form: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        form = form.replace(f"{{{{{name}}}}}", value)
    return form


if __name__ == "__main__":
    _, source, folder, *minutes = sys.argv
    for picture in draw(source, Path(folder), 60 * float(minutes[0] if minutes else 60)):
        print(picture)
