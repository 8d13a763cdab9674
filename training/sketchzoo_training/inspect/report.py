"""The report of an inspection: charts and sample sheets as PNG, and one HTML page of all."""

import base64
import html
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from sketchzoo.images import Modality
from sketchzoo_training.data import ImageFile
from sketchzoo_training.inspect.inspection import Inspection, Twins
from sketchzoo_training.plotting import COLOURS, chart_style, legible, png
from sketchzoo_training.sheets import Cell, Row, draw_sheet

SAMPLES = 8  # a class on a sheet
MOST_CLASSES = 60  # on a sheet
MOST_TWINS = 30  # on the page
MOST_BARS = 120
_PLURAL = {Modality.PHOTO: "photos", Modality.SKETCH: "sketches"}
_MARKS = {Modality.PHOTO: "o", Modality.SKETCH: "x"}


def write_report(inspection: Inspection, out: Path) -> Path:
    """Write every PNG, `summary.json` and `report.html` into `out`; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, bytes] = {}
    there = [modality for modality in Modality if inspection.whole(modality)]
    with chart_style(inspection.classes):
        if there:
            pictures["images_a_class"] = png(_bars(inspection, there))
            pictures["sizes"] = png(_sizes(inspection, there))
    for modality in there:
        pictures[f"{_PLURAL[modality]}_samples"] = png(_samples(inspection, modality))
    if inspection.twins:
        pictures["near_duplicates"] = png(_twin_sheet(inspection.twins))
    for name, content in pictures.items():
        (out / f"{name}.png").write_bytes(content)
    summary = inspection.summary()
    (out / "summary.json").write_text(
        json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    page = out / "report.html"
    page.write_text(_page(inspection, summary, pictures), encoding="utf-8")
    return page


def _bars(inspection: Inspection, there: list[Modality]) -> Figure:
    counts = {modality: inspection.per_class(modality) for modality in there}
    fewest = sorted(inspection.classes, key=lambda name: min(own[name] for own in counts.values()))
    names = sorted(fewest[:MOST_BARS], reverse=True)
    figure = Figure(figsize=(8, 1.4 + 0.2 * len(names)))
    both = figure.subplots(1, len(there), sharey=True, squeeze=False)[0]
    for axes, (modality, own) in zip(both, counts.items(), strict=True):
        bars = axes.barh(
            [legible(name) for name in names],
            [own[name] for name in names],
            color=COLOURS[modality],
        )
        axes.bar_label(bars, padding=2, fontsize=7)
        axes.tick_params(axis="y", labelsize=8)
        axes.margins(x=0.1, y=0.01)
        axes.set_xlabel(f"{_PLURAL[modality]} of the class (files)")
    both[0].set_ylabel("class")
    chosen = f", {len(names)} of {len(fewest)} with the fewest" if len(names) < len(fewest) else ""
    figure.suptitle(f"Images a class{chosen}")
    return figure


def _sizes(inspection: Inspection, there: list[Modality]) -> Figure:
    figure = Figure(figsize=(9, 4))
    sides, weights = figure.subplots(1, 2)
    for modality in there:
        whole = inspection.whole(modality)
        sides.scatter(
            *np.array([one.size for one in whole]).T,
            s=12,
            alpha=0.5,
            marker=_MARKS[modality],
            label=_PLURAL[modality],
            color=COLOURS[modality],
        )
    weights.hist(
        [[one.bytes / 1024 for one in inspection.whole(modality)] for modality in there],
        bins=30,
        label=[_PLURAL[modality] for modality in there],
        color=[COLOURS[modality] for modality in there],
    )
    sides.set(title="Width and height", xlabel="width (pixels)", ylabel="height (pixels)")
    weights.set(title="File sizes", xlabel="size (KiB)", ylabel="files")
    sides.legend()
    weights.legend()
    return figure


def _samples(inspection: Inspection, modality: Modality) -> Image.Image:
    by_class: dict[str, list[ImageFile]] = {}
    for one in inspection.whole(modality):
        by_class.setdefault(one.file.class_name, []).append(one.file)
    rows = []
    for name in sorted(by_class)[:MOST_CLASSES]:
        files = by_class[name]
        # Spread over the list, so that one source or photo does not fill the row.
        chosen = [files[i * len(files) // SAMPLES] for i in range(min(SAMPLES, len(files)))]
        rows.append(Row(name, [Cell(file, colour=COLOURS[modality]) for file in chosen]))
    title = f"{_PLURAL[modality].capitalize()} of {len(rows)} of {len(by_class)} classes"
    return draw_sheet(title, rows, side=76)


def _twin_sheet(twins: tuple[Twins, ...]) -> Image.Image:
    rows = []
    for pair in twins[:MOST_TWINS]:
        both = (pair.one, pair.other)
        lines = [f"{f.class_name}/{f.path.name} ({f.split or 'no split'})" for f in both]
        worries = f": {', '.join(pair.worries)}" if pair.worries else ""
        lines.append(f"{pair.bits} of 256 bits differ{worries}")
        cells = [Cell(file, colour=COLOURS[file.modality]) for file in both]
        rows.append(Row("\n".join(lines), cells))
    return draw_sheet(f"{len(rows)} of {len(twins)} pairs of near-duplicates", rows, side=76)


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "img{max-width:100%}td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}"
)


def _page(inspection: Inspection, summary: dict[str, Any], pictures: dict[str, bytes]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name.replace('_', ' '))}</th>"
        f"<td>{html.escape(said(value))}</td></tr>"
        for name, value in summary.items()
        if name != "left_out"
    )
    figures = "".join(
        f"<h2>{html.escape(name.replace('_', ' '))}</h2>"
        f'<img alt="{html.escape(name)}" '
        f'src="data:image/png;base64,{base64.b64encode(content).decode()}">'
        for name, content in pictures.items()
    )
    messages = {one.file: one.message for one in inspection.damaged}
    rows_out = "".join(
        f"<tr><td>{html.escape(file.place)}</td>"
        f"<td>{html.escape(messages.get(file, reason.replace('_', ' ')))}</td></tr>"
        for file, reason in inspection.left_out.files
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Data</title>'
        f"<style>{_STYLE}</style><h1>{html.escape(str(inspection.source))}</h1>"
        f"<table>{rows}</table>{figures}<h2>left out</h2>"
        f"{f'<table>{rows_out}</table>' if rows_out else '<p>nothing</p>'}</html>\n"
    )


def said(value: Any) -> str:
    """Return a figure of the summary in words."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {said(count)}" for name, count in value.items()) or "none"
    return str(value)
