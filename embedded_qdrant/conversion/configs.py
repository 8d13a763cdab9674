"""Collection configurations: made from a create request, given to the engine.

What is kept of a collection is Qdrant's own `CollectionConfig` message, with the server's
defaults filled in, so that what `get_collection` tells is what is there.
"""

from collections.abc import Iterator

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant import shard_config
from embedded_qdrant.conversion.vectors import Dimensions
from embedded_qdrant.errors import engine_errors, serve_only, unserved, wrong_input
from embedded_qdrant.shard_config import HnswConfig, ScalarConfig, ShardConfig, VectorConfig

_DISTANCES = (
    grpc.Distance.Cosine,
    grpc.Distance.Euclid,
    grpc.Distance.Dot,
    grpc.Distance.Manhattan,
)
_MAX_DIMENSION = 65536
# Far past what helps; without a limit one request could ask for all memory at the next build.
_MAX_M = 512
_EF_CONSTRUCT = (4, 10_000)
_MAX_THREADS = 256
# No segment is as large: none is indexed.
_NEVER_KB = 1 << 40
# The last four are a server's of many nodes: told as 1.
_SERVED_CREATE = (
    "collection_name",
    "vectors_config",
    "hnsw_config",
    "quantization_config",
    "on_disk_payload",
    "timeout",
    "shard_number",
    "replication_factor",
    "write_consistency_factor",
    "wal_config",
)
_SERVED_PARAMS = ("size", "distance", "on_disk")
_SERVED_HNSW = (
    "m",
    "ef_construct",
    "full_scan_threshold",
    "max_indexing_threads",
    "on_disk",
    "payload_m",
)

_DEFAULT_HNSW = grpc.HnswConfigDiff(
    m=16, ef_construct=100, full_scan_threshold=10_000, max_indexing_threads=0, on_disk=False
)
_OPTIMIZERS = grpc.OptimizersConfigDiff(
    deleted_threshold=0.2,
    vacuum_min_vector_number=1000,
    default_segment_number=1,
    flush_interval_sec=5,
)


def created(message: grpc.CreateCollection) -> grpc.CollectionConfig:
    """Return the configuration that a create request asks for, defaults filled in."""
    serve_only(message, _SERVED_CREATE)
    for name, params in _vectors(message.vectors_config):
        _check_params(name, params)
    serve_only(message.hnsw_config, _SERVED_HNSW)
    config = grpc.CollectionConfig(
        params=grpc.CollectionParams(
            shard_number=1,
            replication_factor=1,
            write_consistency_factor=1,
            on_disk_payload=message.on_disk_payload
            if message.HasField("on_disk_payload")
            else True,
            vectors_config=message.vectors_config,
        ),
        hnsw_config=_DEFAULT_HNSW,
        optimizer_config=_OPTIMIZERS,
        wal_config=grpc.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0),
    )
    config.hnsw_config.MergeFrom(message.hnsw_config)
    if message.HasField("quantization_config"):
        config.quantization_config.CopyFrom(message.quantization_config)
    to_engine(config)  # refuses here what the engine would refuse later
    return config


def to_engine(config: grpc.CollectionConfig) -> edge.EdgeConfig:
    """Return the engine's configuration; INVALID_ARGUMENT for values it does not take."""
    with engine_errors():
        return shard_config.make(plan(config, threads=1))


def dimensions(config: grpc.CollectionConfig) -> Dimensions:
    """Return each vector's dimension by name; the unnamed vector's name is ""."""
    return {name: params.size for name, params in _vectors(config.params.vectors_config)}


def nearer_is_less(config: grpc.CollectionConfig, using: str) -> bool:
    """Tell whether scores of the vector `using` are distances, the least of them the nearest."""
    distances = (grpc.Distance.Euclid, grpc.Distance.Manhattan)
    vectors = dict(_vectors(config.params.vectors_config))
    return vectors[using].distance in distances


def plan(
    config: grpc.CollectionConfig, *, threads: int, index: bool = True, vacuum: bool = False
) -> ShardConfig:
    """Return the engine's configuration as plain values.

    Asked to optimise, the engine builds an index with `threads` (unless `index` is false)
    and, with `vacuum`, rids every segment of what was deleted.
    """
    optimizers = config.optimizer_config
    return ShardConfig(
        vectors={
            name: VectorConfig(
                size=params.size,
                distance=grpc.Distance.Name(params.distance),
                on_disk=params.on_disk if params.HasField("on_disk") else None,
            )
            for name, params in _vectors(config.params.vectors_config)
        },
        on_disk_payload=config.params.on_disk_payload,
        hnsw=_hnsw(config.hnsw_config, threads),
        scalar=_scalar(config),
        deleted_threshold=0.0 if vacuum else optimizers.deleted_threshold,
        vacuum_min_vector_number=1 if vacuum else optimizers.vacuum_min_vector_number,
        indexing_threshold=1 if index else _NEVER_KB,
    )


def _vectors(message: grpc.VectorsConfig) -> Iterator[tuple[str, grpc.VectorParams]]:
    match message.WhichOneof("config"):
        case "params":
            yield "", message.params
        case "params_map":
            yield from message.params_map.map.items()
        case _:
            raise unserved("CreateCollection without vectors_config (only sparse vectors)")


def _check_params(name: str, params: grpc.VectorParams) -> None:
    serve_only(params, _SERVED_PARAMS)
    where = f"vector `{name}`" if name else "vectors_config"
    if not 1 <= params.size <= _MAX_DIMENSION:
        raise wrong_input(f"{where}: size must be from 1 to {_MAX_DIMENSION}, got {params.size}")
    if params.distance not in _DISTANCES:
        raise wrong_input(f"{where}: distance must be Cosine, Euclid, Dot or Manhattan")


def _hnsw(config: grpc.HnswConfigDiff, threads: int) -> HnswConfig:
    if config.m > _MAX_M or not _EF_CONSTRUCT[0] <= config.ef_construct <= _EF_CONSTRUCT[1]:
        raise wrong_input(
            f"hnsw_config: m must be at most {_MAX_M} and ef_construct from "
            f"{_EF_CONSTRUCT[0]} to {_EF_CONSTRUCT[1]}, got {config.m} and {config.ef_construct}"
        )
    return HnswConfig(
        m=config.m,
        ef_construct=config.ef_construct,
        full_scan_threshold=config.full_scan_threshold,
        # 0, the engine's "auto", is slow: the threads are named instead.
        max_indexing_threads=min(config.max_indexing_threads or threads, _MAX_THREADS),
        on_disk=config.on_disk,
        payload_m=config.payload_m if config.HasField("payload_m") else None,
    )


def _scalar(config: grpc.CollectionConfig) -> ScalarConfig | None:
    if not config.HasField("quantization_config"):
        return None
    kind = config.quantization_config.WhichOneof("quantization")
    if kind is None:
        raise wrong_input("quantization_config is empty")
    if kind != "scalar":
        raise unserved(f"QuantizationConfig.{kind}")
    scalar = config.quantization_config.scalar
    if scalar.type != grpc.QuantizationType.Int8:
        raise wrong_input("quantization_config.scalar.type must be Int8")
    return ScalarConfig(
        quantile=scalar.quantile if scalar.HasField("quantile") else None,
        always_ram=scalar.always_ram if scalar.HasField("always_ram") else None,
    )
