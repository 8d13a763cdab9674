"""What a run tells whoever watches it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """What a listener is told after each step."""

    step: int
    steps: int
    loss: float
    p_at_12: float | None = None
