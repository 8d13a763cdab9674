"""The whole run: photo probe, sketch network, calibration, export."""

import copy
import ctypes
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch.utils.tensorboard import SummaryWriter

from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact, RunRecord, TowerConfig
from sketchzoo.towers import PosteriorHead, TowerNetwork
from sketchzoo_training.engine.report import Report
from sketchzoo_training.engine.run_folder import environment, write_json
from sketchzoo_training.errors import ConfigError
from sketchzoo_training.models.export import export_artefact
from sketchzoo_training.recipes.siamese.config import read_preset
from sketchzoo_training.recipes.towers import join, photos, sketches
from sketchzoo_training.recipes.towers.card import write_card
from sketchzoo_training.recipes.towers.contours import add_contours
from sketchzoo_training.recipes.towers.drawings import UNSEEN, Drawings, load_drawings
from sketchzoo_training.recipes.towers.figures import measure
from sketchzoo_training.recipes.towers.photos import Linear, Photos
from sketchzoo_training.recipes.towers.recipe import Recipe
from sketchzoo_training.recipes.towers.sketches import Run
from sketchzoo_training.recipes.towers.teachers import Teacher
from sketchzoo_training.recipes.towers.thick import add_thick
from sketchzoo_training.recipes.towers.workers import Crew, crew

NAME = "zoo-1"
BLEND = "blend.pt"
CREW = ("workers", "threads")
DOODLES = ("quickdraw", "extra_quickdraw")
Listener = Callable[[Report], Any]


@dataclass(frozen=True, slots=True)
class Material:
    """What a run learns from: drawings, photos, and the folder that their files lie below."""

    drawings: Drawings
    pictures: Photos
    root: Path


def train_zoo(
    config: Mapping[str, Any],
    data_dir: Path,
    run_dir: Path,
    *,
    listen: Listener = lambda _: None,
) -> ModelArtefact:
    """Train the shipped model's towers and export them to `run_dir/zoo-1`.

    `data_dir` holds `zoo/` (with splits.csv) and, if it is there, `extra/`. A run that
    was ended at any point goes on from its last checkpoint to the same losses, which
    `losses.jsonl` lists step by step. Teachers are trained first, in `run_dir/teachers`, to
    `blend.pt`; one that lies there already is asked as it is. `progress.jsonl` has the
    figures on val, `tensorboard/` the curves of both, `run.json` settings, data and
    library versions.

    Raises:
        ConfigError: a setting is wrong, or `run_dir` belongs to other settings.
        DataError: the data cannot be used.

    """
    recipe = Recipe.of(config)
    data_dir = data_dir.resolve()  # as its files' paths are
    run_dir.mkdir(parents=True, exist_ok=True)
    keep_memory()
    torch.set_num_threads(recipe.workers)
    # Before the other processes start, so that they find the caches.
    material = load(recipe, data_dir, run_dir)
    write_json(run_dir / "run.json", record(recipe, material))
    for name in recipe.teachers:
        if not (folder_of(run_dir, name) / BLEND).is_file():
            teacher = teacher_recipe(recipe, name)
            train_sketches(teacher, material, run_dir, name, listen=listen)
    run = train_sketches(recipe, material, run_dir, listen=listen)
    artefact = assemble(run, material, run_dir)
    figures = measure(artefact, data_dir, recipe, material.drawings)
    write_card(artefact, figures, recipe)
    return artefact


def load(recipe: Recipe, data: Path, run_dir: Path) -> Material:
    """Read drawings, those that are made included, and photos; `run_dir` keeps them."""
    drawings = load_drawings(data, recipe, run_dir / "drawings.npz")
    pictures = photos.load_photos(data, recipe, run_dir / "photos.npz")
    drawings = add_contours(drawings, pictures, data, recipe, run_dir / "contours.npz")
    drawings = add_thick(drawings, data, recipe, run_dir / "thick.npz")
    return Material(drawings, pictures, data)


def teacher_recipe(recipe: Recipe, name: str) -> Recipe:
    """Return a teacher's recipe, on the same split of the data as its pupil's.

    Raises:
        ConfigError: no preset is called `name`, or it does not fit the pupil's.

    """
    values = read_preset(name)
    same = ("seed", "keep", "photo_size", "held_out_classes", "frozen_blocks", "general")
    teacher = Recipe.of(
        {**values, **{setting: getattr(recipe, setting) for setting in (*same, *CREW)}}
    )
    earlier = recipe.teachers[: recipe.teachers.index(name)]
    if untaught := [each for each in teacher.teachers if each not in earlier]:
        raise ConfigError(f"teachers: {untaught[0]} teaches {name} and must come before it")
    return teacher


def folder_of(run_dir: Path, teacher: str | None) -> Path:
    """Return where the checkpoints of a run's sketch network lie, or of one of its teachers."""
    return run_dir / "teachers" / teacher if teacher else run_dir


