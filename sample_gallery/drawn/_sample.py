"""A drawn sample on disk: which files there are, and how they come there in one piece."""

import json
import multiprocessing
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sample_gallery.drawn.animals import ANIMALS
from sample_gallery.drawn.pictures import picture
from sample_gallery.drawn.sketches import sketch
from sample_gallery.folder import FolderError
from sketchzoo.child import end_with_parent

CLASSES = tuple(sorted(ANIMALS))
"""The classes that can be drawn, in alphabetical order."""

REVISION = 3
"""Raised whenever the same seed draws other bytes than before."""

_MARKER = ".complete"
_MOST = 10_000
_CHUNK = 8

_README = """\
This sample is drawn. None of its pictures is a photograph.

SketchZoo drew it from parametric shapes ({classes} classes, {pictures} pictures and {sketches}
sketches each, seed {seed}, revision {revision}); the same command draws the same files again.
photo/<class>/ holds the pictures that are searched, sketch/<class>/ the sketches to search with.
The files may be used, changed and passed on under the project's own licence.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn. Picture i of a class depends on the seed, the class and i alone."""

    pictures: int = 40
    """Pictures of each class."""
    sketches: int = 10
    """Sketches of each class."""
    seed: int = 0
    classes: tuple[str, ...] = CLASSES

    def __post_init__(self) -> None:
        for name in ("pictures", "sketches"):
            if not 0 <= getattr(self, name) <= _MOST:
                raise ValueError(f"{name} must be 0..{_MOST}, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")
        unknown = sorted(set(self.classes) - set(CLASSES))
        if unknown or not self.classes:
            known = ", ".join(CLASSES)
            raise ValueError(f"classes must be some of {known}; got {', '.join(unknown) or 'none'}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes must not name a class twice")


@dataclass(frozen=True, slots=True)
class DrawnSample:
    """A finished sample."""

    directory: Path
    plan: Plan
    fresh: bool
    """False if it was there already."""

    @property
    def photos(self) -> Path:
        """The folder of pictures, one folder a class."""
        return self.directory / "photo"

    @property
    def sketches(self) -> Path:
        """The folder of sketches, one folder a class."""
        return self.directory / "sketch"


def draw_picture(name: str, index: int, seed: int = 0) -> bytes:
    """Return picture `index` of a class: a 256 x 256 JPEG, the same bytes for the same arguments.

    Raises `KeyError` for a class that isn't drawn.
    """
    rng = _generator(name, 0, index, seed)
    return picture(ANIMALS[name](rng), rng)


def draw_sketch(name: str, index: int, seed: int = 0) -> bytes:
    """Return sketch `index` of a class: a 256 x 256 PNG, the same bytes for the same arguments.

    Raises `KeyError` for a class that isn't drawn.
    """
    rng = _generator(name, 1, index, seed)
    return sketch(ANIMALS[name](rng), rng)


def draw(
    directory: Path,
    plan: Plan | None = None,
    *,
    workers: int = 1,
    replace: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> DrawnSample:
    """Draw a sample into a directory, which appears only once it is whole.

    A directory that already holds the same sample is left alone. With `workers` above 1 the
    calling script must be importable, as `multiprocessing`'s spawn asks. `progress` is called
    with files done and files in all.

    Raises `FolderError` if the directory holds anything else; `replace` allows an older
    or different drawn sample, never a folder of other things, to be replaced.
    """
    plan = plan or Plan()
    found = _found(directory)
    if found == _spec(plan):
        return DrawnSample(directory, plan, fresh=False)
    if found is not None and not replace:
        raise FolderError(
            f"{directory} holds another drawn sample: replace it, or choose another directory"
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        temporary.chmod(0o755)
        _fill(temporary, plan, workers, progress)
        if found is not None:
            shutil.rmtree(directory)
        temporary.rename(directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return DrawnSample(directory, plan, fresh=True)


def _generator(name: str, kind: int, index: int, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode()), kind, index])


def _spec(plan: Plan) -> dict[str, object]:
    return {"revision": REVISION, **asdict(plan), "classes": list(plan.classes)}


def _found(directory: Path) -> dict[str, object] | None:
    """Return what the directory says it holds; None if it is absent or empty."""
    if not directory.exists():
        return None
    if not directory.is_dir():
        raise FolderError(f"{directory} is a file: name a directory that is to be made")
    if not any(directory.iterdir()):
        return None
    try:
        spec = json.loads((directory / _MARKER).read_text())
    except (OSError, ValueError):
        spec = None
    if not isinstance(spec, dict) or "revision" not in spec:
        raise FolderError(f"{directory} is not empty and no drawn sample: choose another")
    return spec


def _fill(
    directory: Path, plan: Plan, workers: int, progress: Callable[[int, int], None] | None
) -> None:
    jobs: list[tuple[str, int, int, int]] = []
    for name in plan.classes:
        for kind, (folder, count) in enumerate(
            (("photo", plan.pictures), ("sketch", plan.sketches))
        ):
            (directory / folder / name).mkdir(parents=True)
            jobs += [(name, kind, index, plan.seed) for index in range(count)]
    with _mapper(workers if len(jobs) > _CHUNK * 4 else 1) as mapped:
        for done, (job, content) in enumerate(zip(jobs, mapped(jobs), strict=True), 1):
            (directory / _path(*job[:3])).write_bytes(content)
            if progress is not None:
                progress(done, len(jobs))
    facts = {**asdict(plan), "classes": len(plan.classes), "revision": REVISION}
    (directory / "README.txt").write_text(_README.format(**facts))
    (directory / _MARKER).write_text(json.dumps(_spec(plan), indent=2) + "\n")


def _path(name: str, kind: int, index: int) -> Path:
    if kind == 0:
        return Path("photo") / name / f"{name}-{index:04d}.jpg"
    return Path("sketch") / name / f"{name}-sketch-{index:04d}.png"


def _content(job: tuple[str, int, int, int]) -> bytes:
    name, kind, index, seed = job
    return (draw_sketch if kind else draw_picture)(name, index, seed)


@contextmanager
def _mapper(
    workers: int,
) -> Iterator[Callable[[list[tuple[str, int, int, int]]], Iterator[bytes]]]:
    """Yield a map over jobs, in order, in this process or in several."""
    if workers <= 1:
        yield lambda jobs: map(_content, jobs)
        return
    # Spawned, because a forked child of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as pool:
        yield lambda jobs: pool.map(_content, jobs, chunksize=_CHUNK)
