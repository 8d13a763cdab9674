"""What a run tells while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step of `steps`, and its loss or the figures that were just measured.

    `score` is the one by which weights are kept, where there is one.
    """

    step: int
    steps: int
    loss: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    score: float | None = None
