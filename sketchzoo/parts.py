"""Parts: what lies where in an embedding, and how a query makes one count more than another.

Photos are stored once, as one vector whose parts count by their weights. What a query is after
(its focus) is said by the query alone: each of its parts is multiplied by a factor before the
two are compared, so that one collection answers by subject, by shape or by both.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import isclose, isfinite
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
"""`(dimension,)`, of L2 norm 1."""

CLASS, GENERAL, SHAPE = "class", "general", "shape"
"""The parts of the shipped kind of model: a class posterior's roots, likeness that no class
names, and what was drawn (pose, view, layout)."""


class Focus(StrEnum):
    """What a query is after: what it shows, how it is drawn, or both."""

    SUBJECT = "subject"
    BOTH = "both"
    SHAPE = "shape"


@dataclass(frozen=True, slots=True)
class Part:
    """Some values of an embedding; `weight` is its share of a photo's squared norm."""

    name: str
    size: int
    weight: float

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"a part's name is a word, not {self.name!r}")
        if self.size < 1:
            raise ValueError(f"the part {self.name} must have at least 1 value, not {self.size}")
        if not 0 < self.weight <= 1:
            raise ValueError(f"the weight of {self.name} must be above 0 and at most 1")


@dataclass(frozen=True, slots=True)
class Emphasis:
    """What a focus does to a query: a factor for each part, and the score that is believed.

    `min_score` is the calibrated score under which a hit likely shows something else, 0 where
    nothing was calibrated.
    """

    factors: tuple[float, ...]
    min_score: float = 0.0

    def __post_init__(self) -> None:
        if not all(isfinite(factor) and factor >= 0 for factor in self.factors):
            raise ValueError(f"factors must be 0 or above, not {self.factors}")
        if not any(self.factors):
            raise ValueError("one of the factors must be above 0")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score must be 0 to 1, not {self.min_score}")

    @property
    def is_neutral(self) -> bool:
        """Whether a query asks for the same with it as without."""
        return len(set(self.factors)) == 1


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a model's embeddings, in order, and what each focus does to a query.

    A model of one part has no focus; of one with several, `default` is what a query is asked with
    that says none.
    """

    parts: tuple[Part, ...]
    focuses: Mapping[Focus, Emphasis] = field(default_factory=dict)
    default: Focus | None = None

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("parts must hold at least one")
        if not isclose(sum(part.weight for part in self.parts), 1, abs_tol=1e-6):
            raise ValueError("the weights of the parts must come to 1")
        for focus, emphasis in self.focuses.items():
            if len(emphasis.factors) != len(self.parts):
                raise ValueError(f"the focus {focus} must have a factor for each part")
        if (self.default is None) != (not self.focuses) or (
            self.default is not None and self.default not in self.focuses
        ):
            raise ValueError("default must be one of the focuses, and missing where there is none")

    @classmethod
    def whole(cls, dimension: int) -> Self:
        """Return the layout of embeddings that nothing is known of."""
        return cls((Part("all", dimension, 1.0),))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return what a model's configuration says of its parts.

        Raises:
            KeyError, TypeError, ValueError: it says something else.

        """
        default = values.get("default")
        return cls(
            tuple(Part(**part) for part in values["parts"]),
            {
                Focus(name): Emphasis(tuple(told["factors"]), told.get("min_score", 0.0))
                for name, told in values.get("focuses", {}).items()
            },
            None if default is None else Focus(default),
        )

    def values(self) -> dict[str, Any]:
        """Return what a model's configuration says of its parts."""
        return {
            "parts": [asdict(part) for part in self.parts],
            "focuses": {
                str(focus): {"factors": list(told.factors), "min_score": told.min_score}
                for focus, told in self.focuses.items()
            },
            "default": None if self.default is None else str(self.default),
        }

    @property
    def dimension(self) -> int:
        """The length of an embedding."""
        return sum(part.size for part in self.parts)

    def in_order(self) -> list[tuple[Focus, Emphasis]]:
        """Return what each focus does, the default first."""
        return sorted(self.focuses.items(), key=lambda item: item[0] != self.default)

    def slices(self) -> dict[str, slice]:
        """Return where each part lies."""
        found, start = {}, 0
        for part in self.parts:
            found[part.name] = slice(start, start + part.size)
            start += part.size
        return found

    def focused(self, vector: Vector, focus: Focus) -> Vector:
        """Return a query's vector as its focus wants it; the one that is given is left as it is.

        Raises:
            KeyError: the model has no such focus.

        """
        emphasis = self.focuses[focus]
        sizes = [part.size for part in self.parts]
        focused = vector * np.repeat(np.asarray(emphasis.factors, np.float32), sizes)
        # A word says nothing of shape: where what a focus looks at is missing, the rest counts.
        return _unit(focused) if focused.any() else vector

    def blended(self, drawing: Vector, text: Vector, weight: float) -> Vector:
        """Return what a drawing and a text ask for together; `weight` is the text's, 0 to 1.

        Of parts that the text speaks of, both count by their weights. Of parts that it says
        nothing of (its values there are 0) the drawing alone counts, and the other way round: so
        a word may say what a thing is, and the drawing how it stands.
        """
        blend = np.empty_like(drawing)
        for part, where in zip(self.parts, self.slices().values(), strict=True):
            drawn, told = drawing[where], text[where]
            length = float(np.linalg.norm(told))
            if not length:
                blend[where] = drawn
            elif not drawn.any():
                blend[where] = told
            else:
                # A text's whole norm lies in what it speaks of; a photo's is shared out.
                blend[where] = weight * told / length * part.weight**0.5 + (1 - weight) * drawn
        return _unit(blend)


def _unit(vector: Vector) -> Vector:
    # Squares of small float32 values vanish. What cancels out asks for nothing, and is left so.
    length = np.linalg.norm(vector.astype(np.float64)) or 1.0
    unit: Vector = (vector / length).astype(np.float32)
    return unit
