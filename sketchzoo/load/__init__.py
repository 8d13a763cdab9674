"""Load: searches sent at given rates, and what became of them.

An open loop: calls begin when a schedule says so, whether or not earlier ones have ended, and a
call's time counts from then (docs/adr/0096-load-is-an-open-loop.md).
"""

from sketchzoo.load.arrivals import Arrivals, offsets
from sketchzoo.load.bench import FEWEST_CALLS, Bench
from sketchzoo.load.connections import by_turns, connected
from sketchzoo.load.drawings import as_strokes, drawing
from sketchzoo.load.open_loop import call_once, open_loop
from sketchzoo.load.queries import Requests, drawings_of
from sketchzoo.load.slo import Slo
from sketchzoo.load.step import Step, Verdict
from sketchzoo.load.tally import Tally, quantiles

__all__ = [
    "FEWEST_CALLS",
    "Arrivals",
    "Bench",
    "Requests",
    "Slo",
    "Step",
    "Tally",
    "Verdict",
    "as_strokes",
    "by_turns",
    "call_once",
    "connected",
    "drawing",
    "drawings_of",
    "offsets",
    "open_loop",
    "quantiles",
]
