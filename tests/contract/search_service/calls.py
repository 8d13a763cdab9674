"""Calls of the search service as its contract tests make them, and what their errors tell."""

from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from sketchzoo.search.v1 import search_pb2 as pb
from tests.unit.search_service.fakes import Bench

Code = grpc.StatusCode


def sketch(content: bytes = b"a cat", **rest: Any) -> pb.SearchRequest:
    return pb.SearchRequest(query=pb.Query(sketch=content), **rest)


def details(error: grpc.aio.AioRpcError) -> list[Any]:
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # it has what a call has
    found = []
    for packed in status.details:
        for kind in (
            error_details_pb2.BadRequest,
            error_details_pb2.RetryInfo,
            error_details_pb2.ErrorInfo,
        ):
            detail = kind()
            if packed.Unpack(detail):
                found.append(detail)
    return found


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (call.read() if isinstance(call, grpc.aio.UnaryStreamCall) else call)
    return caught.value


async def health(server: Bench) -> int:
    stub: Any = health_pb2_grpc.HealthStub(server.channel)
    answer = await stub.Check(
        health_pb2.HealthCheckRequest(service="sketchzoo.search.v1.SearchService"), timeout=5
    )
    return int(answer.status)
