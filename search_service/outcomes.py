"""Outcomes: of each of several searches a value, or the error that ended it alone."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
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


async def apart(
    items: Sequence[T],
    key: Callable[[T], Hashable],
    step: Callable[[Sequence[T]], Awaitable[Sequence[U | CallError]]],
) -> list[U | CallError]:
    """Take items through a step in groups of one key, all groups at the same time.

    What fails a group is its items' own, but where there is no other group: then it is raised.
    """
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    if len(groups) == 1:
        return list(await step(items))
    made = await asyncio.gather(*(attempt_later(step, group) for group in groups.values()))
    told = {
        name: iter([found] * len(group) if isinstance(found, CallError) else found)
        for (name, group), found in zip(groups.items(), made, strict=True)
    }
    return [next(told[key(item)]) for item in items]
