"""The study's rows: what each experiment gave, kept as one JSON file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sketchzoo.files import write_atomically
from sketchzoo_training.errors import ConfigError

Identity = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of 1, with its 95 % bootstrap interval over the sketches."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model reaches on `test` and on `val`, and what it costs.

    All figures but `euclidean` compare by cosine, as services do and as `evaluate` does of
    `model`. `euclidean` is P@12 of free embeddings by the distance that they were trained
    with, which no exported model has; None where the loss compared by cosine. `possible` is
    the most that the gallery allows: a class of six photos gives no more than 6/12.
    `milliseconds` is a sketch's inference with ONNX Runtime on one thread, `megabytes` what
    lies on disk for it.
    """

    p_at_12: Figure
    possible: float
    euclidean: Figure | None
    m_ap: float
    per_source: dict[str, float]
    validation: Figure
    queries: int
    photos: int
    milliseconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Result:
    """An experiment's row, or a finished model's.

    `data` is the data set's fingerprint and `recipe` the configuration's digest, or the
    model's fingerprint: rows of other data compare with nothing here, and another recipe is
    another row whatever it is called. `classes` were asked for. `steps` and `cpu_minutes`
    (of training) are 0 where nothing was trained here. `measured` is None where the run
    failed; `failure` then says why.
    """

    name: str
    data: str
    recipe: str
    changes: tuple[str, ...]
    classes: tuple[str, ...]
    loss: str
    backbone: str
    size: int
    dimension: int
    model: str
    steps: int = 0
    cpu_minutes: float = 0.0
    measured: Measured | None = None
    failure: str = ""

    def __post_init__(self) -> None:
        if (self.measured is None) != bool(self.failure):
            raise ValueError("a result has figures or says why it failed")

    @property
    def identity(self) -> Identity:
        """What tells rows apart: data, recipe and classes."""
        return self.data, self.recipe, self.classes


_ROWS = TypeAdapter(tuple[Result, ...])


class Results:
    """All rows of a folder, of whatever data, in `results.json`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "results.json"

    def read(self) -> tuple[Result, ...]:
        """Return all rows.

        Raises:
            ConfigError: the file is none of this version's.

        """
        if not self.path.exists():
            return ()
        try:
            return _ROWS.validate_json(self.path.read_bytes())
        except ValidationError as error:
            raise ConfigError(
                f"{self.path} holds rows that do not say what data and recipe they are of, as "
                "earlier versions wrote them, or is damaged: choose another --out, or delete it"
            ) from error

    def add(self, result: Result) -> None:
        """Keep a row, in place of an older one of its identity."""
        kept = (old for old in self.read() if old.identity != result.identity)
        write_atomically(self.path, _ROWS.dump_json((*kept, result), indent=2) + b"\n")


def labels(results: Sequence[Result]) -> dict[Identity, str]:
    """Return what to call each row: its name, with its recipe's digits where that is not enough."""
    named = Counter((result.name, result.classes) for result in results)
    return {
        result.identity: result.name
        if named[result.name, result.classes] == 1 and not result.changes
        else with_digits(result)
        for result in results
    }


def with_digits(result: Result) -> str:
    """Return a row's name with its recipe's first digits."""
    return f"{result.name} #{result.recipe[:4]}"
