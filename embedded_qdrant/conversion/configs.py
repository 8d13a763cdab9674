"""Collection configurations: made from a create request, changed by an update, given to the engine.

What is kept of a collection is Qdrant's own `CollectionConfig` message, with the server's
defaults filled in, so that what `get_collection` tells is what is there.
"""

from collections.abc import Iterator

import qdrant_edge as edge
from qdrant_client import grpc

from embedded_qdrant import shard_config
from embedded_qdrant.conversion.vectors import Dimensions
from embedded_qdrant.errors import engine_errors, unserved, wrong_input
from embedded_qdrant.shard_config import HnswPlan, ScalarPlan, ShardPlan, VectorPlan

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
# The engine merges everything into segments up to this size: one graph searches best.
_MAX_SEGMENT_KB = 50_000_000
# No segment is as large: none is indexed.
_NEVER_KB = 1 << 40
_UNSERVED_PARAMS = ("multivector_config", "datatype", "memory")
_UNSERVED_CREATE = (
    "sparse_vectors_config",
    "sharding_method",
    "strict_mode_config",
    "payload",
    "id_tracker",
)
_UNSERVED_UPDATE = ("sparse_vectors_config", "strict_mode_config", "vectors_config")

DEFAULT_HNSW = grpc.HnswConfigDiff(
    m=16, ef_construct=100, full_scan_threshold=10_000, max_indexing_threads=0, on_disk=False
)
DEFAULT_OPTIMIZERS = grpc.OptimizersConfigDiff(
    deleted_threshold=0.2,
    vacuum_min_vector_number=1000,
    default_segment_number=1,
    flush_interval_sec=5,
)


def created(message: grpc.CreateCollection) -> grpc.CollectionConfig:
    """Return the configuration that a create request asks for, defaults filled in."""
    _refuse(message, _UNSERVED_CREATE, "CreateCollection")
    for name, params in _vectors(message.vectors_config):
        _check_params(name, params)
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
        hnsw_config=DEFAULT_HNSW,
        optimizer_config=DEFAULT_OPTIMIZERS,
        wal_config=grpc.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0),
    )
    config.hnsw_config.MergeFrom(message.hnsw_config)
    config.optimizer_config.MergeFrom(message.optimizers_config)
    if message.HasField("quantization_config"):
        config.quantization_config.CopyFrom(message.quantization_config)
    for key, value in message.metadata.items():
        config.metadata[key].CopyFrom(value)
    to_engine(config)  # refuses here what the engine would refuse later
    return config


def updated(config: grpc.CollectionConfig, message: grpc.UpdateCollection) -> grpc.CollectionConfig:
    """Return `config` changed by an update request; it takes hold with the next index."""
    _refuse(message, _UNSERVED_UPDATE, "UpdateCollection")
    changed = grpc.CollectionConfig()
    changed.CopyFrom(config)
    changed.hnsw_config.MergeFrom(message.hnsw_config)
    changed.optimizer_config.MergeFrom(message.optimizers_config)
    if message.params.HasField("on_disk_payload"):
        changed.params.on_disk_payload = message.params.on_disk_payload
    if message.HasField("quantization_config"):
        diff = message.quantization_config
        kind = diff.WhichOneof("quantization")
        if kind is None:
            raise wrong_input("quantization_config is empty")
        if kind != "scalar":
            # `disabled` too: the engine keeps what it was once given.
            raise unserved(f"QuantizationConfigDiff.{kind}")
        changed.quantization_config.scalar.CopyFrom(diff.scalar)
    for key, value in message.metadata.items():
        changed.metadata[key].CopyFrom(value)
    to_engine(changed)
    return changed


def dimensions(config: grpc.CollectionConfig) -> Dimensions:
    """Return each vector's dimension by name; the unnamed vector's name is ""."""
    return {name: params.size for name, params in _vectors(config.params.vectors_config)}