def train_sketches(
    recipe: Recipe,
    material: Material,
    run_dir: Path,
    teacher: str | None = None,
    *,
    listen: Listener = lambda _: None,
) -> Run:
    """Train a sketch network to its end, the run's own or that of a `teacher`."""
    folder = folder_of(run_dir, teacher)
    folder.mkdir(parents=True, exist_ok=True)
    part = partial(take_part, recipe, material.root, run_dir, teacher)
    with crew(recipe.workers, part) as member:
        run = learn(recipe, material, run_dir, teacher, member=member, listen=listen)
    run.blend(folder)
    run.join(folder_of(run_dir, name) / BLEND for name in recipe.averaged_with)
    torch.save(run.average.state_dict(), (folder / BLEND).with_suffix(".part"))
    (folder / BLEND).with_suffix(".part").replace(folder / BLEND)
    return run


def take_part(recipe: Recipe, data: Path, run_dir: Path, teacher: str | None, member: Crew) -> None:
    """Do another process's part of a run."""
    keep_memory()
    learn(recipe, load(recipe, data, run_dir), run_dir, teacher, member=member)


def learn(
    recipe: Recipe,
    material: Material,
    run_dir: Path,
    teacher: str | None = None,
    *,
    member: Crew,
    listen: Listener = lambda _: None,
) -> Run:
    """Train the sketch network, from its checkpoint on if there is one."""
    torch.set_num_threads(recipe.threads)
    drawings, pictures = material.drawings, material.pictures
    order = renumber(drawings, pictures)
    run = Run.start(recipe, len(drawings.names), member)
    folder = folder_of(run_dir, teacher)
    if recipe.starts_from:
        run.start_from(folder_of(run_dir, recipe.starts_from) / BLEND)
    run.resume(folder / "sketches.pt")
    teachers = [ask(run_dir, name, recipe, run) for name in recipe.teachers]
    targets = photos.prototypes(pictures, photos.general_part(pictures, recipe))
    curves = None
    if member.leads:
        curves = SummaryWriter(str(folder / "tensorboard"), purge_step=run.step)
    began = time.monotonic() - run.seconds
    for batch in sketches.batches(drawings, order, recipe, run.step, member):
        loss = run.learn(batch, targets, teachers)
        if curves is None:
            continue
        curves.add_scalar("loss", loss, run.step)
        listen(Report(run.step, recipe.steps, loss))
        if run.step in recipe.kept_steps:
            run.keep(folder)
        if run.step % recipe.checkpoint_every == 0 or run.step == recipe.steps:
            run.seconds = time.monotonic() - began
            run.save(folder / "sketches.pt")
            sketches.write_losses(folder / "losses.jsonl", run.losses)
        if run.step % recipe.evaluate_every == 0:
            shares = named(run, material, order)
            for name, share in shares.items():
                curves.add_scalar(name, share, run.step)
            row = {
                "step": run.step,
                "loss": round(float(np.mean(run.losses[-100:])), 4),
                "minutes": round((time.monotonic() - began) / 60, 1),
                **shares,
            }
            tell(row)
            with (folder / "progress.jsonl").open("a") as lines:
                lines.write(json.dumps(row) + "\n")
    if curves is not None:
        curves.close()
    return run


def ask(run_dir: Path, name: str, recipe: Recipe, pupil: Run) -> Teacher:
    """Load a teacher that has been trained; it shares the pupil's frozen layers."""
    theirs = teacher_recipe(recipe, name)
    net = copy.deepcopy(pupil.average)
    blend = folder_of(run_dir, name) / BLEND
    net.load_state_dict(torch.load(blend, map_location="cpu", weights_only=True))
    return Teacher(net.after(recipe.frozen_blocks), pupil.frozen, theirs.size)


def record(recipe: Recipe, material: Material) -> dict[str, Any]:
    """Return what a run was made of: settings, data, library versions."""
    drawings, pictures = material.drawings, material.pictures
    content = hashlib.sha256()
    for part in (drawings.lines, drawings.labels, pictures.features, pictures.labels):
        content.update(part.tobytes())
    return {
        "settings": asdict(recipe),
        "settings_digest": recipe.digest(),
        "seed": recipe.seed,
        "data": {
            "fingerprint": content.hexdigest()[:16],
            "classes": list(drawings.names),
            "drawings": len(drawings.labels),
            "photos": len(pictures.labels),
        },
        **environment(),
    }


def renumber(drawings: Drawings, pictures: Photos) -> list[int]:
    """Return each drawing class's number in the network: classes with photos come first.

    Raises:
        ValueError: a class has photos but no drawings to learn from.

    """
    missing = sorted(set(pictures.shared) - set(drawings.names))
    if missing:
        raise ValueError(f"no drawings to learn {', '.join(missing)} from")
    rest = [name for name in drawings.names if name not in set(pictures.shared)]
    place = {name: number for number, name in enumerate((*pictures.shared, *rest))}
    return [place[name] for name in drawings.names]


def named(run: Run, material: Material, order: list[int]) -> dict[str, float]:
    """Return the share of val's zoo drawings that are named right, by source."""
    number, drawings = np.asarray(order), material.drawings
    shares = {}
    for source in (("tuberlin",), ("sketchy",), DOODLES):
        chosen = drawings.where("val", *source, zoo=True)
        if not len(chosen):
            continue
        found = sketches.features(run.average.backbone, drawings, chosen, material.root, run.recipe)
        with torch.inference_mode():
            logits = run.average.classifier(found)[:, : drawings.zoo]
        right = logits.argmax(1).numpy() == number[drawings.labels[chosen]]
        shares[f"val_named_{source[0]}"] = round(float(right.mean()), 4)
    return shares


