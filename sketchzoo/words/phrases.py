"""Phrases: what people call each class, and what means none."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from sketchzoo.model_error import ModelError

FILE = Path(__file__).with_name("phrases.toml")


@dataclass(frozen=True, slots=True)
class Calibration:
    """How likeness to phrases becomes a posterior.

    A class is as like a text as its `nearest` phrases are on average, by their cosines. What means
    no class gets `margin` on top, and `floor` at least. `temperature` is the softmax's.
    """

    nearest: int
    temperature: float
    margin: float
    floor: float

    def __post_init__(self) -> None:
        if self.nearest < 1:
            raise ValueError(f"nearest must be at least 1, not {self.nearest}")
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0, not {self.temperature}")

    def toml(self) -> str:
        """Return it as a file of phrases has it."""
        return "\n".join(f"{name} = {value}" for name, value in asdict(self).items())


@dataclass(frozen=True, slots=True)
class Phrases:
    """The kept phrases of classes, those of everything else, and how a text is framed."""

    classes: Mapping[str, tuple[str, ...]]
    other: tuple[str, ...]
    frames: tuple[str, ...]
    calibration: Calibration

    def __post_init__(self) -> None:
        if not self.other or not all(self.classes.values()):
            raise ValueError("every class and the others must have at least one phrase")

    @classmethod
    def read(cls, path: Path = FILE) -> Self:
        """Read a file of phrases.

        Raises:
            ModelError: it is none.

        """
        try:
            values = tomllib.loads(path.read_text())
            return cls(
                {name: _texts(name, phrases) for name, phrases in values["classes"].items()},
                _texts("other", values["other"]["phrases"]),
                _texts("frames", values["frames"]),
                _calibration(**values["calibration"]),
            )
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path} is no file of phrases: {error!r}") from error

    def of(self, name: str) -> tuple[str, ...]:
        """Return a class's phrases; of one that is not listed its own name, in words."""
        return self.classes.get(name) or (name.replace("_", " ").replace("-", " "),)

    def others(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """Return what means none of some classes: a class goes before what is called as it is."""
        called = {phrase.casefold() for name in classes for phrase in self.of(name)}
        return tuple(phrase for phrase in self.other if phrase.casefold() not in called)

    def plain(self, text: str) -> str:
        """Return a text without what only frames it; itself where nothing else is left."""
        whole = " ".join(text.casefold().split())
        plain = whole
        while frame := next((each for each in self.frames if plain.startswith(f"{each} ")), None):
            plain = plain[len(frame) + 1 :]
        return plain or whole


def _calibration(nearest: object, **others: float) -> Calibration:
    if not isinstance(nearest, int):
        raise TypeError(f"nearest must be a whole number, not {nearest!r}")
    return Calibration(nearest, **others)


def _texts(name: str, values: object) -> tuple[str, ...]:
    """Return a list's texts; one text alone would be taken for its letters."""
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise ValueError(f"{name} must be a list of texts, not {values!r:.60}")
    return tuple(values)
