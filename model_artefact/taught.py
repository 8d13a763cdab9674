"""A taught model: learned, tried and written whole, with a card that says from what."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from model_artefact.calibrating import FEWEST_CLAIMS
from model_artefact.checking import Promise, check
from model_artefact.class_head import known_classes
from model_artefact.fitting import PHOTOS, SKETCHES
from model_artefact.folder import made_aside
from model_artefact.lessons import Lessons, key
from model_artefact.studying import HANDS, Material, study
from model_artefact.taught_card import card
from model_artefact.teaching import Figures, Teacher, cross_validated
from model_artefact.widening import widened
from sketchzoo.model import ModelArtefact
from sketchzoo.model_error import ModelError
from sketchzoo.thresholds import SEEN_LEVELS, SEEN_PRECISION

_PAPERS = ("LICENSE", "phrases.toml")
"""What is taken over of the base: its terms, and in which words its classes are asked for."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A model that learned classes, what was promised of it and kept, and what was left out."""

    artefact: ModelArtefact
    lessons: Lessons
    figures: Figures
    promises: tuple[Promise, ...]
    left_out: tuple[tuple[Path, str], ...] = field(default=(), repr=False)


def teach(
    artefact: ModelArtefact,
    lessons: Lessons,
    out: Path,
    *,
    name: str | None = None,
    by_prototypes: bool = False,
    advance: Callable[[], object] = lambda: None,
) -> Taught:
    """Teach a model the classes of lessons and write it to `out`, whole or not at all.

    Raises:
        ModelError: the model can learn no classes, or a class has too few photos.
        FolderError: `out` is a file, or a folder that holds something.

    """
    known_classes(artefact)
    lessons.check()
    with made_aside(out) as folder:
        teacher = Teacher.of(artefact, by_prototypes=by_prototypes)
        material = study(artefact, lessons, advance)
        try:
            material.lessons.check()
        except ModelError as error:
            raise ModelError(f"{error}{_because(material.left_out)}") from error
        figures = cross_validated(teacher, material)
        made = widened(artefact, folder, lessons.names, teacher.taught(material))
        record = _record(artefact, material, figures, by_prototypes=by_prototypes)
        made = replace(
            made,
            name=name or out.resolve().name,
            seen_from=_seen_from(artefact.seen_from, figures),
            notes=_notes(made, record),
        )
        made.save_config()
        for paper in (artefact.folder / name for name in _PAPERS):
            if paper.is_file():
                shutil.copyfile(paper, folder / paper.name)
        (folder / "MODEL_CARD.md").write_text(card(artefact, made, record))
        promises = tuple(check(folder))
        broken = [promise for promise in promises if not promise.is_kept]
        if broken:
            raise ModelError(
                f"it broke a promise: {broken[0].of} {broken[0].what}, {broken[0].found}"
            )
    return Taught(replace(made, folder=out), material.lessons, figures, promises, material.left_out)


def _record(
    artefact: ModelArtefact,
    material: Material,
    figures: Figures,
    *,
    by_prototypes: bool,
) -> dict[str, Any]:
    """Return what was learned from what, as values of JSON."""
    photos = material.lessons.counts(material.lessons.photos)
    drawings = material.lessons.counts(material.lessons.drawings)
    settings: dict[str, Any] = {} if by_prototypes else {"photos": asdict(PHOTOS)}
    if any(drawings.values()):
        settings |= {"hands": HANDS, "sketches": asdict(SKETCHES)}
    return {
        "base": artefact.name,
        "base_fingerprint": artefact.fingerprint,
        "by": "prototypes" if by_prototypes else "fitted rows",
        "classes": {
            name: {"photos": photos[name], "drawings": drawings[name]}
            for name in material.lessons.names
        },
        "left_out": len(material.left_out),
        "named_right": figures.values(),
        "settings": settings,
    }


def _notes(made: ModelArtefact, record: dict[str, Any]) -> dict[str, Any]:
    notes = dict(made.notes)
    learned = {key(name) for name in record["classes"]}
    if "unseen_classes" in notes:
        notes["unseen_classes"] = [
            each for each in notes["unseen_classes"] if key(each) not in learned
        ]
    return {**notes, "taught": [*notes.get("taught", ()), record]}


def _seen_from(before: float | None, figures: Figures) -> float | None:
    """Return from which posterior a class counts as seen, with the new ones among them.

    Stricter than before where the new classes are claimed wrongly too often, none where nothing
    helps; the same where too few photos are claimed to tell.
    """
    if before is None:
        return None
    sure, right = figures.claims
    for begin in (before, *(each for each in SEEN_LEVELS if each > before)):
        claimed = sure >= begin
        if claimed.sum() < FEWEST_CLAIMS:
            return begin
        if right[claimed].mean() >= SEEN_PRECISION:
            return begin
    return None


def _because(left_out: tuple[tuple[Path, str], ...]) -> str:
    if not left_out:
        return ""
    path, why = left_out[0]
    more = f", and {len(left_out) - 1} more" if len(left_out) > 1 else ""
    return f"; left out: {path} {why}{more}"
