"""Whatever arrives, the answer has a code that tells the caller what was wrong."""

import random
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from qdrant_client import QdrantClient, models
from qdrant_client.grpc import collections_service_pb2, points_service_pb2

from tests.contract.embedded_qdrant.server_process import ServerProcess

NUMBERS = [0, 1, 2, 3, 4, 5, 17, 255, 2**31 - 1]
TEXTS = ["", "class", "width", "a", "a.b", "a[", "a[]", "[", "nested[].x", "\x00", "é", "x" * 300]
AT_ONCE = 20
UUIDS = ["00000000-0000-0000-0000-000000000005", "zz", ""]
FLOATS = [0.0, 1.0, -1.0, 0.5, 1e300, -1e300, float("nan"), float("inf"), 5e-324]
BIG = [2**63 - 1, -(2**63), -1]
UNSIGNED = [2**64 - 1, 2**63, 2**32]
VALUES: dict[int, list[Any]] = {
    FieldDescriptor.CPPTYPE_BOOL: [False, True],
    FieldDescriptor.CPPTYPE_DOUBLE: FLOATS,
    FieldDescriptor.CPPTYPE_INT32: NUMBERS,
    FieldDescriptor.CPPTYPE_UINT32: NUMBERS,
    FieldDescriptor.CPPTYPE_INT64: NUMBERS + BIG,
    FieldDescriptor.CPPTYPE_UINT64: NUMBERS + UNSIGNED,
}
# Refused by name wherever they are: set seldom, so that the rest is looked at.
RARE = {
    "shard_key_selector", "lookup_from", "prefetch", "with_lookup", "sparse_vectors_config",
    "sharding_method", "strict_mode_config", "id_tracker", "multivector_config", "datatype",
    "memory", "inline_storage", "idf", "indices", "vectors_count", "sparse", "multi_dense",
    "document", "image", "object", "product", "binary", "turboquant", "disabled", "slice",
    "discover", "context", "fusion", "sample", "formula", "nearest_with_mmr", "rrf",
    "relevance_feedback", "text", "field_index_params", "min_should", "values_count", "geo_polygon",
    "nested", "has_vector", "except_keywords", "except_integers", "text_any", "phrase", "substring",
    "qdrant.FieldCondition.is_empty", "qdrant.FieldCondition.is_null", "acorn", "metadata",
    "optimizers_config", "update_filter", "update_mode", "qdrant.SetPayloadPoints.key", "strategy",
    "rename_alias", "qdrant.Query.order_by",
}  # fmt: skip
ALLOWED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
SERVICES = [
    points_service_pb2.DESCRIPTOR.services_by_name["Points"],
    collections_service_pb2.DESCRIPTOR.services_by_name["Collections"],
]


class Arbitrary:
    """Fills messages with values that are often plausible and often not."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def message(self, descriptor: Any, depth: int = 0) -> Message:
        """Return a message with about half of its fields set."""
        message = GetMessageClass(descriptor)()
        for field in descriptor.fields:
            if field.name == "collection_name":
                message.collection_name = self._chance.choice(["c", "c", "c", "c", "alias", "no"])
            elif field.full_name == "qdrant.DenseVector.data" and self._chance.random() < 0.8:
                message.data.extend(self._chance.choices([0.0, 1.0, 0.5, -2.0], k=4))
            elif self._chance.random() < self._share(field, depth):
                self._fill(message, field, depth)
        return message

    @staticmethod
    def _share(field: FieldDescriptor, depth: int) -> float:
        rare = not RARE.isdisjoint((field.name, field.full_name)) or (
            field.name == "payload" and field.containing_type.name == "CreateCollection"
        )
        return 0.01 if rare else 0.5 / (1 + depth / 8)

    def _fill(self, message: Any, field: FieldDescriptor, depth: int) -> None:
        kind = field.message_type
        if kind is not None and depth > 7:
            return
        if kind is not None and kind.GetOptions().map_entry:
            self._fill_map(getattr(message, field.name), kind, depth)
        elif field.is_repeated:
            for _ in range(self._chance.choice([0, 1, 2, 4])):
                if kind is None:
                    getattr(message, field.name).append(self._value(field))
                else:
                    getattr(message, field.name).append(self.message(kind, depth + 1))
        elif kind is None:
            setattr(message, field.name, self._value(field))
        else:
            getattr(message, field.name).CopyFrom(self.message(kind, depth + 1))

    def _fill_map(self, entries: Any, kind: Any, depth: int) -> None:
        value = kind.fields_by_name["value"]
        for _ in range(self._chance.choice([0, 1, 2])):
            key = self._chance.choice(TEXTS)
            if value.message_type is None:
                entries[key] = self._value(value)
            else:
                entries[key].CopyFrom(self.message(value.message_type, depth + 1))

    def _value(self, field: FieldDescriptor) -> Any:
        if field.enum_type is not None:
            return self._chance.choice([v.number for v in field.enum_type.values] + [99])
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            return self._chance.choice(UUIDS if field.name == "uuid" else TEXTS)
        if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
            return self._chance.choice([x for x in FLOATS if not 1e38 < abs(x) < float("inf")])
        return self._chance.choice(VALUES[field.cpp_type])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_message_breaks_the_server(tmp_path: Path) -> None:
    """2,000 arbitrary messages to every served method: no INTERNAL, no UNKNOWN, no crash."""
    codes: dict[grpc.StatusCode, int] = {}
    surprises = []
    with ServerProcess(tmp_path / "storage") as server:
        client = QdrantClient(
            host="127.0.0.1",
            grpc_port=server.port,
            prefer_grpc=True,
            check_compatibility=False,
            timeout=60,
        )
        params = models.VectorParams(size=4, distance=models.Distance.COSINE)
        client.create_collection("c", vectors_config=params)
        client.create_payload_index("c", "class", models.PayloadSchemaType.KEYWORD)
        client.upsert(
            "c",
            [
                models.PointStruct(id=i, vector=[1, i, 0, 0], payload={"class": "a"})
                for i in range(9)
            ],
        )
        methods = [
            (f"/{service.full_name}/{method.name}", method.input_type)
            for service in SERVICES
            for method in service.methods
            # Deleting the collection would leave the other messages nothing to break.
            if (service.name, method.name) != ("Collections", "Delete")
        ]
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            calls = {
                path: channel.unary_unary(
                    path, request_serializer=lambda message: message.SerializeToString()
                )
                for path, _ in methods
            }
            # Some at a time: faster, and calls meet each other.
            for first in range(0, 2000, AT_ONCE):
                seeds = range(first, first + AT_ONCE)
                paths = [methods[seed % len(methods)] for seed in seeds]
                answers = [
                    calls[path].future(Arbitrary(seed).message(kind), timeout=60)
                    for seed, (path, kind) in zip(seeds, paths, strict=True)
                ]
                for seed, (path, _), answer in zip(seeds, paths, answers, strict=True):
                    code = answer.code()
                    codes[code] = codes.get(code, 0) + 1
                    if code not in ALLOWED:
                        surprises.append((seed, path, code, answer.details()))
        assert not surprises
        assert codes[grpc.StatusCode.OK] > 100, f"too few messages were taken: {codes}"
        assert client.query_points("c", query=[1, 0, 0, 0], limit=1).points is not None
        client.close()
        assert not server.events("call failed")
        assert server.process.poll() is None
