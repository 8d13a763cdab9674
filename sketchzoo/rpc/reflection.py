"""Reflection: clients without proto files ask a server what it serves.

Two versions of the protocol are in use, `grpc.reflection.v1` and the older `v1alpha`. They
differ by their package's name alone, so one servicer answers both. grpcio-reflection knows
the older one, and finds no methods by their names though the protocol asks for it.
"""

from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection, reflection_pb2

_OLDER = reflection.SERVICE_NAME
_NAME = "grpc.reflection.v1.ServerReflection"
_METHOD = "ServerReflectionInfo"


class _Symbols:
    """Python's pool of descriptors, which here finds methods too."""

    def __init__(self) -> None:
        self._pool: Any = descriptor_pool.Default()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - the pool's name
        """Return the file that defines a message, field, enum, value, service or method."""
        try:
            found = self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            found = self._pool.FindMethodByName(symbol).containing_service.file
        file: FileDescriptor = found
        return file


def add_reflection(names: Sequence[str], server: grpc.aio.Server) -> None:
    """Let a server answer reflection about the services of these full names."""
    _describe()
    asyncio_reflection: Any = reflection.aio  # type: ignore[attr-defined] # exported on a condition
    servicer = asyncio_reflection.ReflectionServicer([*names, _OLDER, _NAME], pool=_Symbols())
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(name, {_METHOD: handler}) for name in (_OLDER, _NAME)]
    )


def _describe() -> None:
    """Put the newer version's own file among the descriptors: it can be asked for as well."""
    pool = descriptor_pool.Default()
    older = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(older)
    # In their text, since the package's name stands in each type's name too.
    newer = text_format.MessageToString(older).replace("v1alpha", "v1")
    pool.AddSerializedFile(text_format.Parse(newer, FileDescriptorProto()).SerializeToString())