def assemble(run: Run, material: Material, run_dir: Path) -> ModelArtefact:
    """Calibrate on val, join backbones and heads, and export them to `run_dir/zoo-1`."""
    drawings, pictures, data = material.drawings, material.pictures, material.root
    recipe, shared = run.recipe, pictures.seen
    number = np.asarray(renumber(drawings, pictures))
    torch.set_num_threads(recipe.workers)
    probe = photos.fit_probe(pictures, np.flatnonzero(pictures.split == "train"), recipe)
    general = photos.general_part(pictures, recipe)
    classifier = Linear(
        run.average.classifier.weight.detach(), run.average.classifier.bias.detach()
    )
    pointer = Linear(run.average.general.weight.detach(), run.average.general.bias.detach())

    shares = sketches.relative_shares(drawings, recipe)[np.argsort(number)]
    asked = drawings.where("val", zoo=True)
    found = sketches.features(run.average.backbone, drawings, asked, data, recipe)
    gallery = np.flatnonzero(
        np.isin(pictures.split, ("train", "val")) & (pictures.labels < pictures.zoo)
    )
    unmet = photos.out_of_fold(pictures, recipe)[gallery]
    seen = torch.from_numpy(pictures.features[gallery, 0])
    calibration = join.calibrate(
        (classifier(found), pointer(found)),
        (unmet, general(seen)),
        shared,
        number[drawings.labels[asked]],
        pictures.labels[gallery],
        shares=shares,
    )
    tell(calibration.notes())
    sketch_head = join.head(
        calibration.lifted(classifier, shares),
        pointer,
        shared,
        calibration.sketch_temperature,
        calibration.weight,
    )
    photo_head = join.head(
        probe, general, shared, calibration.photo_temperature, calibration.weight
    )
    # Things that no training saw stand for all that is no class of the gallery.
    strange = drawings.where(UNSEEN)
    odd = sketches.features(run.average.backbone, drawings, strange, data, recipe)
    with torch.inference_mode():
        there = join.head(
            probe, general, shared, calibration.photo_temperature, calibration.weight
        )(seen)
        known = ((1 + sketch_head(found) @ there.T) / 2).amax(1).double().numpy()
        unknown = ((1 + sketch_head(odd) @ there.T) / 2).amax(1).double().numpy()
    open_world: dict[str, Any] = {}
    min_score = 0.0
    if len(unknown):
        min_score = round(join.best_threshold(known, unknown), 3)
        open_world = {
            "auroc": round(join.auroc(known, unknown), 4),
            "known_kept": round(float((known >= min_score).mean()), 4),
            "unknown_refused": round(float((unknown < min_score).mean()), 4),
        }
    made_of = json.loads((run_dir / "run.json").read_text())["data"]["fingerprint"]
    return export_artefact(
        run_dir / NAME,
        NAME,
        {
            Modality.PHOTO: (
                TowerConfig(
                    "photo",
                    photos.preprocessing(recipe),
                    description(photos.BACKBONE, photo_head),
                ),
                TowerNetwork(photos.backbone(), photo_head),
            ),
            Modality.SKETCH: (
                TowerConfig(
                    "sketch",
                    sketches.preprocessing(recipe),
                    description(sketches.BACKBONE, sketch_head),
                ),
                TowerNetwork(run.average.backbone, sketch_head),
            ),
        },
        run=RunRecord("towers", recipe.digest(), made_of, recipe.seed, recipe.steps),
        classes=pictures.names[: pictures.zoo],
        min_score=min_score,
        notes={
            "shared_classes": list(pictures.shared),
            "unseen_classes": list(pictures.names[shared:]),
            "calibration": calibration.notes(),
            "open_world": open_world,
            "settings": asdict(recipe),
            "minutes": round(run.seconds / 60, 1),
        },
    )


def description(backbone: str, head: PosteriorHead) -> dict[str, Any]:
    """Describe a tower for `sketchzoo.towers.build`."""
    return {
        "backbone": backbone,
        "head": {
            "kind": "posterior",
            "classes": head.classifier.out_features,
            "shared": head.shared,
            "general": head.general.out_features,
            "temperature": head.temperature,
            "weight": head.weight,
        },
    }


def tell(figures: Mapping[str, Any]) -> None:
    """Print figures as they come, on standard error."""
    Console(stderr=True).print(" ".join(f"{k}={v}" for k, v in figures.items()), soft_wrap=True)


def keep_memory() -> None:
    """Tell glibc to keep what is freed: training on a CPU is a third faster for it."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return  # another C library: slower, not wrong
    trim_threshold, top_pad, mmap_threshold, mmap_max, arena_max = -1, -2, -3, -4, -8
    mallopt(arena_max, 1)
    mallopt(mmap_max, 0)
    mallopt(mmap_threshold, 2**31 - 1)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 268435456)
