"""Settings of a gallery's collection: what Qdrant may be told of how it lies and is searched."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from sketchzoo.settings import Count, Settings

if TYPE_CHECKING:
    from sketchzoo.qdrant import CollectionOptions

_WITH_QUANTIZATION = "scalar, binary or product"
_M = "Links a photo has in a collection's index."
_EF_CONSTRUCT = "How wide a collection's index is searched while it is built."

Links = Annotated[int, Field(ge=4, le=128)]
Candidates = Annotated[int, Field(ge=4, le=4096)]


class LayoutSettings(Settings):
    """How a collection lies, new or not; what is not said is Qdrant's to choose, or as it is."""

    subject = "The collection in Qdrant"

    hnsw_payload_m: Links | None = Field(
        None,
        description="Links between photos of one value of an indexed field; by itself Qdrant "
        "takes hnsw_m.",
    )
    hnsw_on_disk: bool | None = Field(
        None, description="Keep the index on disk; by itself Qdrant does not."
    )
    shards: Count | None = Field(
        None,
        description="Shards; by itself Qdrant takes one a node. They cannot be changed later.",
    )
    replicas: Count | None = Field(
        None, description="Copies of each shard, on different nodes; by itself Qdrant has 1."
    )
    write_consistency: Count | None = Field(
        None,
        description="Copies that must have a write before it counts as written; by itself Qdrant "
        "asks for 1.",
    )
    vectors_on_disk: bool | None = Field(
        None, description="Keep embeddings on disk; by itself Qdrant does not."
    )
    payload_on_disk: bool | None = Field(
        None, description="Keep payload on disk; by itself Qdrant does."
    )
    payload_indexes_on_disk: bool | None = Field(
        None,
        description="Keep the payload fields' indexes on disk; unset keeps those that no filter of "
        "a search asks: of uris, contents, bursts.",
    )
    quantization: Literal["none", "scalar", "binary", "product"] | None = Field(
        None,
        description="Keep small embeddings beside the full to search by: scalar of 8 bits a "
        "number, binary of 1, product by product_compression; by itself Qdrant keeps none.",
    )
    product_compression: Literal["x4", "x8", "x16", "x32", "x64"] | None = Field(
        None, description="How much smaller product quantization is, x16 at first."
    )
    quantized_on_disk: bool | None = Field(
        None, description="Keep the small embeddings on disk; at first they stay in memory."
    )

    @model_validator(mode="after")
    def _check_quantization(self) -> Self:
        if self.product_compression is not None and self.quantization != "product":
            raise ValueError("product_compression needs quantization product")
        if self.quantized_on_disk is not None and self.quantization in (None, "none"):
            raise ValueError(f"quantized_on_disk needs quantization {_WITH_QUANTIZATION}")
        return self

    def _options(self, m: int | None, ef_construct: int | None) -> "CollectionOptions":
        # Here, since it brings Qdrant's messages along: `--help` needs none.
        from sketchzoo.qdrant import CollectionOptions  # noqa: PLC0415

        return CollectionOptions(
            m=m,
            ef_construct=ef_construct,
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


class CollectionSettings(LayoutSettings):
    """How a new collection is made."""

    subject = "The collection in Qdrant"

    hnsw_m: Links = Field(32, description=_M)
    hnsw_ef_construct: Candidates = Field(200, description=_EF_CONSTRUCT)

    @model_validator(mode="after")
    def _check_new(self) -> Self:
        _check_index(self.hnsw_m, self.hnsw_ef_construct)
        if (self.write_consistency or 1) > (self.replicas or 1):
            raise ValueError(
                f"write_consistency {self.write_consistency} needs replicas of at least as many, "
                "or Qdrant asks for fewer without a word"
            )
        return self

    def collection_options(self) -> "CollectionOptions":
        """Return them as the adapter takes them."""
        return self._options(self.hnsw_m, self.hnsw_ef_construct)


class ChangeSettings(LayoutSettings):
    """What of a collection that is there is changed: what is said, and nothing else.

    Whether it has enough replicas for its writes is known where it lies.
    """

    subject = "The collection in Qdrant"

    hnsw_m: Links | None = Field(None, description=_M)
    hnsw_ef_construct: Candidates | None = Field(None, description=_EF_CONSTRUCT)

    @model_validator(mode="after")
    def _check_said(self) -> Self:
        if self.hnsw_m is not None and self.hnsw_ef_construct is not None:
            _check_index(self.hnsw_m, self.hnsw_ef_construct)
        return self

    def change(self) -> "CollectionOptions":
        """Return what was said."""
        return self._options(self.hnsw_m, self.hnsw_ef_construct)


def _check_index(m: int, ef_construct: int) -> None:
    if ef_construct < m:
        raise ValueError(f"hnsw_ef_construct must be at least hnsw_m, {m}, not {ef_construct}")
