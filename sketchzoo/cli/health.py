"""`sketchzoo health`: a probe for containers and scripts."""

from typing import Annotated

import typer

from sketchzoo.call_settings import ClientTlsSettings
from sketchzoo.cli.app import App
from sketchzoo.cli.options import with_settings
from sketchzoo.cli.status import AWAY, FAILED, UNUSABLE, end

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
    import grpc  # noqa: PLC0415 - loaded when the command runs, so that --help is quick
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415
    from tenacity import (  # noqa: PLC0415
        Retrying,
        retry_if_exception_type,
        retry_if_result,
        stop_after_delay,
        wait_fixed,
    )

    from sketchzoo.proxy import proxy_options  # noqa: PLC0415
    from sketchzoo.rpc.errors import from_call  # noqa: PLC0415
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
    asking = Retrying(
        retry=retry_if_exception_type(grpc.RpcError)
        | retry_if_result(lambda answer: answer.status != serving),
        wait=wait_fixed(0.5),
        stop=stop_after_delay(wait),
        retry_error_callback=lambda asked: asked.outcome and asked.outcome.result(),
    )
    try:
        with channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            state = asking(check, request, timeout=timeout).status
    except grpc.RpcError as error:
        told = from_call(error)
        late = told.code is grpc.StatusCode.DEADLINE_EXCEEDED
        away = late or told.code is grpc.StatusCode.UNAVAILABLE
        reason = f"no answer within {timeout:g} s" if late else told
        end("health", f"{target}: {reason}", AWAY if away else FAILED)
    typer.echo(health_pb2.HealthCheckResponse.ServingStatus.Name(state))
    if state != serving:
        raise typer.Exit(FAILED)
