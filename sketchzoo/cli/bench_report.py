"""What `sketchzoo bench` prints: a table, what is to be known of it, and JSON."""

import json
import math
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from sketchzoo.cli.bench_run import Outcome
from sketchzoo.cli.tables import show as show_table
from sketchzoo.files import write_atomically
from sketchzoo.load import Slo, Step, Verdict, quantiles
from sketchzoo.load.slo import ERRORS

_PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
_BUSY = 0.9


def show(outcome: Outcome, target: str, to: str | None) -> None:
    """Print the outcome; `to` is a file for JSON, or `-`, for which the table goes to stderr."""
    console = Console(stderr=to == "-")
    if outcome.steps:
        show_table(console, _table(outcome, target))
    for line in _remarks(outcome):
        console.out(line, highlight=False)
    if to is None:
        return
    text = json.dumps(as_json(outcome, target), indent=2, allow_nan=False)
    if to == "-":
        typer.echo(text)
    else:
        write_atomically(Path(to), text + "\n")


def is_met(outcome: Outcome) -> bool | None:
    """Tell whether the objective is met: at every rate, or at some where the highest is looked for.

    None where there is none, or it was broken off.
    """
    if outcome.plan.slo is None or outcome.broken_off:
        return None
    if outcome.plan.highest:
        return outcome.highest is not None
    return all(step.verdict(outcome.plan.slo) is Verdict.MET for step in outcome.steps)


def as_json(outcome: Outcome, target: str) -> dict[str, Any]:
    """Return the outcome as JSON's types: rates a second, times in seconds."""
    plan = outcome.plan
    return {
        "target": target,
        "arrivals": plan.arrivals,
        "seconds": plan.seconds,
        "slo": None if plan.slo is None else str(plan.slo),
        "steps": [step.as_json(plan.slo) for step in outcome.steps],
        "highest": outcome.highest,
        "met": is_met(outcome),
        "broken_off": outcome.broken_off,
    }


def _table(outcome: Outcome, target: str) -> Table:
    plan = outcome.plan
    table = Table(
        title=f"{target}, {plan.arrivals} arrivals, {plan.seconds:g} s each",
        caption="milliseconds from when a search was due; late: how much after that it was sent",
    )
    for column in ("rate/s", "sent/s", "answered/s", *_PERCENTILES, "not OK", "late p99"):
        table.add_column(column, justify="right")
    if plan.slo is not None:
        table.add_column(str(plan.slo))
    for step in outcome.steps:
        cells = [step.rate, step.sent_per_second, step.answered_per_second]
        times = quantiles(step.tally.answered)
        table.add_row(
            *(f"{cell:.4g}" for cell in cells),
            *(_milliseconds(times[name]) if step.tally.ok else "-" for name in _PERCENTILES),
            str(sum(step.tally.other.values())),
            _milliseconds(quantiles(step.tally.late)["p99"]),
            *([] if plan.slo is None else [_said(step, plan.slo)]),
        )
    return table


def _said(step: Step, slo: Slo) -> str:
    verdict = step.verdict(slo)
    if verdict is None:
        return "broken off" if step.broken_off else "-"
    missed = [
        f"{kept.name} {_value(kept.name, kept.value)}"
        for kept in slo.judge(step.tally)
        if not kept.met
    ]
    return f"{verdict}: {', '.join(missed)}" if missed else str(verdict)


def _value(name: str, value: float) -> str:
    if name == ERRORS:
        return f"{value:.2%}"
    return "never answered" if math.isinf(value) else f"{_milliseconds(value)} ms"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.4g}" if seconds < 1 else f"{seconds * 1e3:.0f}"


def _remarks(outcome: Outcome) -> list[str]:
    lines = []
    for step in outcome.steps:
        at, tally = f"{step.rate:.4g}/s:", step.tally
        if tally.other:
            codes = ", ".join(f"{count} {code}" for code, count in tally.other.items())
            told = len(tally.retry_after)
            pause = quantiles(tally.retry_after)["p50"]
            when = f"; {told} were told when to come back (p50 {pause:.3g} s)" if told else ""
            lines.append(f"{at} {codes}{when}")
        if step.broken_off:
            lines.append(
                f"{at} broken off after {step.seconds:.1f} s; what was under way is left out"
            )
    if late := [step for step in outcome.steps if not step.on_time]:
        lines.append(_behind(late))
    if outcome.broken_off and not outcome.steps:
        lines.append("broken off before anything was measured")
    if outcome.plan.highest and not outcome.broken_off:
        lines.append(_highest(outcome))
    return lines


def _behind(late: list[Step]) -> str:
    rates = ", ".join(f"{step.rate:.4g}" for step in late)
    share = max(step.cpu_share for step in late)
    core = f"it took up to {share:.0%} of a core" + (", all it can use" if share > _BUSY else "")
    return (
        f"at {rates}/s this client was behind ({core}): times are its own as well as the "
        "target's; run it on another machine, or several at lower rates"
    )


def _highest(outcome: Outcome) -> str:
    slo = outcome.plan.slo
    if outcome.highest is None:
        return f"{slo} is met at no rate that was tried"
    limit = any(step.verdict(slo) is Verdict.UNKNOWN for step in outcome.steps)
    return f"{slo} is met up to {outcome.highest:.4g} searches a second" + (
        "; above, this client is the limit, and the target may hold more" if limit else ""
    )
