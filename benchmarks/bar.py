"""A bar: a figure that must reach a value."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """A measured value beside what was asked for."""

    name: str
    value: float
    sense: Literal[">=", "<="]
    bar: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the value reaches the bar."""
        return self.value >= self.bar if self.sense == ">=" else self.value <= self.bar

    def __str__(self) -> str:
        verdict = "met" if self.met else "missed"
        return f"bar {self.name} value {self.value:.4g} bar {self.sense}{self.bar:g} {verdict}"

    def as_json(self) -> dict[str, Any]:
        """Return the bar as JSON's types."""
        return {**asdict(self), "met": self.met}
