"""`sketchzoo health`: a probe for containers and scripts."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def health(
    target: Annotated[str, typer.Argument(help="The server: host:port.")],
    service: Annotated[
        str, typer.Option(help="A service's full name; without it the whole server.")
    ] = "",
    ca: Annotated[
        Path | None,
        typer.Option(envvar="SKETCHZOO_TLS_CA", help="PEM file of the CA to trust: calls by TLS."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.01, help="Deadline in seconds.")] = 2.0,
) -> None:
    """Ask a gRPC server for its health; exit status 0 if it is SERVING, else 1."""
    import grpc  # noqa: PLC0415 - loaded when the command runs, so that --help is quick
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    from sketchzoo.rpc.tls import ClientTls  # noqa: PLC0415

    request = health_pb2.HealthCheckRequest(service=service)
    channel = (
        grpc.secure_channel(target, ClientTls(ca).credentials())
        if ca is not None
        else grpc.insecure_channel(target)
    )
    with channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=timeout)
        except grpc.RpcError as error:
            typer.echo(f"sketchzoo health: {target}: {error.code().name}", err=True)
            raise typer.Exit(1) from error
    state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    typer.echo(state)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise typer.Exit(1)
