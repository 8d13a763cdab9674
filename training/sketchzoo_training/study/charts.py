"""The study's charts: the original figures beside those measured here."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sketchzoo_training.study.experiments import Result, Scatter, pareto
from sketchzoo_training.study.figures import FIGURES

Bar = tuple[str, float, tuple[float, float] | None, str]
ORIGINAL, HERE = "#9aa5b1", "#2f6f9f"
_MOST_NAMED = 8  # classes in a legend

mpl.use("Agg")


def write_charts(results: Sequence[Result], scatters: Sequence[Scatter], out: Path) -> list[Path]:
    """Write a PNG for each question that the results answer; returns their paths."""
    figures = {
        "losses": _losses(results),
        "backbones": _backbones(results),
        "embedding-sizes": _sizes(results),
        "p12-against-time": _against_time(results),
        **{f"scatter-{scatter.name}": _scatter(scatter) for scatter in scatters},
    }
    paths = []
    for name, figure in figures.items():
        path = out / f"{name}.png"
        figure.savefig(path, dpi=90)
        paths.append(path)
    return paths


def _losses(results: Sequence[Result]) -> Figure:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    for axes, kind, title in zip(
        figure.subplots(1, 2), ("mini", "full"), ("5 classes", "55 classes"), strict=True
    ):
        bars: list[Bar] = [
            (f"{f.loss}\n{f.backbone} E={f.dimension}", f.p_at_12, None, ORIGINAL)
            for f in FIGURES
            if f.kind == kind and f.backbone in ("resnet18", "resnet34")
        ]
        dimension = 16 if kind == "full" else None
        bars += [
            (f"{r.loss}\n{_short(r.backbone)} E={r.dimension}", r.p_at_12, r.interval, HERE)
            for r in _trained(results)
            if r.kind == kind and dimension in (None, r.dimension)
        ]
        _bars(axes, bars)
        axes.set_title(f"loss against loss, {title}")
    _explain(figure)
    return figure


def _backbones(results: Sequence[Result]) -> Figure:
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    bars: list[Bar] = [
        (f"{f.backbone}\n{f.loss}", f.p_at_12, None, ORIGINAL) for f in FIGURES if f.kind == "full"
    ]
    bars += [
        (f"{_short(r.backbone)}\n{r.loss}", r.p_at_12, r.interval, HERE)
        for r in _trained(results)
        if r.kind == "full" and r.dimension == 16 and r.loss in ("contrastive", "triplet")  # noqa: PLR2004 - the study's
    ]
    axes = figure.add_subplot()
    _bars(axes, bars)
    axes.set_title("backbone against backbone, 55 classes, 16-d")
    _explain(figure)
    return figure


def _sizes(results: Sequence[Result]) -> Figure:
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.add_subplot()
    lines: dict[str, list[Result]] = {}
    for result in _trained(results):
        lines.setdefault(f"{result.loss}, {_kind(result.kind)}", []).append(result)
    for name, line in lines.items():
        if len(line) < 2:  # noqa: PLR2004 - a line
            continue
        line.sort(key=lambda r: r.dimension)
        values = np.array([(r.dimension, r.p_at_12, *r.interval) for r in line])
        errors = np.abs(values[:, 2:].T - values[:, 1])
        axes.errorbar(values[:, 0], values[:, 1], errors, marker="o", capsize=3, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks([2, 16, 32, 128, 512], ["2", "16", "32", "128", "512"])
    axes.set_xlabel("length of the embedding")
    axes.set_ylabel("P@12")
    axes.set_ylim(bottom=0)
    axes.set_title("embedding size against embedding size (measured here)")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
    return figure


def _against_time(results: Sequence[Result]) -> Figure:
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    full = [result for result in results if result.kind == "full"]
    front = pareto(full)
    axes.scatter([r.milliseconds for r in full], [r.p_at_12 for r in full], color=HERE, s=22)
    if front:
        axes.plot(
            [r.milliseconds for r in front],
            [r.p_at_12 for r in front],
            color="#c96f2f",
            marker="o",
            label="Pareto front",
        )
        axes.legend()
    for result in front:
        place = (result.milliseconds, result.p_at_12)
        axes.annotate(result.name, place, (5, 4), textcoords="offset points", fontsize=8)
    axes.set_xlabel("a sketch's inference in ms (ONNX Runtime, one thread)")
    axes.set_ylabel("P@12 on test, 55 classes")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_title("P@12 against CPU inference time")
    return figure


def _scatter(scatter: Scatter) -> Figure:
    figure = Figure(figsize=(6, 5.2), layout="constrained")
    axes = figure.add_subplot()
    names = sorted(set(scatter.classes))
    colours = mpl.colormaps["tab10" if len(names) <= 10 else "nipy_spectral"]  # noqa: PLR2004 - tab10's
    classes = np.array(scatter.classes)
    photo = np.arange(len(classes)) < scatter.photos
    for number, name in enumerate(names):
        colour = colours(number if len(names) <= 10 else number / len(names))  # noqa: PLR2004 - tab10's
        own = classes == name
        label = name if len(names) <= _MOST_NAMED else None
        for chosen, mark, said in ((own & photo, "o", label), (own & ~photo, "x", None)):
            x, y = scatter.points[chosen].T
            axes.scatter(x, y, color=colour, s=20, marker=mark, label=said)
    if len(names) <= _MOST_NAMED:
        axes.legend(fontsize=8)
    axes.set_title(f"{scatter.name}: photos (dots), sketches (crosses)")
    return figure


def _bars(axes: Axes, bars: Sequence[Bar]) -> None:
    places = range(len(bars))
    values = [value for _, value, _, _ in bars]
    axes.bar(places, values, color=[colour for *_, colour in bars])
    for place, (_, value, around, _) in zip(places, bars, strict=True):
        if around is not None:
            axes.errorbar(
                place, value, [[value - around[0]], [around[1] - value]], color="black", capsize=3
            )
        axes.annotate(f"{value:.2f}", (place, value), (0, 3), textcoords="offset points", ha="left")
    axes.set_xticks(list(places), [name for name, *_ in bars], fontsize=7, rotation=60)
    axes.set_ylabel("P@12")
    axes.set_ylim(0, max([*values, 0.1]) * 1.15)


def _explain(figure: Figure) -> None:
    figure.supxlabel(
        "grey: the original study, split by file. blue: measured here, split by photo, "
        "with 95 % intervals",
        fontsize=8,
    )


def _trained(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.steps]


def _short(backbone: str) -> str:
    return backbone.replace("efficientnet_", "")


def _kind(kind: str) -> str:
    return "5 classes" if kind == "mini" else "55 classes"