def plan(
    config: grpc.CollectionConfig, *, threads: int, index: bool = True, vacuum: bool = False
) -> ShardPlan:
    """Return the engine's configuration as plain values.

    Asked to optimise, the engine builds an index with `threads` (unless `index` is false)
    and, with `vacuum`, rids every segment of what was deleted.
    """
    optimizers = config.optimizer_config
    return ShardPlan(
        vectors={
            name: VectorPlan(
                size=params.size,
                distance=grpc.Distance.Name(params.distance),
                on_disk=params.on_disk if params.HasField("on_disk") else None,
                hnsw=_hnsw(config.hnsw_config, params.hnsw_config, threads)
                if params.HasField("hnsw_config")
                else None,
                scalar=_scalar(params),
            )
            for name, params in _vectors(config.params.vectors_config)
        },
        on_disk_payload=config.params.on_disk_payload,
        hnsw=_hnsw(config.hnsw_config, grpc.HnswConfigDiff(), threads),
        scalar=_scalar(config),
        deleted_threshold=0.0 if vacuum else optimizers.deleted_threshold,
        vacuum_min_vector_number=1 if vacuum else optimizers.vacuum_min_vector_number,
        default_segment_number=optimizers.default_segment_number or 1,
        max_segment_size=optimizers.max_segment_size or _MAX_SEGMENT_KB,
        indexing_threshold=1 if index else _NEVER_KB,
    )


def to_engine(config: grpc.CollectionConfig) -> edge.EdgeConfig:
    """Return the engine's configuration; INVALID_ARGUMENT for values it does not take."""
    with engine_errors():
        return shard_config.make(plan(config, threads=1))


def _vectors(message: grpc.VectorsConfig) -> Iterator[tuple[str, grpc.VectorParams]]:
    match message.WhichOneof("config"):
        case "params":
            yield "", message.params
        case "params_map":
            yield from message.params_map.map.items()
        case _:
            raise unserved("CreateCollection without vectors_config (only sparse vectors)")


def _check_params(name: str, params: grpc.VectorParams) -> None:
    _refuse(params, _UNSERVED_PARAMS, "VectorParams")
    where = f"vector `{name}`" if name else "vectors_config"
    if not 1 <= params.size <= _MAX_DIMENSION:
        raise wrong_input(f"{where}: size must be from 1 to {_MAX_DIMENSION}, got {params.size}")
    if params.distance not in _DISTANCES:
        raise wrong_input(f"{where}: distance must be Cosine, Euclid, Dot or Manhattan")


def _hnsw(base: grpc.HnswConfigDiff, diff: grpc.HnswConfigDiff, threads: int) -> HnswPlan:
    config = grpc.HnswConfigDiff()
    config.CopyFrom(base)
    config.MergeFrom(diff)
    if config.HasField("inline_storage"):
        raise unserved("HnswConfigDiff.inline_storage")
    if config.HasField("memory"):
        raise unserved("HnswConfigDiff.memory")
    if config.m > _MAX_M or not _EF_CONSTRUCT[0] <= config.ef_construct <= _EF_CONSTRUCT[1]:
        raise wrong_input(
            f"hnsw_config: m must be at most {_MAX_M} and ef_construct from "
            f"{_EF_CONSTRUCT[0]} to {_EF_CONSTRUCT[1]}, got {config.m} and {config.ef_construct}"
        )
    return HnswPlan(
        m=config.m,
        ef_construct=config.ef_construct,
        full_scan_threshold=config.full_scan_threshold,
        # 0, the engine's "auto", is slow: the threads are named instead.
        max_indexing_threads=min(config.max_indexing_threads or threads, _MAX_THREADS),
        on_disk=config.on_disk,
        payload_m=config.payload_m if config.HasField("payload_m") else None,
    )


def _scalar(owner: grpc.CollectionConfig | grpc.VectorParams) -> ScalarPlan | None:
    if not owner.HasField("quantization_config"):
        return None
    kind = owner.quantization_config.WhichOneof("quantization")
    if kind is None:
        raise wrong_input("quantization_config is empty")
    if kind != "scalar":
        raise unserved(f"QuantizationConfig.{kind}")
    scalar = owner.quantization_config.scalar
    if scalar.type != grpc.QuantizationType.Int8:
        raise wrong_input("quantization_config.scalar.type must be Int8")
    return ScalarPlan(
        quantile=scalar.quantile if scalar.HasField("quantile") else None,
        always_ram=scalar.always_ram if scalar.HasField("always_ram") else None,
    )


def _refuse(
    message: grpc.CreateCollection | grpc.UpdateCollection | grpc.VectorParams,
    fields: tuple[str, ...],
    kind: str,
) -> None:
    present = {field.name for field, _ in message.ListFields()}
    for field in fields:
        if field in present:
            raise unserved(f"{kind}.{field}")
