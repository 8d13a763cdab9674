"""Which model to ship, and which are beaten by none in time and P@12."""

from collections.abc import Sequence
from dataclasses import dataclass

from sketchzoo_training.study.results import Measured, Result

MOST_MEGABYTES = 20.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The model to ship, out of what, and which others are as good as the best on `val`."""

    result: Result
    measured: Measured
    best: Result
    equals: tuple[Result, ...]
    compared: int
    most_milliseconds: float

    def __str__(self) -> str:
        classes = len(self.result.classes)
        told = (
            f"to ship: {self.result.name} (val P@12 {self.measured.validation}, "
            f"{self.measured.milliseconds:.1f} ms, {self.measured.megabytes:.1f} MB), of "
            f"{self.compared} models of {classes} classes within "
            f"{self.most_milliseconds:g} ms and {MOST_MEGABYTES:g} MB"
        )
        if not self.equals:
            return f"{told}: the best on val, and no other lies within its 95 % interval"
        others = ", ".join(other.name for other in self.equals)
        return (
            f"{told}. No difference to {others}: all lie within the 95 % interval of "
            f"{self.best.name}, the best on val; the fastest of them is chosen"
        )


def choose(
    results: Sequence[Result], classes: tuple[str, ...], *, most_milliseconds: float
) -> Choice | None:
    """Choose the model to ship; None where no result serves.

    The rule: of the models of `classes` that answer a sketch within
    `most_milliseconds` and take at most 20 MB, the best by P@12 on `val`. Those that lie
    within its 95 % interval are as good; of these the fastest. `test` has no say.
    """
    fit = [
        (result, result.measured)
        for result in results
        if result.measured is not None
        and result.classes == classes
        and result.measured.milliseconds <= most_milliseconds
        and result.measured.megabytes <= MOST_MEGABYTES
    ]
    if not fit:
        return None
    best, top = max(fit, key=lambda pair: pair[1].validation.value)
    near = [pair for pair in fit if pair[1].validation.value >= top.validation.low]
    near.sort(key=lambda pair: (pair[1].milliseconds, -pair[1].validation.value))
    (chosen, measured), *others = near
    equals = tuple(other for other, _ in others)
    return Choice(chosen, measured, best, equals, len(fit), most_milliseconds)


def pareto(results: Sequence[Measured]) -> list[Measured]:
    """Return what no other beats in both time and P@12, fastest first."""
    front: list[Measured] = []
    for result in sorted(results, key=lambda r: (r.milliseconds, -r.p_at_12.value)):
        if not front or result.p_at_12.value > front[-1].p_at_12.value:
            front.append(result)
    return front
