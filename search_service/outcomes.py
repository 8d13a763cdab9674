"""Outcomes: of each of several searches a value, or the error that ended it alone."""

from collections.abc import Awaitable, Callable, Sequence
from typing import ParamSpec, TypeVar

from sketchzoo.rpc import CallError

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")


def attempt(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | CallError:
    """Return what `work` returns, or the `CallError` that it raises."""
    try:
        return work(*args, **kwargs)
    except CallError as error:
        return error


async def attempt_later(
    work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
) -> T | CallError:
    """Do the same for what is awaited."""
    try:
        return await work(*args, **kwargs)
    except CallError as error:
        return error


def single(outcomes: Sequence[T | CallError]) -> T:
    """Return the value of the one outcome that there is, or raise its error."""
    (outcome,) = outcomes
    if isinstance(outcome, CallError):
        raise outcome
    return outcome


async def through(
    outcomes: Sequence[T | CallError],
    step: Callable[[Sequence[T]], Awaitable[Sequence[U | CallError]]],
) -> list[U | CallError]:
    """Take through a step what has not failed yet; what has keeps its place and its error."""
    taken = iter(await step([each for each in outcomes if not isinstance(each, CallError)]))
    return [each if isinstance(each, CallError) else next(taken) for each in outcomes]
