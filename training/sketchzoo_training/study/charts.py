"""The study's charts: a PNG for each question that the rows answer, and none beside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Chart
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sketchzoo.files import write_atomically
from sketchzoo_training.plotting import BLUE, OKABE_ITO, VERMILLION, chart_style, legible, png
from sketchzoo_training.study.choice import pareto
from sketchzoo_training.study.original import FIGURES
from sketchzoo_training.study.results import Figure, Identity, Measured, Result, labels, with_digits
from sketchzoo_training.study.scatter import Scatter

Classes = tuple[str, ...]
_P12 = "P@12 on test: share of the first 12 photos that show the sketch's class"
_GREY = "#8C8C8C"
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # each can be filled, and hollow


@dataclass(frozen=True, slots=True)
class _Bar:
    """One figure to compare: of a row, or of the original study (then without a row)."""

    name: str
    loss: str
    backbone: str
    p_at_12: float
    measured: Measured | None = None


def write_charts(
    rows: Sequence[Result],
    classes: Classes,
    scatters: Mapping[Identity, Scatter],
    out: Path,
    *,
    others: Sequence[Result] = (),
) -> list[Path]:
    """Write the charts that `rows` (of one data set) fill; returns their paths.

    Time is compared on `classes`. Charts that nothing fills any more are removed, among
    them those of `others`, rows of other data.
    """
    names = [*(row.name for row in rows), *(name for row in rows for name in row.classes)]
    paths = []
    with chart_style(names):
        for name, chart in _charts(rows, classes, scatters, others).items():
            path = out / f"{name}.png"
            if chart is None:
                path.unlink(missing_ok=True)
                continue
            write_atomically(path, png(chart), sync=False)
            paths.append(path)
    return paths


def _charts(
    rows: Sequence[Result],
    classes: Classes,
    scatters: Mapping[Identity, Scatter],
    others: Sequence[Result],
) -> dict[str, Chart | None]:
    """Return every chart by its file's name, None for one that nothing fills."""
    slugs = labels(rows)
    named = {identity: legible(name) for identity, name in slugs.items()}
    charts: dict[str, Chart | None] = {
        "losses": _compared(rows, named, by_loss=True),
        "backbones": _compared(rows, named, by_loss=False),
        "embedding-sizes": _sizes(rows),
        "p12-against-time": _against_time([row for row in rows if row.classes == classes], named),
    }
    for row in (*rows, *others):
        charts |= {f"scatter-{_slug(name)}": None for name in (row.name, with_digits(row))}
    for identity, scatter in scatters.items():
        charts[f"scatter-{_slug(slugs[identity])}"] = _scatter(named[identity], scatter)
    return charts


