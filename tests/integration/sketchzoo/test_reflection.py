"""Reflection over a real socket, in both of its versions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse
from prometheus_client import CollectorRegistry

from sketchzoo.rpc import ChannelSettings, RpcServer, Service, open_channel
from sketchzoo.search.v1 import search_pb2_grpc
from sketchzoo.settings import ServerSettings

SERVICE = "sketchzoo.search.v1.SearchService"
REFLECTION = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
both_versions = pytest.mark.parametrize("version", REFLECTION)


@asynccontextmanager
async def asking(version: str) -> AsyncIterator[Any]:
    """Yield a function that asks one thing of a server that serves nothing but names."""
    service = Service(
        SERVICE,
        search_pb2_grpc.SearchServiceServicer(),
        search_pb2_grpc.add_SearchServiceServicer_to_server,
    )
    server = RpcServer(ServerSettings(drain_seconds=0.1), [service], CollectorRegistry())
    async with server, open_channel(ChannelSettings(f"127.0.0.1:{server.port}")) as channel:
        method: Any = channel.stream_stream(
            f"/{version}/ServerReflectionInfo",
            request_serializer=ServerReflectionRequest.SerializeToString,
            response_deserializer=ServerReflectionResponse.FromString,
        )

        async def ask(**wanted: Any) -> ServerReflectionResponse:
            request = ServerReflectionRequest(**wanted)
            (answer,) = [each async for each in method(iter([request]), timeout=5)]
            assert answer.original_request == request
            return answer

        yield ask


@both_versions
async def test_lists_the_services(version: str) -> None:
    """A tool like grpcurl needs no proto files."""
    async with asking(version) as ask:
        answer = await ask(list_services="")
    names = {service.name for service in answer.list_services_response.service}
    assert names == {SERVICE, "grpc.health.v1.Health", *REFLECTION}


@both_versions
@pytest.mark.parametrize(
    "symbol",
    [
        SERVICE,
        f"{SERVICE}.Search",
        f"{SERVICE}.LiveSearch",
        "sketchzoo.search.v1.SearchRequest",
        "sketchzoo.search.v1.SearchRequest.limit",
        "sketchzoo.search.v1.Query.source",
        "sketchzoo.search.v1.PhotoSize",
        "sketchzoo.search.v1.PHOTO_SIZE_ORIGINAL",
        "grpc.health.v1.Health.Check",
        *REFLECTION,
        f"{REFLECTION[0]}.ServerReflectionInfo",
        f"{REFLECTION[1]}.ServerReflectionInfo",
        # What an error's details are made of.
        "google.rpc.BadRequest",
        "google.rpc.RetryInfo",
        "google.rpc.ErrorInfo",
    ],
)
async def test_answers_for_every_kind_of_symbol(version: str, symbol: str) -> None:
    """Services, methods, messages, fields and enum values come with all that they refer to."""
    async with asking(version) as ask:
        answer = await ask(file_containing_symbol=symbol)
    pool: Any = DescriptorPool()
    # In the order in which their dependencies allow.
    waiting = [
        FileDescriptorProto.FromString(file)
        for file in answer.file_descriptor_response.file_descriptor_proto
    ]
    added: set[str] = set()
    while waiting:
        ready = [file for file in waiting if set(file.dependency) <= added]
        assert ready, f"{symbol} comes without its dependencies"
        for file in ready:
            pool.Add(file)
        added |= {file.name for file in ready}
        waiting = [file for file in waiting if file not in ready]
    try:
        pool.FindFileContainingSymbol(symbol)
    except KeyError:
        pool.FindMethodByName(symbol)


@both_versions
@pytest.mark.parametrize(
    "symbol", [f"{SERVICE}.Paint", "sketchzoo.search.v2.SearchService.Search", "Search", "", "."]
)
async def test_an_unknown_symbol_is_not_found(version: str, symbol: str) -> None:
    """The error names the code; the stream goes on."""
    async with asking(version) as ask:
        answer = await ask(file_containing_symbol=symbol)
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
