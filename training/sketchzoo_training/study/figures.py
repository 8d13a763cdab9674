"""The original study's own figures, read off its charts (P@12, shares of 1).

Its split was random by file, so sketches of one photo fell on both sides; its gallery was
20 % of the photos, its queries 5 % of the sketches. They are comparable with each other,
not with figures of a split by photo.
"""

from dataclasses import dataclass

MINI_CLASSES = ("bear", "crocodilian", "jellyfish", "parrot", "spider")


@dataclass(frozen=True, slots=True)
class Figure:
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


FIGURES = (
    Figure("mini", "contrastive", "resnet18", 2, 0.65),
    Figure("mini", "triplet", "resnet18", 2, 0.61),
    Figure("full", "contrastive", "resnet18", 16, 0.24),
    Figure("full", "contrastive", "resnet34", 16, 0.36),
    Figure("full", "contrastive", "resnet50", 16, 0.48),
    Figure("full", "contrastive", "resnet101", 16, 0.49),
    Figure("full", "triplet", "resnet18", 16, 0.13),
    Figure("full", "triplet", "resnet34", 16, 0.23),
)
