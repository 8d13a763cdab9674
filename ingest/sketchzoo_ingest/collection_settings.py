"""Settings of a gallery's collection: what Qdrant may be told of how it lies and is searched."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from sketchzoo.settings import Count, Settings

if TYPE_CHECKING:
    from sketchzoo.qdrant import CollectionOptions

_WITH_QUANTIZATION = "scalar, binary or product"


class CollectionSettings(Settings):
    """How a new collection is made."""

    subject = "A new collection"

    hnsw_m: Annotated[int, Field(ge=4, le=128)] = Field(
        32, description="Links a photo has in a collection's index."
    )
    hnsw_ef_construct: Annotated[int, Field(ge=4, le=4096)] = Field(
        200, description="How wide a collection's index is searched while it is built."
    )
    hnsw_payload_m: Annotated[int, Field(ge=4, le=128)] | None = Field(
        None,
        description="Links between photos of one value of an indexed field; unset takes hnsw_m.",
    )
    hnsw_on_disk: bool | None = Field(
        None, description="Keep the index on disk; unset leaves it to Qdrant, which does not."
    )
    shards: Count | None = Field(
        None,
        description="Shards of a new collection; unset leaves it to Qdrant, which takes one a "
        "node. They cannot be changed later.",
    )
    replicas: Count | None = Field(
        None, description="Copies of each shard, on different nodes; unset is Qdrant's, 1."
    )
    write_consistency: Count | None = Field(
        None,
        description="Copies that must have a write before it counts as written; unset is "
        "Qdrant's, 1.",
    )
    vectors_on_disk: bool | None = Field(
        None, description="Keep embeddings on disk; unset leaves it to Qdrant, which does not."
    )
    payload_on_disk: bool | None = Field(
        None, description="Keep payload on disk; unset leaves it to Qdrant, which does."
    )
    payload_indexes_on_disk: bool | None = Field(
        None,
        description="Keep the payload fields' indexes on disk; unset leaves it to Qdrant, which "
        "does not.",
    )
    quantization: Literal["none", "scalar", "binary", "product"] | None = Field(
        None,
        description="Keep small embeddings beside the full to search by: scalar of 8 bits a "
        "number, binary of 1, product by product_compression; unset is none.",
    )
    product_compression: Literal["x4", "x8", "x16", "x32", "x64"] | None = Field(
        None, description="How much smaller product quantization is; unset is x16."
    )
    quantized_on_disk: bool | None = Field(
        None, description="Keep the small embeddings on disk; unset keeps them in memory."
    )

    @model_validator(mode="after")
    def _check_collection(self) -> Self:
        if self.hnsw_ef_construct < self.hnsw_m:
            raise ValueError(
                f"hnsw_ef_construct must be at least hnsw_m, {self.hnsw_m}, not "
                f"{self.hnsw_ef_construct}"
            )
        if self.product_compression is not None and self.quantization != "product":
            raise ValueError("product_compression needs quantization product")
        if self.quantized_on_disk is not None and self.quantization in (None, "none"):
            raise ValueError(f"quantized_on_disk needs quantization {_WITH_QUANTIZATION}")
        self._check_writes()
        return self

    def _check_writes(self) -> None:
        if (self.write_consistency or 1) > (self.replicas or 1):
            raise ValueError(
                f"write_consistency {self.write_consistency} needs replicas of at least as many, "
                "or every write fails"
            )

    def collection_options(self) -> "CollectionOptions":
        """Return them as the adapter takes them."""
        # Here, since it brings Qdrant's messages along: `--help` needs none.
        from sketchzoo.qdrant import CollectionOptions  # noqa: PLC0415

        return CollectionOptions(
            m=self.hnsw_m,
            ef_construct=self.hnsw_ef_construct,
            payload_m=self.hnsw_payload_m,
            hnsw_on_disk=self.hnsw_on_disk,
            shards=self.shards,
            replicas=self.replicas,
            write_consistency=self.write_consistency,
            vectors_on_disk=self.vectors_on_disk,
            payload_on_disk=self.payload_on_disk,
            payload_indexes_on_disk=self.payload_indexes_on_disk,
            quantization=self.quantization,
            product_compression=self.product_compression,
            quantized_on_disk=self.quantized_on_disk,
        )


class ChangeSettings(CollectionSettings):
    """What of a collection that is there is changed: what is said, and nothing else."""

    def _check_writes(self) -> None:
        """Leave it to who knows how many replicas the collection has."""

    def change(self) -> "CollectionOptions":
        """Return what was said."""
        options = self.collection_options()
        said = self.model_fields_set
        return replace(
            options,
            m=options.m if "hnsw_m" in said else None,
            ef_construct=options.ef_construct if "hnsw_ef_construct" in said else None,
        )