def _compared(
    rows: Sequence[Result], named: Mapping[Identity, str], *, by_loss: bool
) -> Chart | None:
    """Compare losses, or backbones: a panel for each choice of classes and length of embedding."""
    panels: dict[tuple[Classes, int], list[_Bar]] = {}
    for row in rows:
        if row.measured is not None and row.steps:
            bar = _Bar(
                named[row.identity],
                row.loss,
                row.backbone,
                row.measured.p_at_12.value,
                row.measured,
            )
            panels.setdefault((row.classes, row.dimension), []).append(bar)
    shown: list[tuple[str, list[_Bar]]] = []
    for (classes, dimension), own in sorted(panels.items(), key=lambda p: (len(p[0][0]), p[0][1])):
        original = [
            _Bar(f"{f.loss}, {f.backbone}", f.loss, f.backbone, f.p_at_12)
            for f in FIGURES
            if f.dimension == dimension and f.is_of(classes)
        ]
        bars = _comparable([*original, *own], by_loss=by_loss)
        if any(bar.measured for bar in bars):
            shown.append((f"{len(classes)} classes, embeddings of {dimension} values", bars))
    if not shown:
        return None
    heights = [1.6 + 0.28 * len(bars) for _, bars in shown]
    chart = Chart(figsize=(9, sum(heights) + 0.8), layout="constrained")
    all_axes = chart.subplots(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (title, bars) in zip(all_axes, shown, strict=True):
        _draw_bars(axes, bars)
        axes.set_title(f"{'losses' if by_loss else 'backbones'} compared: {title}")
    _explain(chart, [bar for _, bars in shown for bar in bars])
    return chart


def _comparable(bars: Sequence[_Bar], *, by_loss: bool) -> list[_Bar]:
    """Return the bars that differ in the loss alone, or in the backbone alone, from another."""
    if by_loss:
        return list(bars) if len({bar.loss for bar in bars}) > 1 else []
    backbones: dict[str, set[str]] = {}
    for bar in bars:
        backbones.setdefault(bar.loss, set()).add(bar.backbone)
    return sorted((bar for bar in bars if len(backbones[bar.loss]) > 1), key=lambda bar: bar.loss)


def _draw_bars(axes: Axes, bars: Sequence[_Bar]) -> None:
    right = 0.0
    for place, bar in enumerate(bars):
        if bar.measured is None:
            axes.barh(place, bar.p_at_12, color=_GREY, hatch="//", edgecolor="white")
            end = bar.p_at_12
        else:
            figure = bar.measured.p_at_12
            axes.barh(place, figure.value, color=BLUE)
            _interval(axes, figure, place, "black", "none")
            end = figure.high
            if bar.measured.euclidean is not None:
                _interval(axes, bar.measured.euclidean, place + 0.25, VERMILLION, "D")
                end = max(end, bar.measured.euclidean.high)
        axes.annotate(
            f"{bar.p_at_12:.2f}", (end, place), (4, 0), textcoords="offset points", va="center"
        )
        right = max(right, end)
    axes.set_yticks(range(len(bars)), [bar.name for bar in bars], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(_P12)
    axes.set_xlim(0, right * 1.1)


def _interval(axes: Axes, figure: Figure, place: float, colour: str, marker: str) -> None:
    axes.errorbar(
        figure.value,
        place,
        xerr=[[figure.value - figure.low], [figure.high - figure.value]],
        color=colour,
        marker=marker,
        markersize=5,
        capsize=3,
    )


def _explain(chart: Chart, bars: Iterable[_Bar]) -> None:
    bars = list(bars)
    handles: list[Patch | Line2D] = [
        Patch(color=BLUE, label="measured here, by cosine"),
        Line2D([], [], color="black", marker="|", label="95 % interval"),
    ]
    if any(bar.measured and bar.measured.euclidean for bar in bars):
        handles.insert(
            1, Line2D([], [], color=VERMILLION, marker="D", label="the same, by Euclid as trained")
        )
    if any(bar.measured is None for bar in bars):
        label = "original study (by Euclid, split by file)"
        handles.append(Patch(facecolor=_GREY, hatch="//", edgecolor="white", label=label))
    chart.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8)


def _sizes(rows: Sequence[Result]) -> Chart | None:
    lines: dict[tuple[str, Classes], list[tuple[int, Figure]]] = {}
    for row in rows:
        if row.measured is not None and row.steps:
            of = f"{row.loss}, {row.backbone} at {row.size} px, {len(row.classes)} classes"
            key = ", ".join((of, *row.changes)), row.classes
            lines.setdefault(key, []).append((row.dimension, row.measured.p_at_12))
    lines = {key: line for key, line in lines.items() if len({d for d, _ in line}) > 1}
    if not lines:
        return None
    chart = Chart(figsize=(8, 5), layout="constrained")
    axes = chart.add_subplot()
    for number, ((name, _), line) in enumerate(sorted(lines.items())):
        line.sort(key=lambda point: point[0])
        values = np.array([(figure.value, figure.low, figure.high) for _, figure in line])
        axes.errorbar(
            [dimension for dimension, _ in line],
            values[:, 0],
            np.abs(values[:, 1:].T - values[:, 0]),
            color=OKABE_ITO[number % len(OKABE_ITO)],
            marker=_MARKERS[number % len(_MARKERS)],
            capsize=3,
            label=name,
        )
    ticks = sorted({dimension for line in lines.values() for dimension, _ in line})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlabel("length of the embedding in values")
    axes.set_ylabel("P@12 on test, by cosine, with 95 % intervals")
    axes.set_ylim(bottom=0)
    axes.set_title("lengths of the embedding compared")
    chart.legend(loc="outside lower center", fontsize=8)
    return chart


def _against_time(rows: Sequence[Result], named: Mapping[Identity, str]) -> Chart | None:
    points = {row.identity: row.measured for row in rows if row.measured is not None}
    if len(points) < 2:  # noqa: PLR2004 - one is compared with nothing
        return None
    front = pareto(list(points.values()))
    chart = Chart(figsize=(8, 5), layout="constrained")
    axes = chart.add_subplot()
    for identity, measured in points.items():
        best = measured in front
        figure = measured.p_at_12
        axes.errorbar(
            measured.milliseconds,
            figure.value,
            [[figure.value - figure.low], [figure.high - figure.value]],
            color=VERMILLION if best else BLUE,
            marker="D" if best else "o",
            capsize=3,
        )
        if best:
            place = (measured.milliseconds, figure.value)
            axes.annotate(named[identity], place, (7, 6), textcoords="offset points", fontsize=8)
    axes.plot([m.milliseconds for m in front], [m.p_at_12.value for m in front], color=VERMILLION)
    axes.legend(
        handles=[
            Line2D([], [], color=VERMILLION, marker="D", label="beaten by none in both"),
            Line2D([], [], color=BLUE, marker="o", label="others"),
        ],
        loc="lower right",
    )
    axes.set_xlabel("inference of one sketch in ms (ONNX Runtime, one thread)")
    axes.set_ylabel("P@12 on test, by cosine, with 95 % intervals")
    axes.set_xlim(0, 1.25 * max(measured.milliseconds for measured in points.values()))
    axes.set_ylim(bottom=0)
    axes.set_title(f"P@12 against time, {len(rows[0].classes)} classes")
    return chart


def _scatter(name: str, scatter: Scatter) -> Chart:
    classes = np.array(scatter.classes)
    photo = np.arange(len(classes)) < scatter.photos
    names = sorted(set(scatter.classes))
    columns = 1 + len(names) // 20
    chart = Chart(figsize=(6.5 + 1.4 * columns, 6), layout="constrained")
    axes = chart.add_subplot()
    handles = []
    for number, class_name in enumerate(names):
        colour = OKABE_ITO[number % len(OKABE_ITO)]
        marker = _MARKERS[number // len(OKABE_ITO) % len(_MARKERS)]
        label = legible(class_name.replace("_", " ").strip())
        handles.append(Line2D([], [], color=colour, marker=marker, ls="", label=label))
        for chosen, face in ((photo, colour), (~photo, "none")):
            x, y = scatter.points[chosen & (classes == class_name)].T
            axes.scatter(x, y, facecolors=face, edgecolors=colour, s=24, marker=marker)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("first value of the embedding")
    axes.set_ylabel("second value")
    axes.set_title(f"{name}\ntest photos (filled) and sketches (hollow)", fontsize=10)
    chart.legend(handles=handles, loc="outside right upper", ncols=columns, fontsize=7)
    return chart


def _slug(name: str) -> str:
    return name.replace("/", "-").replace(" #", "-")
