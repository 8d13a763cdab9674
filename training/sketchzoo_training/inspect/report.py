"""The report of an inspection: charts and sample sheets as PNG, and one HTML page of all."""

import base64
import html
import io
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageOps

from sketchzoo.images import Modality
from sketchzoo_training.data import ImageFile
from sketchzoo_training.inspect.inspection import Inspection, Twins

THUMB = 72
SAMPLES = 8  # a class on a sheet
MOST_CLASSES = 60  # on a sheet
MOST_TWINS = 30  # on the page
_COLOURS = {Modality.PHOTO: "#2f6f9f", Modality.SKETCH: "#c96f2f"}

mpl.use("Agg")


def write_report(inspection: Inspection, out: Path) -> Path:
    """Write every PNG, `summary.json` and `report.html` into `out`; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, bytes] = {}
    for modality in Modality:
        if inspection.whole(modality):
            plural = {"photo": "photos", "sketch": "sketches"}[modality]
            pictures[f"{plural}_a_class"] = _png(_bars(inspection, modality, plural))
            pictures[f"{plural}_samples"] = _encode(_samples(inspection, modality))
    if all(inspection.whole(modality) for modality in Modality):
        pictures["photos_against_sketches"] = _png(_against(inspection))
    pictures["sizes"] = _png(_sizes(inspection))
    if inspection.twins:
        pictures["near_duplicates"] = _encode(_twin_sheet(inspection.twins[:MOST_TWINS]))
    for name, content in pictures.items():
        (out / f"{name}.png").write_bytes(content)
    summary = inspection.summary()
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    page = out / "report.html"
    page.write_text(_page(inspection, summary, pictures))
    return page


def _bars(inspection: Inspection, modality: Modality, plural: str) -> Figure:
    counts = inspection.per_class(modality)
    figure = Figure(figsize=(8, 1.2 + 0.17 * len(counts)), layout="constrained")
    axes = figure.add_subplot()
    names = list(reversed(counts))
    axes.barh(names, [counts[name] for name in names], color=_COLOURS[modality])
    axes.tick_params(axis="y", labelsize=7)
    axes.margins(y=0.01)
    axes.set_xlabel(plural)
    axes.set_title(f"{plural} a class")
    return figure


def _against(inspection: Inspection) -> Figure:
    photos, sketches = (inspection.per_class(modality) for modality in Modality)
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(list(photos.values()), list(sketches.values()), s=18, color="#444444")
    for name in inspection.classes:
        axes.annotate(name, (photos[name], sketches[name]), fontsize=6, alpha=0.7)
    axes.set_xlabel("photos of the class")
    axes.set_ylabel("sketches of the class")
    axes.set_title("photos against sketches")
    return figure


def _sizes(inspection: Inspection) -> Figure:
    figure = Figure(figsize=(9, 4), layout="constrained")
    sides, weights = figure.subplots(1, 2)
    for modality in Modality:
        whole = inspection.whole(modality)
        if not whole:
            continue
        size = np.array([one.size for one in whole])
        sides.scatter(*size.T, s=6, alpha=0.4, label=str(modality), color=_COLOURS[modality])
        weights.hist(
            [one.bytes / 1024 for one in whole],
            bins=40,
            alpha=0.6,
            label=str(modality),
            color=_COLOURS[modality],
        )
    sides.set_xlabel("width in pixels")
    sides.set_ylabel("height in pixels")
    weights.set_xlabel("file size in KiB")
    weights.set_ylabel("files")
    sides.legend()
    weights.legend()
    return figure


def _samples(inspection: Inspection, modality: Modality) -> Image.Image:
    by_class: dict[str, list[ImageFile]] = {}
    for one in inspection.whole(modality):
        by_class.setdefault(one.file.class_name, []).append(one.file)
    names = sorted(by_class)[:MOST_CLASSES]
    sheet = Image.new("RGB", (130 + SAMPLES * THUMB, len(names) * THUMB), "white")
    draw = ImageDraw.Draw(sheet)
    for row, name in enumerate(names):
        draw.text((4, row * THUMB + THUMB // 2 - 6), name, fill="black")
        files = by_class[name]
        # Spread over the list, so that one source or photo does not fill the row.
        chosen = [files[i * len(files) // SAMPLES] for i in range(min(SAMPLES, len(files)))]
        for column, file in enumerate(chosen):
            sheet.paste(_thumb(file), (130 + column * THUMB, row * THUMB))
    return sheet


def _twin_sheet(twins: tuple[Twins, ...]) -> Image.Image:
    sheet = Image.new("RGB", (2 * THUMB + 560, len(twins) * THUMB), "white")
    draw = ImageDraw.Draw(sheet)
    for row, pair in enumerate(twins):
        for column, file in enumerate((pair.one, pair.other)):
            sheet.paste(_thumb(file), (column * THUMB, row * THUMB))
            text = f"{file.class_name}/{file.path.name} ({file.split or 'no split'})"
            draw.text((2 * THUMB + 8, row * THUMB + 8 + 18 * column), text, fill="black")
        worries = f" - {', '.join(pair.worries)}" if pair.worries else ""
        text = f"{pair.bits} of 256 bits differ{worries}"
        draw.text((2 * THUMB + 8, row * THUMB + 46), text, fill="#b03030")
    return sheet


def _thumb(file: ImageFile) -> Image.Image:
    return ImageOps.pad(file.load(), (THUMB - 2, THUMB - 2), color="white")


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _encode(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "img{max-width:100%}td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}"
)


def _page(inspection: Inspection, summary: dict[str, Any], pictures: dict[str, bytes]) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name.replace('_', ' '))}</th>"
        f"<td>{html.escape(_said(value))}</td></tr>"
        for name, value in summary.items()
    )
    figures = "".join(
        f"<h2>{html.escape(name.replace('_', ' '))}</h2>"
        f'<img alt="{html.escape(name)}" '
        f'src="data:image/png;base64,{base64.b64encode(content).decode()}">'
        for name, content in pictures.items()
    )
    damaged = "".join(
        f"<tr><td>{html.escape(str(one.file.path))}</td><td>{html.escape(one.damage)}</td></tr>"
        for one in inspection.damaged
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Data</title>'
        f"<style>{_STYLE}</style><h1>{html.escape(str(inspection.folder))}</h1>"
        f"<table>{rows}</table>{figures}<h2>damaged files</h2>"
        f"{f'<table>{damaged}</table>' if damaged else '<p>none</p>'}</html>\n"
    )


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {count}" for name, count in value.items()) or "none"
    return str(value)
