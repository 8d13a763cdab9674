"""Class lists: the classes that a figure is of, kept as files so that all mean the same ones."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sketchzoo_training.data._image_file import ImageFile, class_name_of
from sketchzoo_training.errors import DataError

_KEPT = Path(__file__).resolve().parent / "class_lists"


@dataclass(frozen=True, slots=True)
class ClassList:
    """Some classes, what they are and who chose them; `also` gives other names of theirs."""

    name: str
    about: str
    source: str
    classes: frozenset[str]
    also: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.classes:
            raise ValueError("classes must name at least one")
        if strange := sorted(set(self.also.values()) - self.classes):
            raise ValueError(f"also names {', '.join(strange)}, which classes does not")

    def called(self, files: Iterable[ImageFile]) -> tuple[ImageFile, ...]:
        """Return the files, those of the list's classes under the list's names."""
        return tuple(
            replace(file, class_name=self.also.get(file.class_name, file.class_name))
            for file in files
        )

    def among(self, names: Iterable[str]) -> list[str]:
        """Return the list's classes that are among some names, by whatever name."""
        return sorted(self.classes & {self.also.get(name, name) for name in names})


def class_list(name: str) -> ClassList:
    """Return a list that is kept here, by its name, or the one in a TOML file of one's own.

    Raises:
        DataError: there is no such list, or the file is none.

    """
    path = _KEPT / f"{name}.toml" if name in kept_lists() else Path(name)
    if path.suffix != ".toml" or not path.is_file():
        raise DataError(
            f"{name} is no list of classes: give {', '.join(kept_lists())}, or a TOML file that "
            "exists, with about, source and classes"
        )
    try:
        values = tomllib.loads(path.read_text())
        classes = frozenset(class_name_of(each) for each in _listed(values["classes"]))
        also = {
            class_name_of(other): class_name_of(own)
            for other, own in values.get("also", {}).items()
        }
        return ClassList(path.stem, str(values["about"]), str(values["source"]), classes, also)
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is no list of classes: {error}") from error


def _listed(value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError("classes must be a list of names")
    return value


def kept_lists() -> list[str]:
    """Return the names of the lists that are kept here."""
    return sorted(path.stem for path in _KEPT.glob("*.toml"))
