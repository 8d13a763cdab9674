"""All drawings of a data folder as arrays of thin lines, with class, split and source."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sketchzoo.images import ImageError, Modality, decode
from sketchzoo.ink import lines
from sketchzoo_training.data import DataError, ImageFile, class_list, list_images
from sketchzoo_training.recipes.towers.config import TowersConfig
from sketchzoo_training.recipes.towers.kept import kept, key_of

UNSEEN = "unseen"
"""The split of classes that no training sees."""
CONTOURS = "contours"
"""The source of drawings that are contours of photos."""
THICK = "thick"
"""The source of drawings as they are when drawn with a far wider pen."""
MADE = (CONTOURS, THICK)

SAME = {
    "flower_with_stem": "flower",
    "hot-dog": "hotdog",
    "hot_air_balloon": "hot-air_balloon",
    "motorbike": "motorcycle",
    "revolver": "pistol",
    "teddy-bear": "teddy_bear",
    "tennis-racket": "racket",
    "wine-bottle": "wine_bottle",
}
"""Names of one thing in two data sets."""


@dataclass(frozen=True, slots=True)
class Drawings:
    """Drawings as thin lines, packed eight pixels a byte: uint8 `(n, WORK, WORK / 8)`.

    `names` are the classes' names, the zoo's first; `labels` index them (int64 `(n,)`).
    `zoo` is how many are the zoo's. `split` is train, val, test or unseen, `source` where
    a drawing comes from; `made_of` indexes the drawing that it was made of, itself for most.
    """

    lines: npt.NDArray[np.uint8] = field(repr=False)
    labels: npt.NDArray[np.int64] = field(repr=False)
    split: npt.NDArray[np.str_] = field(repr=False)
    source: npt.NDArray[np.str_] = field(repr=False)
    files: tuple[str, ...] = field(repr=False)
    made_of: npt.NDArray[np.intp] = field(repr=False)
    names: tuple[str, ...]
    zoo: int

    def with_more(
        self,
        packed: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.int64],
        source: str,
        made_of: npt.NDArray[np.intp] | None = None,
    ) -> "Drawings":
        """Return these drawings and more for training, made of what is there.

        `made_of` tells which drawings they were made of; without it they stand for themselves.
        """
        if made_of is None:
            made_of = len(self.labels) + np.arange(len(labels))
        return Drawings(
            lines=np.concatenate([self.lines, packed]),
            labels=np.concatenate([self.labels, labels]),
            split=np.concatenate([self.split, ["train"] * len(labels)]),
            source=np.concatenate([self.source, [source] * len(labels)]),
            files=(*self.files, *([source] * len(labels))),
            made_of=np.concatenate([self.made_of, made_of]),
            names=self.names,
            zoo=self.zoo,
        )

    def where(self, split: str, *sources: str, zoo: bool = False) -> npt.NDArray[np.intp]:
        """Return the indexes of a split's drawings, of some sources or of the zoo only."""
        chosen = self.split == split
        if sources:
            chosen &= np.isin(self.source, sources)
        if zoo:
            chosen &= self.labels < self.zoo
        return np.flatnonzero(chosen)


def held_out_classes(data: Path, config: TowersConfig) -> frozenset[str]:
    """Return the classes that stay unseen: those of the kept list where the data has them all.

    Of other data as many are drawn by the seed, among the other classes that have photos.
    """
    folder = data / "extra" / "photo"
    if not folder.is_dir():
        return frozenset()
    names = sorted({same(file.class_name) for file in list_images(folder, Modality.PHOTO)})
    listed = class_list("unseen-20").classes
    if len(listed) == config.data.held_out_classes and listed <= set(names):
        return listed
    chosen = np.random.default_rng([config.seed, 20]).permutation(names)
    return frozenset(str(name) for name in chosen[: config.data.held_out_classes])


def same(name: str) -> str:
    """Return the one name of a class that data sets name differently."""
    return SAME.get(name, name)


def load_drawings(data: Path, config: TowersConfig, cache: Path | None = None) -> Drawings:
    """Read all drawings below `data` (`zoo/` with splits.csv, and `extra/` if it is there).

    Doodles (`extra/sketch_quickdraw`) of the zoo's classes are split here, by drawing:
    of each class about 8 % for val and 14 % for test. Thinning takes a minute; `cache`
    keeps its result.

    Raises:
        DataError: there is no zoo, or it has no splits.csv.

    """
    rows = list(_rows(data, held_out_classes(data, config), config.seed))
    zoo = sorted({name for _, name, _, source in rows if not source.startswith("extra_")})
    train = {name for _, name, split, _ in rows if split == "train"}
    names = (*zoo, *sorted(train - set(zoo)))
    index = {name: number for number, name in enumerate(names)}
    files = tuple(str(file.path.relative_to(data)) for file, *_ in rows)
    return Drawings(
        lines=pack_lines([file for file, *_ in rows], config.drawing.keep, cache),
        labels=np.array([index.get(name, -1) for _, name, *_ in rows], np.int64),
        split=np.array([split for _, _, split, _ in rows]),
        source=np.array([source for *_, source in rows]),
        files=files,
        made_of=np.arange(len(rows)),
        names=names,
        zoo=len(zoo),
    )


def _rows(data: Path, held: frozenset[str], seed: int) -> Iterable[tuple[ImageFile, str, str, str]]:
    zoo = set()
    for file in list_images(data / "zoo", Modality.SKETCH):
        if file.split is None:
            raise DataError(f"{data / 'zoo'} needs a splits.csv that names {file.path.name}")
        zoo.add(file.class_name)
        yield file, file.class_name, file.split, file.source
    extra = data / "extra"
    for folder, source in (
        ("sketch", "extra_sketchy"),
        ("sketch_tuberlin", "extra_tuberlin"),
        ("sketch_quickdraw", "extra_quickdraw"),
    ):
        if not (extra / folder).is_dir():
            continue
        by_class: dict[str, list[ImageFile]] = {}
        for file in list_images(extra / folder, Modality.SKETCH):
            by_class.setdefault(same(file.class_name), []).append(file)
        for name, files in sorted(by_class.items()):
            splits = ["train"] * len(files)
            if name in held:
                splits = [UNSEEN] * len(files)
            elif source == "extra_quickdraw" and name in zoo:
                splits = _split_doodles(len(files), [seed, *name.encode()])
            for file, split in zip(files, splits, strict=True):
                yield file, name, split, source


def _split_doodles(count: int, seed: list[int]) -> list[str]:
    val, test = max(2, round(0.08 * count)), max(3, round(0.14 * count))
    splits = ["val"] * val + ["test"] * test + ["train"] * max(0, count - val - test)
    order = np.random.default_rng(seed).permutation(count)
    return [splits[place] for place in order]


def pack_lines(
    images: Sequence[ImageFile | Path], keep: float, cache: Path | None
) -> npt.NDArray[np.uint8]:
    """Return drawings' lines that take `keep` of the square, packed: uint8 `(n, WORK, WORK / 8)`.

    Raises:
        DataError: a file is no image.

    """

    def pack(file: ImageFile | Path) -> npt.NDArray[np.uint8]:
        path = file if isinstance(file, Path) else file.path
        try:
            image = decode(file.read_bytes()) if isinstance(file, Path) else file.load()
            return np.packbits(lines(image, keep), axis=1)
        except ImageError as error:
            raise DataError(f"{path} {error}") from error

    def compute() -> npt.NDArray[np.uint8]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.stack(list(pool.map(pack, images)))

    return kept(cache, key_of(images, keep=keep), compute)
