"""How a collection is laid out: shards, replicas, what lies on disk, index, quantization.

What is None is left to Qdrant, or, of a collection that is there, as it is.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from qdrant_client import grpc as api

_PARAMS = {
    api.FieldType.FieldTypeKeyword: "keyword_index_params",
    api.FieldType.FieldTypeInteger: "integer_index_params",
    api.FieldType.FieldTypeFloat: "float_index_params",
    api.FieldType.FieldTypeBool: "bool_index_params",
    api.FieldType.FieldTypeDatetime: "datetime_index_params",
    api.FieldType.FieldTypeGeo: "geo_index_params",
}
# Nearly as many values as photos, which ingest asks for, and searches for the bursts of a page
# alone: in memory they would take four fifths of what all indexes take (docs/adr/0098-*.md).
_OF_INGEST = frozenset(("uri", "sha256", "phash_keys", "burst"))
_QUANTIZATION = {"quantization", "product_compression", "quantized_on_disk"}
_KINDS = ("none", "scalar", "binary", "product")
# Qdrant's middle of five.
_COMPRESSION = "x16"
_MOST_LINKS = 128
_LEAST_LINKS = 4
_MOST_CANDIDATES = 4096


@dataclass(frozen=True, slots=True)
class CollectionOptions:
    """A collection's settings, by Qdrant's meanings.

    `m`, `ef_construct` and `payload_m` are HNSW's links a photo, candidates while it is built
    and links within one value of an indexed payload field. Without any said, `m` and
    `ef_construct` are twice what Qdrant takes by itself: embeddings lie in clusters, a class each,
    and with 16 links whole clusters may be cut off (docs/adr/0043-a-denser-index.md).
    """

    m: int | None = 32
    ef_construct: int | None = 200
    payload_m: int | None = None
    hnsw_on_disk: bool | None = None
    shards: int | None = None
    replicas: int | None = None
    write_consistency: int | None = None
    vectors_on_disk: bool | None = None
    payload_on_disk: bool | None = None
    payload_indexes_on_disk: bool | None = None
    quantization: str | None = None
    product_compression: str | None = None
    quantized_on_disk: bool | None = None

    def __post_init__(self) -> None:
        for name, value in (("m", self.m), ("payload_m", self.payload_m)):
            if value is not None and not _LEAST_LINKS <= value <= _MOST_LINKS:
                raise ValueError(f"{name} must be {_LEAST_LINKS} to {_MOST_LINKS}, not {value}")
        least = self.m or _LEAST_LINKS
        if self.ef_construct is not None and not least <= self.ef_construct <= _MOST_CANDIDATES:
            raise ValueError(
                f"ef_construct must be m to {_MOST_CANDIDATES}, not {self.ef_construct}"
            )
        for name in ("shards", "replicas", "write_consistency"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"{name} must be at least 1, not {number}")
        self._check_quantization()

    def _check_quantization(self) -> None:
        if self.quantization not in (None, *_KINDS):
            raise ValueError(f"quantization must be one of {', '.join(_KINDS)}")
        if self.product_compression is not None and self.quantization != "product":
            raise ValueError("product_compression needs quantization product")
        if self.quantized_on_disk is not None and self.quantization in (None, "none"):
            raise ValueError(
                "quantized embeddings lie nowhere without quantization scalar, binary or product"
            )

    def check_writes(self, replicas: int) -> None:
        """Refuse a write consistency that is never met; `replicas` there are unless it is said.

        Raises:
            ValueError: Qdrant would ask for as many as there are.

        """
        wanted = self.write_consistency
        if wanted is not None and wanted > (self.replicas or replicas):
            raise ValueError(
                f"write_consistency {wanted} needs as many replicas, not "
                f"{self.replicas or replicas}, or Qdrant asks for fewer without a word"
            )

    def creation(self, name: str, dimension: int) -> api.CreateCollection:
        """Return the message that makes a collection."""
        request = api.CreateCollection(collection_name=name)
        vectors = request.vectors_config.params
        vectors.size, vectors.distance = dimension, api.Distance.Cosine
        _set(vectors, on_disk=self.vectors_on_disk)
        self._fill_hnsw(request.hnsw_config)
        _set(
            request,
            shard_number=self.shards,
            replication_factor=self.replicas,
            write_consistency_factor=self.write_consistency,
            on_disk_payload=self.payload_on_disk,
        )
        if self.quantization not in (None, "none"):
            self._fill_quantization(request.quantization_config)
        return request

    def change(self, name: str) -> api.UpdateCollection | None:
        """Return the message that changes a collection, None where nothing of it is said.

        Its shards cannot be changed, and payload indexes are made anew by `index`.
        """
        request = api.UpdateCollection(collection_name=name)
        _set(
            request.params,
            replication_factor=self.replicas,
            write_consistency_factor=self.write_consistency,
            on_disk_payload=self.payload_on_disk,
        )
        if self.vectors_on_disk is not None:
            request.vectors_config.params_map.map[""].on_disk = self.vectors_on_disk
        self._fill_hnsw(request.hnsw_config)
        if self.quantization == "none":
            request.quantization_config.disabled.SetInParent()
        elif self.quantization is not None:
            self._fill_quantization(request.quantization_config)
        for empty in ("params", "hnsw_config"):
            if not getattr(request, empty).ByteSize():
                request.ClearField(empty)
        return request if len(request.ListFields()) > 1 else None

    def index(
        self, collection: str, field: str, kind: "api.FieldType.ValueType"
    ) -> api.CreateFieldIndexCollection:
        """Return the message that makes a payload index."""
        request = api.CreateFieldIndexCollection(
            collection_name=collection, field_name=field, field_type=kind, wait=True
        )
        on_disk = self.payload_indexes_on_disk
        if on_disk is None and field in _OF_INGEST:
            on_disk = True
        if on_disk is not None:
            params = getattr(request.field_index_params, _PARAMS[kind])
            params.on_disk = on_disk
            if kind == api.FieldType.FieldTypeInteger:
                params.lookup, params.range = True, field not in _OF_INGEST
        return request

    def differences(self, has: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        """Yield what is said here and is otherwise in a collection: name, wanted, is."""
        for each in fields(self):
            wanted, is_so = getattr(self, each.name), has[each.name]
            if wanted is not None and wanted != is_so:
                yield each.name, wanted, is_so

    def beside(self, has: Mapping[str, Any]) -> Self:
        """Return them with what a collection keeps of its quantization, which is changed whole."""
        if self.quantization in (None, "none"):
            return self
        compression, on_disk = self.product_compression, self.quantized_on_disk
        if self.quantization == "product" and compression is None:
            compression = has["product_compression"]
        if on_disk is None:
            on_disk = has["quantized_on_disk"]
        return replace(self, product_compression=compression, quantized_on_disk=on_disk)

    def only(self, names: Collection[str]) -> Self:
        """Return the options of these names alone; those of quantization go together."""
        kept = {*names, *(_QUANTIZATION if _QUANTIZATION & set(names) else ())}
        return replace(self, **{each.name: None for each in fields(self) if each.name not in kept})

    def _fill_hnsw(self, message: api.HnswConfigDiff) -> None:
        _set(
            message,
            m=self.m,
            ef_construct=self.ef_construct,
            payload_m=self.payload_m,
            on_disk=self.hnsw_on_disk,
        )

    def _fill_quantization(
        self, message: api.QuantizationConfig | api.QuantizationConfigDiff
    ) -> None:
        kind: Any = getattr(message, self.quantization or "")
        # Small, and read by every search: in memory unless it is said.
        kind.always_ram = not self.quantized_on_disk
        if self.quantization == "scalar":
            kind.type, kind.quantile = api.QuantizationType.Int8, 0.99
        elif self.quantization == "product":
            kind.compression = api.CompressionRatio.Value(self.product_compression or _COMPRESSION)


def settings_of(info: api.CollectionInfo) -> dict[str, Any]:
    """Return what a collection has of each of the options, by name."""
    params, hnsw = info.config.params, info.config.hnsw_config
    quantization: Any = info.config.quantization_config
    kind = quantization.WhichOneof("quantization") or "none"
    quantized = getattr(quantization, kind) if kind != "none" else None
    return {
        "m": hnsw.m,
        "ef_construct": hnsw.ef_construct,
        "payload_m": hnsw.payload_m if hnsw.HasField("payload_m") else None,
        "hnsw_on_disk": hnsw.on_disk,
        "shards": params.shard_number,
        "replicas": params.replication_factor or 1,
        "write_consistency": params.write_consistency_factor or 1,
        "vectors_on_disk": params.vectors_config.params.on_disk,
        "payload_on_disk": params.on_disk_payload,
        "payload_indexes_on_disk": _indexes_on_disk(info),
        "quantization": kind,
        "product_compression": api.CompressionRatio.Name(quantized.compression)
        if kind == "product" and quantized is not None
        else None,
        "quantized_on_disk": None if quantized is None else not quantized.always_ram,
    }


def index_on_disk(index: api.PayloadSchemaInfo) -> bool:
    """Tell whether a payload index lies on disk."""
    kind = index.params.WhichOneof("index_params")
    return kind is not None and bool(getattr(index.params, kind).on_disk)


def _indexes_on_disk(info: api.CollectionInfo) -> bool | None:
    """Tell where the payload indexes lie; None where there are none or some of each."""
    found = {index_on_disk(index) for index in info.payload_schema.values()}
    return found.pop() if len(found) == 1 else None


def _set(message: Any, **values: float | None) -> None:
    for name, value in values.items():
        if value is not None:
            setattr(message, name, value)
