"""What a model itself sees on a photo, kept apart from what people named it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeenClass:
    """What a model is sure to see on a photo, and how sure it is, above 0 to 1."""

    class_name: str
    confidence: float

    def __post_init__(self) -> None:
        if not self.class_name:
            raise ValueError("class_name must not be empty")
        if not 0 < self.confidence <= 1:
            raise ValueError(f"confidence must be above 0 and at most 1, not {self.confidence}")
