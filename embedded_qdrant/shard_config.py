"""The engine's configuration, made from plain values.

Plain values (JSON) because an index is built in a process of its own, which is started for
each build and shall not first import a gRPC client for seconds: this module imports the
engine alone.
"""

from typing import TypedDict

import qdrant_edge as edge

# The engine merges everything into segments up to this size: one graph searches best.
_MAX_SEGMENT_KB = 50_000_000


class HnswConfig(TypedDict):
    """Parameters of the HNSW graph; `payload_m` None leaves the engine's own."""

    m: int
    ef_construct: int
    full_scan_threshold: int
    max_indexing_threads: int
    on_disk: bool
    payload_m: int | None


class ScalarConfig(TypedDict):
    """Parameters of int8 scalar quantization; None leaves the engine's own."""

    quantile: float | None
    always_ram: bool | None


class VectorConfig(TypedDict):
    """One vector; `on_disk` None leaves the engine's own."""

    size: int
    distance: str
    on_disk: bool | None


class ShardConfig(TypedDict):
    """A shard; the unnamed vector's name is ""."""

    vectors: dict[str, VectorConfig]
    on_disk_payload: bool
    hnsw: HnswConfig
    scalar: ScalarConfig | None
    deleted_threshold: float
    vacuum_min_vector_number: int
    indexing_threshold: int


def make(plan: ShardConfig) -> edge.EdgeConfig:
    """Return the engine's configuration; it raises ValueError or TypeError for bad values."""
    vectors = {name: _vector(vector) for name, vector in plan["vectors"].items()}
    return edge.EdgeConfig(
        vectors=vectors[""] if set(vectors) == {""} else vectors,
        on_disk_payload=plan["on_disk_payload"],
        hnsw_config=edge.HnswIndexConfig(**plan["hnsw"]),
        quantization_config=_scalar(plan["scalar"]),
        optimizers=edge.EdgeOptimizersConfig(
            deleted_threshold=plan["deleted_threshold"],
            vacuum_min_vector_number=plan["vacuum_min_vector_number"],
            default_segment_number=1,
            max_segment_size=_MAX_SEGMENT_KB,
            # When to build is decided outside the engine.
            indexing_threshold=plan["indexing_threshold"],
        ),
    )


def _vector(plan: VectorConfig) -> edge.EdgeVectorParams:
    return edge.EdgeVectorParams(
        size=plan["size"],
        distance=getattr(edge.Distance, plan["distance"]),
        on_disk=plan["on_disk"],
    )


def _scalar(plan: ScalarConfig | None) -> edge.ScalarQuantizationConfig | None:
    if plan is None:
        return None
    return edge.ScalarQuantizationConfig(
        edge.ScalarType.Int8, quantile=plan["quantile"], always_ram=plan["always_ram"]
    )
