"""A step: calls at one rate, what became of them, and whether it was their client that was slow."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sketchzoo.load.slo import ERRORS, Slo
from sketchzoo.load.tally import Tally, quantile

# A client is on time while it is at most so late with all but one call in a hundred: by itself a
# loop's timers are a millisecond late, and its other work is in every time that it measures.
_LATE_SECONDS = 0.005
_LATE_SHARE = 0.1
# Of the rate: beyond what chance takes off Poisson's, a step was another than was asked for.
_SENT_SHARE = 0.9


class Verdict(StrEnum):
    """What a step says of an objective."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"
    """The client was too slow to tell what the server does at this rate."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was measured at `rate` calls a second.

    `sending_seconds` is how long calls were sent, `seconds` until the last one had ended.
    `cpu_share` is what the client took of one core, which is all that its loop has.
    """

    rate: float
    tally: Tally
    seconds: float
    sending_seconds: float
    cpu_share: float
    broken_off: bool = False

    @property
    def sent_per_second(self) -> float:
        """Calls sent a second."""
        return len(self.tally.late) / self.sending_seconds if self.sending_seconds else 0.0

    @property
    def answered_per_second(self) -> float:
        """Calls answered a second, until the last one had ended."""
        return self.tally.ok / self.seconds if self.seconds else 0.0

    @property
    def on_time(self) -> bool:
        """Whether the client kept its schedule, so that the times are the server's."""
        usual = quantile(self.tally.exchanged, 0.99) or quantile(self.tally.refused, 0.99)
        return quantile(self.tally.late, 0.99) <= max(_LATE_SECONDS, _LATE_SHARE * usual)

    def verdict(self, slo: Slo | None) -> Verdict | None:
        """Judge the step; None where there is nothing to judge.

        A client that is late makes times longer, never shorter: what is met in spite of it is met,
        if the calls were sent at the rate. It leaves calls unsent, too, but it makes none fail.
        """
        if slo is None or self.broken_off or not self.tally.total:
            return None
        if all(kept.met for kept in slo.judge(self.tally)):
            sent = self.on_time or self.sent_per_second >= _SENT_SHARE * self.rate
            return Verdict.MET if sent else Verdict.UNKNOWN
        if self.on_time:
            return Verdict.MISSED
        missed = [kept for kept in slo.judge(self.tally.sent) if not kept.met]
        failed = any(kept.name == ERRORS or math.isinf(kept.value) for kept in missed)
        return Verdict.MISSED if failed else Verdict.UNKNOWN

    def as_json(self, slo: Slo | None) -> dict[str, Any]:
        """Return the step as JSON's types: rates a second, times in seconds.

        Null in the place of a time in which too few calls were answered at all.
        """
        judged = [] if slo is None else slo.judge(self.tally)
        return {
            "rate": self.rate,
            "seconds": self.seconds,
            "sent_per_second": self.sent_per_second,
            "answered_per_second": self.answered_per_second,
            **self.tally.as_json(),
            "client": {"on_time": self.on_time, "cpu_share": self.cpu_share},
            "slo": {
                kept.name: {
                    "value": kept.value if math.isfinite(kept.value) else None,
                    "bound": kept.bound,
                    "met": kept.met,
                }
                for kept in judged
            },
            "verdict": self.verdict(slo),
            "broken_off": self.broken_off,
        }
