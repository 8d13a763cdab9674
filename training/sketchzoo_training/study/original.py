"""The original study's own figures, read off its charts (P@12, shares of 1).

Its split was random by file, so sketches of one photo fell on both sides; its gallery was
20 % of the photos, its queries 5 % of the sketches. They are comparable with each other,
not with figures of a split by photo.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sketchzoo_training.recipes.settings import read_preset


@dataclass(frozen=True, slots=True)
class StudyFigure:
    """What the study measured in one experiment; its preset is named after it."""

    kind: str
    loss: str
    backbone: str
    dimension: int
    p_at_12: float

    @property
    def preset(self) -> str:
        """The preset that repeats the experiment."""
        return f"study/{self.kind}-{self.loss}-{self.backbone}-e{self.dimension}"

    def is_of(self, classes: Collection[str]) -> bool:
        """Tell whether these are the study's classes: the five, or all 55 of its zoo."""
        five = read_preset(self.preset).get("data", {}).get("classes")
        return set(classes) == set(five) if five else len(classes) == _ZOO


_ZOO = 55
FIGURES = (
    StudyFigure("mini", "contrastive", "resnet18", 2, 0.65),
    StudyFigure("mini", "triplet", "resnet18", 2, 0.61),
    StudyFigure("full", "contrastive", "resnet18", 16, 0.24),
    StudyFigure("full", "contrastive", "resnet34", 16, 0.36),
    StudyFigure("full", "contrastive", "resnet50", 16, 0.48),
    StudyFigure("full", "contrastive", "resnet101", 16, 0.49),
    StudyFigure("full", "triplet", "resnet18", 16, 0.13),
    StudyFigure("full", "triplet", "resnet34", 16, 0.23),
)
