"""`sketchzoo health`: a probe for containers and scripts."""

from typing import Annotated

import typer

from sketchzoo.cli.app import App
from sketchzoo.cli.options import with_settings
from sketchzoo.cli.status import AWAY, FAILED, UNUSABLE, end
from sketchzoo.settings import ClientTlsSettings

app = App()


@app.command()
@with_settings(ClientTlsSettings)
def health(
    settings: ClientTlsSettings,
    target: Annotated[
        str, typer.Argument(metavar="HOST:PORT", help="Any gRPC server: search, encoder, Qdrant.")
    ],
    *,
    service: Annotated[
        str, typer.Option(help="A service's full name; without it the whole server.")
    ] = "",
    timeout: Annotated[float, typer.Option(min=0.01, help="Deadline in seconds.")] = 2.0,
    wait: Annotated[
        float, typer.Option(min=0, help="Ask again for so many seconds while it is not SERVING.")
    ] = 0.0,
) -> None:
    """Ask a gRPC server for its health.

    Exit status: 0 it is SERVING, 1 it is not, 2 wrong usage, 4 it cannot be reached.
    """
    import time  # noqa: PLC0415 - loaded when the command runs, so that --help is quick

    import grpc  # noqa: PLC0415
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    from sketchzoo.proxy import proxy_options  # noqa: PLC0415
    from sketchzoo.rpc.reasons import plain  # noqa: PLC0415
    from sketchzoo.rpc.target import check_target  # noqa: PLC0415
    from sketchzoo.rpc.tls import ClientTls  # noqa: PLC0415

    try:
        check_target(target)
        options = proxy_options(target)
        channel = grpc.insecure_channel(target, options)
        if (tls := ClientTls.of(settings)) is not None:
            channel = grpc.secure_channel(target, tls.credentials(), options)
    except ValueError as error:
        end("health", error, UNUSABLE)
    request = health_pb2.HealthCheckRequest(service=service)
    serving = health_pb2.HealthCheckResponse.SERVING
    stop = time.monotonic() + wait
    with channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        while True:
            failure = None
            try:
                state = check(request, timeout=timeout).status
            except grpc.RpcError as error:
                failure = error
            if (failure is None and state == serving) or time.monotonic() >= stop:
                break
            time.sleep(0.5)
    if failure is None:
        typer.echo(health_pb2.HealthCheckResponse.ServingStatus.Name(state))
        if state != serving:
            raise typer.Exit(FAILED)
        return
    code = failure.code()
    away = code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    reason = f"no answer within {timeout:g} s"
    if code is not grpc.StatusCode.DEADLINE_EXCEEDED:
        reason = f"{code.name}: {plain(failure.details() or '')}"
    end("health", f"{target}: {reason}", AWAY if away else FAILED)
