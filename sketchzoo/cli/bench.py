"""`sketchzoo bench`: your own deployment measured."""

from typing import Annotated, Literal

import typer
from pydantic_settings import SettingsConfigDict

from sketchzoo.call_settings import (
    SEARCH_TARGET,
    ClientTlsSettings,
    SearchTarget,
    SearchToken,
)
from sketchzoo.cli.app import App
from sketchzoo.cli.asked import Classes, Focus, TextWeight, lacking
from sketchzoo.cli.options import of_running_stack, output_file_or_stdout, with_settings
from sketchzoo.cli.status import AWAY, FAILED, INTERRUPTED, REFUSED, UNUSABLE, end

app = App()
_MOST_CALLS = 2_000_000


class BenchSettings(ClientTlsSettings):
    """How `sketchzoo bench` reaches the search service that it measures."""

    subject = "Search service"
    model_config = SettingsConfigDict(env_prefix="SKETCHZOO_BENCH_")

    target: SearchTarget = SEARCH_TARGET
    token: SearchToken = None


@app.command()
@with_settings(BenchSettings)
def bench(
    settings: BenchSettings,
    *,
    rates: Annotated[
        str,
        typer.Option(
            "--rate",
            metavar="N[,N...]",
            help="Searches a second; several are measured one after the other.",
        ),
    ] = "10",
    highest: Annotated[
        bool,
        typer.Option("--highest", help="From --rate on, look for the highest that meets --slo."),
    ] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each rate is held.")] = 30.0,
    arrivals: Annotated[
        Literal["poisson", "fixed"],
        typer.Option(help="Calls as of many callers by themselves, or with equal pauses."),
    ] = "poisson",
    slo: Annotated[
        str | None,
        typer.Option(
            metavar="p99=200ms,errors=0.1%",
            help="What is to be met: shares of all calls answered in time, and how many may fail.",
        ),
    ] = None,
    queries: Annotated[
        str,
        typer.Option(
            metavar="strokes|sample|none|FOLDER",
            help="Drawings of random strokes, of the drawn sample, of a folder; none: words alone.",
        ),
    ] = "strokes",
    repeat: Annotated[
        bool,
        typer.Option(
            "--repeat", help="Let the service answer from what it keeps of queries it has seen."
        ),
    ] = False,
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="WORDS", help="Words beside the drawing; several are taken in turn."),
    ] = None,
    text_weight: TextWeight = None,
    focus: Focus = None,
    classes: Classes = None,
    gallery: Annotated[
        str, typer.Option(metavar="<str>", help="Which gallery; the service's own without it.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many photos.")] = 12,
    timeout: Annotated[float, typer.Option(min=0.01, help="Each call's deadline, seconds.")] = 5.0,
    warm: Annotated[
        float, typer.Option(min=0, help="Seconds at the first rate that are not measured.")
    ] = 2.0,
    connections: Annotated[
        int,
        typer.Option(
            min=1, max=256, help="Calls take turns at them; a connection leads to one process."
        ),
    ] = 8,
    most_under_way: Annotated[
        int,
        typer.Option(min=1, help="More calls at once are not sent, and count as failed."),
    ] = 2_000,
    json: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", callback=output_file_or_stdout, help="Write figures as JSON; - prints."
        ),
    ] = None,
) -> None:
    """Measure a running search service: an open loop at given rates.

    Calls begin when they are due, whatever became of those before, and their times count from
    then. A client that cannot keep its schedule says so. Exit status: 0 measured and --slo met,
    or none given; 1 not met, or it could not be told; 2 wrong usage; 3 a search is refused;
    4 the target is away; 130 broken off, what was measured until then is printed.
    """
    from sketchzoo.cli import bench_report, bench_run  # noqa: PLC0415 - loaded when it runs
    from sketchzoo.client import SearchError, Unavailable, Unsupported  # noqa: PLC0415
    from sketchzoo.load import Slo  # noqa: PLC0415
    from sketchzoo.rpc import ChannelSettings  # noqa: PLC0415
    from sketchzoo.rpc.tls import ClientTls  # noqa: PLC0415

    settings = of_running_stack(settings)
    wanted = _rates(rates, seconds)
    if highest and (slo is None or len(wanted) > 1):
        raise typer.BadParameter("--highest needs --slo, and one --rate to begin with")
    if queries == "none" and not text:
        raise typer.BadParameter("--queries none asks by words alone, which needs --text")
    try:
        objective = None if slo is None else Slo.parse(slo)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--slo") from error
    asked = {
        "text_weight": text_weight,
        "focus": focus,
        "classes": tuple(classes or ()),
        "gallery": gallery,
        "limit": limit,
    }
    try:
        plan = bench_run.Plan(
            wanted,
            seconds=seconds,
            arrivals=arrivals,
            slo=objective,
            highest=highest,
            warm=warm,
            timeout=timeout,
            connections=connections,
            most_under_way=most_under_way,
        )
        requests = bench_run.requests(queries, text or [], asked, repeated=repeat)
        channel = ChannelSettings(settings.target, ClientTls.of(settings), settings.token)
        outcome = bench_run.run(channel, plan, requests)
    except (ValueError, OSError) as error:
        end("bench", error, UNUSABLE)
    except Unavailable as error:
        end("bench", f"{settings.target}: {error}", AWAY)
    except Unsupported as error:
        end("bench", lacking(error), REFUSED)
    except SearchError as error:
        end("bench", f"{settings.target}: {error}", REFUSED)
    bench_report.show(outcome, settings.target, json)
    if outcome.broken_off:
        raise typer.Exit(INTERRUPTED)
    if bench_report.is_met(outcome) is False:
        raise typer.Exit(FAILED)


def _rates(text: str, seconds: float) -> tuple[float, ...]:
    from sketchzoo.load import FEWEST_CALLS  # noqa: PLC0415 - loaded when the command runs

    try:
        found = tuple(float(each) for each in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} must be numbers with commas between", param_hint="--rate"
        ) from error
    for rate in found:
        if not FEWEST_CALLS <= rate * seconds <= _MOST_CALLS:
            raise typer.BadParameter(
                f"{rate:g} a second for {seconds:g} seconds are {rate * seconds:g} calls: "
                f"{FEWEST_CALLS} to {_MOST_CALLS:,} can be measured",
                param_hint="--rate",
            )
    return found
