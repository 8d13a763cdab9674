"""`sketchzoo health`: a probe for containers and scripts."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def health(
    target: Annotated[str, typer.Argument(help="The server: host:port.")],
    *,
    service: Annotated[
        str, typer.Option(help="A service's full name; without it the whole server.")
    ] = "",
    ca: Annotated[
        Path | None,
        typer.Option(envvar="SKETCHZOO_TLS_CA", help="PEM file of the CA to trust: calls by TLS."),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            envvar="SKETCHZOO_TLS_CLIENT_CERTIFICATE", help="PEM file of the certificate to show."
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            envvar="SKETCHZOO_TLS_CLIENT_KEY", help="PEM file of that certificate's private key."
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.01, help="Deadline in seconds.")] = 2.0,
    wait: Annotated[
        float, typer.Option(min=0, help="Ask again for so many seconds while it is not SERVING.")
    ] = 0.0,
) -> None:
    """Ask a gRPC server for its health; exit status 0 if it is SERVING, else 1."""
    import time  # noqa: PLC0415 - loaded when the command runs, so that --help is quick

    import grpc  # noqa: PLC0415
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    from sketchzoo.proxy import proxy_options  # noqa: PLC0415
    from sketchzoo.rpc.tls import ClientTls  # noqa: PLC0415

    request = health_pb2.HealthCheckRequest(service=service)
    options = proxy_options(target)
    channel = (
        grpc.secure_channel(target, ClientTls(ca, certificate, key).credentials(), options)
        if ca is not None
        else grpc.insecure_channel(target, options)
    )
    serving = health_pb2.HealthCheckResponse.SERVING
    end = time.monotonic() + wait
    with channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        while True:
            try:
                state = check(request, timeout=timeout).status
                said = health_pb2.HealthCheckResponse.ServingStatus.Name(state)
            except grpc.RpcError as error:
                state, said = None, error.code().name
            if state == serving or time.monotonic() >= end:
                break
            time.sleep(0.5)
    if state is None:
        typer.echo(f"sketchzoo health: {target}: {said}", err=True)
    else:
        typer.echo(said)
    if state != serving:
        raise typer.Exit(1)
