"""What `sketchzoo model` prints."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from model_artefact.calibrating import Found
from model_artefact.checking import Promise
from model_artefact.class_head import known_classes
from model_artefact.folder import FolderError, check_free
from model_artefact.lessons import Lessons
from model_artefact.photos import Embedded, embed, listed
from model_artefact.taught import teach
from model_artefact.wording import Figures, Posteriors
from sketchzoo.cli.printable import printable
from sketchzoo.cli.status import REFUSED, end
from sketchzoo.cli.tables import show
from sketchzoo.images import Modality
from sketchzoo.model import ModelArtefact
from sketchzoo.thresholds import OpenWorld
from sketchzoo.words.naming import CONFIDENT

_LISTED = 20
"""So many files that were left out are named."""


def show_promises(title: str, promises: Iterable[Promise]) -> None:
    """Print a table of promises, broken ones marked."""
    table = Table("of", "promise", "kept", "found", title=_cell(title))
    for each in promises:
        kept = "yes" if each.is_kept else "NO"
        table.add_row(each.of, each.what, kept, _cell(each.found))
    show(Console(), table)


def embedded(artefact: ModelArtefact, folder: Path, modality: Modality, per_class: int) -> Embedded:
    """Embed a folder's pictures behind a bar; say which were left out."""
    pictures = listed(folder, modality, per_class)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"embedding {modality}s", total=len(pictures))
        found = embed(artefact, pictures, modality, lambda: bar.advance(task))
    for reason, count in sorted(found.left_out.items()):
        console.print(f"left out: {count} {modality}s, {reason}", markup=False)
    return found


def show_found(found: Found, artefact: ModelArtefact, folder: Path) -> None:
    """Print what calibrating found, and what of it was written."""
    table = Table("", "AUROC", "parted at", "known kept", "unknown refused", "precision")
    for queries, world in (("drawings", found.drawings), ("photos", found.photos)):
        if world is not None:
            table.add_row(queries, *_row(world), f"{found.precision[queries]:.3f}")
    console = Console()
    show(console, table)
    if found.drawings is None:
        told = f"min_score stays {artefact.min_score}: only drawings tell it; give --sketches"
    else:
        told = f"min_score {artefact.min_score}"
    seen = found.seen
    if seen.why_not:
        began = f"seen_from stays {artefact.seen_from}: {seen.why_not}"
    elif seen.seen_from is None:
        began = f"seen_from none: from .95 on {seen.right:.1%} of classes are right, too few"
    else:
        began = (
            f"seen_from {seen.seen_from}: a class is seen on {seen.claimed:.1%} of photos, "
            f"{seen.right:.1%} of them rightly"
        )
    for line in (told, began, f"written: {folder / 'config.json'}"):
        console.print(printable(line), markup=False, soft_wrap=True, highlight=False)


def show_names(classes: Sequence[str], texts: Sequence[str], posteriors: Posteriors) -> None:
    """Print which classes texts mean most likely."""
    table = Table("text", "likeliest classes", "something else", "confident")
    for text, row in zip(texts, posteriors, strict=True):
        best = row[:-1].argsort()[::-1][:3]
        named = ", ".join(f"{classes[index]} {row[index]:.2f}" for index in best)
        sure = "yes" if row[:-1].max() >= CONFIDENT else "no"
        table.add_row(_cell(text), _cell(named), f"{row[-1]:.2f}", sure)
    show(Console(), table)


def show_figures(figures: Mapping[str, Figures]) -> None:
    """Print how well words do, and on which texts not."""
    table = Table("queries", "texts", "right", "confident", "of nothing", "refused", "AUROC")
    for name, each in figures.items():
        shares = [f"{share:.3f}" for share in (each.right, each.confident)]
        refused = f"{each.refused:.3f}"
        table.add_row(
            name, str(each.texts), *shares, str(each.nothing), refused, f"{each.auroc:.3f}"
        )
    console = Console()
    show(console, table)
    for title, pairs in (
        ("taken for another", next(iter(figures.values())).wrong),
        ("found, and means nothing", next(iter(figures.values())).found),
    ):
        said = ", ".join(f"{text} ({named})" for text, named in pairs) or "none"
        line = printable(f"{title}: {said}")
        console.print(line, markup=False, soft_wrap=True, highlight=False)


def taught(
    command: str,
    model: str,
    out: Path,
    lessons_for: Callable[[Iterable[str]], Lessons],
    *,
    name: str | None = None,
    by_prototypes: bool = False,
) -> None:
    """Teach a model behind a bar and say what it learned, or end where the folder is taken."""
    artefact = ModelArtefact.load(model)
    try:
        check_free(out)
        lessons = lessons_for(known_classes(artefact))
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("looking", total=len(lessons.photos) + len(lessons.drawings))
            made = teach(
                artefact, lessons, out, name=name, by_prototypes=by_prototypes,
                advance=lambda: bar.advance(task),
            )  # fmt: skip
    except FolderError as error:
        end(command, error, REFUSED)
    for path, why in made.left_out[:_LISTED]:
        console.print(printable(f"left out: {path} {why}"), markup=False, soft_wrap=True)
    if len(made.left_out) > _LISTED:
        console.print(f"left out: {len(made.left_out) - _LISTED} more")
    table = Table("class", "photos", "drawings")
    photos = made.lessons.counts(made.lessons.photos)
    drawings = made.lessons.counts(made.lessons.drawings)
    for each in made.lessons.names:
        table.add_row(_cell(each), str(photos[each]), str(drawings[each]))
    for each, count in made.lessons.known.items():
        table.add_row(_cell(each), f"{count}, known already", "")
    console = Console()
    show(console, table)
    shares = (f"{share:.0%} of {kind}" for kind, share in made.figures.values().items())
    for line in (
        f"named right by rows that had not seen them: {', '.join(shares)}",
        f"{made.artefact.name}, fingerprint {made.artefact.fingerprint}, in {out}",
    ):
        console.print(printable(line), markup=False, soft_wrap=True, highlight=False)


def _row(world: OpenWorld) -> tuple[str, ...]:
    shares = (f"{world.known_kept:.1%}", f"{world.unknown_refused:.1%}")
    return (f"{world.auroc:.3f}", f"{world.min_score:.3f}", *shares)


def _cell(text: str) -> str:
    return escape(printable(text))
