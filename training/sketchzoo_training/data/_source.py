"""Sources: one folder, a folder of each modality, or a data set that is plugged in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sketchzoo.images import Modality
from sketchzoo_training.data._folders import Listing, list_folder
from sketchzoo_training.data._image_file import ImageFile
from sketchzoo_training.data._left_out import LeftOut
from sketchzoo_training.data._splits import split_by_photo, split_name, write_splits
from sketchzoo_training.errors import DataError
from sketchzoo_training.plugins import load_plugin

GROUP = "sketchzoo.datasets"
_PLUGIN = "plugin:"

DataSet = Callable[[], Iterable[ImageFile]]
"""What plugs in: called without arguments, it returns photos and sketches in any order.

Each has its class, modality and, where the data set has splits, its split. What is no file
of its own is a subclass of `ImageFile` whose `content` returns an image file's bytes.
"""


@dataclass(frozen=True, slots=True)
class DataFolders:
    """The folder that photos and the one that sketches lie in; the same one has a level of each."""

    photos: Path
    sketches: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "photos", self.photos.expanduser().resolve())
        object.__setattr__(self, "sketches", self.sketches.expanduser().resolve())

    def __str__(self) -> str:
        if self.photos == self.sketches:
            return str(self.photos)
        return f"{self.photos} and {self.sketches}"

    def folder(self, modality: Modality) -> Path:
        """Return where the images of one modality lie."""
        return self.photos if modality is Modality.PHOTO else self.sketches

    def listing(self, modality: Modality) -> Listing:
        """List the images of one modality; as `list_folder`."""
        return list_folder(self.folder(modality), modality)


@dataclass(frozen=True, slots=True)
class PluggedIn:
    """A data set of someone else's."""

    name: str
    files: tuple[ImageFile, ...] = field(repr=False)

    def __str__(self) -> str:
        return f"{_PLUGIN}{self.name}"

    def listing(self, modality: Modality) -> Listing:
        """Return the images of one modality, by class and name.

        Raises:
            DataError: it has none.

        """
        files = (file for file in self.files if file.modality is modality)
        found = tuple(sorted(files, key=lambda file: (file.class_name, file.place)))
        if not found:
            raise DataError(f"{self} holds no {modality}")
        return Listing(found)


DataSource = DataFolders | PluggedIn


def data_source(
    data: Path | str | None = None, photos: Path | None = None, sketches: Path | None = None
) -> DataSource:
    """Return the data set that a command's options name.

    `data` is a folder, or `plugin:` with an entry point's name of `sketchzoo.datasets` or with
    `module:attribute`; else `photos` and `sketches` are a folder each.

    Raises:
        DataError: neither or both are given, or what is plugged in returns no image files.
        ConfigError: no such plugin.

    """
    if (data is None) == (photos is None and sketches is None):
        raise DataError("give --data DIR, or --photos DIR and --sketches DIR")
    if data is not None:
        name = str(data)
        if name.startswith(_PLUGIN):
            return _plugged_in(name.removeprefix(_PLUGIN))
        return DataFolders(Path(data), Path(data))
    if photos is None or sketches is None:
        raise DataError("--photos DIR and --sketches DIR go together")
    return DataFolders(photos, sketches)


def _plugged_in(name: str) -> PluggedIn:
    dataset = load_plugin(GROUP, name)
    if not callable(dataset):
        raise DataError(f"{_PLUGIN}{name} must be called for its images, but is {dataset!r:.80}")
    files: tuple[Any, ...] = tuple(dataset())
    strange = next((file for file in files if not isinstance(file, ImageFile)), None)
    if strange is not None:
        raise DataError(f"{_PLUGIN}{name} must return ImageFile values, not {strange!r:.80}")
    return PluggedIn(name, files)


def look(source: Path | DataSource, modality: Modality, *, split: str | None = None) -> Listing:
    """List a data set's photos or sketches, and what was passed over.

    With `split` only that part of the data set, as it says itself.

    Raises:
        DataError: the source cannot be used, holds none, or has no such split.

    """
    if isinstance(source, Path):
        source = data_source(source)
    listing = source.listing(modality)
    if split is None:
        return listing
    split = split_name(split)
    splits = sorted({file.split for file in listing.files if file.split})
    if not splits:
        raise DataError(
            f"{source} has no splits.csv that names its files, so it has no {split} split: "
            "write one (`sketchzoo data split`; columns path and split) or leave --split out"
        )
    chosen = tuple(file for file in listing.files if file.split == split)
    if not chosen:
        raise DataError(
            f"{source} has no {modality} in split {split!r}; its splits are {', '.join(splits)}"
        )
    unnamed = LeftOut.because("not_in_splits", (f for f in listing.files if f.split is None))
    return Listing(chosen, listing.left_out + unnamed)


def list_images(
    source: Path | DataSource, modality: Modality, *, split: str | None = None
) -> tuple[ImageFile, ...]:
    """List a data set's photos or sketches, by class and name; as `look`."""
    return look(source, modality, split=split).files


def draw_splits(
    source: DataSource, fractions: tuple[float, float, float], seed: int, *, replace: bool
) -> tuple[list[Path], Listing]:
    """Draw splits by photo and write a `splits.csv` into each of the source's folders.

    Returns the files written, and the images in their new splits with what was passed over.

    Raises:
        DataError: the source cannot be used, or has splits already.

    """
    if not isinstance(source, DataFolders):
        raise DataError(f"{source} is no folder: what is plugged in says its splits itself")
    listings = {each: list_folder(source.folder(each), each, listed=False) for each in Modality}
    check_apart(*(listing.files for listing in listings.values()))
    of_folder: dict[Path, list[ImageFile]] = {}
    for modality, listing in listings.items():
        if any(file.split for file in listing.files):
            raise DataError(f"{source.folder(modality)} has a folder for each split already")
        try:
            drawn = split_by_photo(listing.files, seed=seed, fractions=fractions)
        except ValueError as error:
            raise DataError(str(error)) from error
        of_folder.setdefault(source.folder(modality), []).extend(drawn)
    for folder in of_folder:
        if not replace and (folder / "splits.csv").exists():
            raise DataError(f"{folder}/splits.csv is there already; --replace writes it anew")
    paths = [write_splits(folder, own) for folder, own in of_folder.items()]
    every = tuple(file for own in of_folder.values() for file in own)
    return paths, Listing(every, sum((each.left_out for each in listings.values()), LeftOut()))


def check_apart(photos: Iterable[ImageFile], sketches: Iterable[ImageFile]) -> None:
    """Refuse photos and sketches that are the same files, by whatever names.

    A folder without a level for each is a folder of either: taken for both, every file
    would be its own sketch and be found at once.

    Raises:
        DataError: a file is in both; the message says how folders are told apart.

    """
    both = {_real(file) for file in photos} & {_real(file) for file in sketches}
    if both:
        raise DataError(
            f"{len(both)} files are photos and sketches at once, for instance {min(both)}: "
            "give each a folder of its own, with --photos DIR --sketches DIR or below folders "
            "named photo and sketch"
        )


def _real(file: ImageFile) -> str:
    return file.place.replace(str(file.path), str(file.path.resolve()), 1)
