"""Settings of collections, as a server gets them: what a cluster does with them is Qdrant's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from google.protobuf.json_format import MessageToDict
from qdrant_client import grpc as api
from typer.testing import CliRunner, Result

from sketchzoo.call_settings import QdrantSettings
from sketchzoo.cli.main import app
from sketchzoo.qdrant import (
    CollectionOptions,
    Nearest,
    PhotoReader,
    PhotoWriter,
    QdrantConnection,
    SearchParams,
    connect,
)
from tests.integration.sketchzoo.recording_qdrant import (
    COLLECTION,
    FINGERPRINT,
    RecordingQdrant,
    recording,
)


@asynccontextmanager
async def connected(qdrant: RecordingQdrant) -> AsyncIterator[QdrantConnection]:
    connection = connect(QdrantSettings.model_validate({"qdrant_url": qdrant.url}))
    try:
        yield connection
    finally:
        await connection.close()


async def created(options: CollectionOptions) -> RecordingQdrant:
    """Have a collection made, and return the server with what it was asked."""
    async with recording(is_new=True) as qdrant, connected(qdrant) as connection:
        await PhotoWriter(connection, "photos", options).open(FINGERPRINT, 4)
    return qdrant


def plain(message: Any) -> dict[str, Any]:
    told: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return told


async def command(qdrant: RecordingQdrant, *args: str) -> Result:
    """Run `sketchzoo gallery` beside the server."""
    env = {"COLUMNS": "200"}
    return await asyncio.to_thread(
        CliRunner().invoke, app, ["gallery", *args, "--qdrant-url", qdrant.url], env=env
    )


async def test_a_collection_is_made_as_before_unless_something_is_said() -> None:
    """Of all that can be set only the denser index is asked for."""
    (request,) = (await created(CollectionOptions())).asked(api.CreateCollection)
    assert plain(request) == {
        "collection_name": COLLECTION,
        "vectors_config": {"params": {"size": "4", "distance": "Cosine"}},
        "hnsw_config": {"m": "32", "ef_construct": "200"},
    }


async def test_all_that_is_set_goes_out() -> None:
    """Shards, replicas, what lies on disk and the index, as Qdrant names them."""
    options = CollectionOptions(
        m=16,
        ef_construct=128,
        payload_m=24,
        hnsw_on_disk=True,
        shards=6,
        replicas=2,
        write_consistency=2,
        vectors_on_disk=True,
        payload_on_disk=False,
        payload_indexes_on_disk=True,
    )
    qdrant = await created(options)
    (request,) = qdrant.asked(api.CreateCollection)
    assert plain(request) == {
        "collection_name": COLLECTION,
        "vectors_config": {"params": {"size": "4", "distance": "Cosine", "on_disk": True}},
        "hnsw_config": {"m": "16", "ef_construct": "128", "payload_m": "24", "on_disk": True},
        "shard_number": 6,
        "replication_factor": 2,
        "write_consistency_factor": 2,
        "on_disk_payload": False,
    }
    indexes = qdrant.asked(api.CreateFieldIndexCollection)
    params = {each.field_name: plain(each.field_index_params) for each in indexes}
    assert params["class"] == {"keyword_index_params": {"on_disk": True}}
    assert params["rating"] == {
        "integer_index_params": {"lookup": True, "range": True, "on_disk": True}
    }
    assert params["location"] == {"geo_index_params": {"on_disk": True}}


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (
            {"quantization": "scalar"},
            {"scalar": {"type": "Int8", "quantile": 0.99, "always_ram": True}},
        ),
        (
            {"quantization": "binary", "quantized_on_disk": True},
            {"binary": {"always_ram": False}},
        ),
        (
            {"quantization": "product", "product_compression": "x32"},
            {"product": {"compression": "x32", "always_ram": True}},
        ),
    ],
)
async def test_quantization_goes_out(options: dict[str, Any], sent: dict[str, Any]) -> None:
    """Each of Qdrant's three, in memory unless it is said."""
    (request,) = (await created(CollectionOptions(**options))).asked(api.CreateCollection)
    told = plain(request)["quantization_config"]
    if "scalar" in told:
        told["scalar"]["quantile"] = round(told["scalar"]["quantile"], 4)
    assert told == sent


async def test_what_a_collection_has_otherwise_is_logged() -> None:
    """One event for each setting, with how to change it; nothing where all is so."""
    async with recording() as qdrant, connected(qdrant) as connection:
        with structlog.testing.capture_logs() as logs:
            options = CollectionOptions(shards=6, replicas=2)
            await PhotoWriter(connection, "photos", options).open(FINGERPRINT, 4)
    (event,) = [each for each in logs if "not as its settings" in each["event"]]
    assert (event["setting"], event["wanted"], event["has"]) == ("shards", 6, 3)


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        (
            Nearest(vector=(1.0,), params=SearchParams(99, indexed_only=True)),
            {"hnsw_ef": "99", "indexed_only": True},
        ),
        (
            Nearest(vector=(1.0,), params=SearchParams(rescore=True, oversampling=2.0)),
            {"quantization": {"rescore": True, "oversampling": 2.0}},
        ),
        (
            Nearest(vector=(1.0,), exact=True, params=SearchParams(99, indexed_only=True)),
            {"exact": True},
        ),
    ],
)
async def test_how_the_index_is_searched_goes_out(query: Nearest, sent: dict[str, Any]) -> None:
    """With every query; an exact one asks no index."""
    async with recording() as qdrant, connected(qdrant) as connection:
        await PhotoReader(connection, "photos").nearest(COLLECTION, [query])
    (request,) = qdrant.asked(api.QueryBatchPoints)
    assert plain(request.query_points[0].params) == sent


async def test_info_shows_what_the_collection_has() -> None:
    """As Qdrant tells it, by the options' names."""
    async with recording() as qdrant:
        done = await command(qdrant, "info", "--json")
        shown = await command(qdrant, "info")
    assert done.exit_code == shown.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["status"] == "green"
    assert told["settings"] | {"hnsw_m": 32, "shards": 3, "replicas": 2} == told["settings"]
    assert told["settings"]["quantization"] == "none"
    assert "write_consistency" in shown.output
    assert "class (keyword), rating (integer)" in shown.output


async def test_settings_change_what_is_said_and_differs() -> None:
    """What is so already is not sent again; payload indexes are made anew."""
    async with recording() as qdrant:
        done = await command(
            qdrant,
            *("settings", "--replicas", "3", "--hnsw-m", "32", "--vectors-on-disk"),
            *("--quantization", "product", "--payload-indexes-on-disk", "--json"),
        )
    assert done.exit_code == 0, done.output
    changed = json.loads(done.stdout)["changed"]
    assert sorted(changed) == sorted(
        ["replicas", "vectors_on_disk", "payload_indexes_on_disk", "quantization"]
    )
    (request,) = qdrant.asked(api.UpdateCollection)
    assert plain(request) == {
        "collection_name": COLLECTION,
        "params": {"replication_factor": 3},
        "vectors_config": {"params_map": {"map": {"": {"on_disk": True}}}},
        "quantization_config": {"product": {"compression": "x16", "always_ram": True}},
    }
    indexes = qdrant.asked(api.CreateFieldIndexCollection)
    assert [each.field_name for each in indexes] == ["class", "rating"]


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("--no-quantized-on-disk", {"compression": "x32", "always_ram": True}),
        ("--product-compression=x8", {"compression": "x8", "always_ram": False}),
    ],
)
async def test_what_of_the_quantization_is_not_said_stays(said: str, sent: dict[str, Any]) -> None:
    """It goes out whole: how small the embeddings are, and where they lie."""
    async with recording() as qdrant:
        product = qdrant.info.config.quantization_config.product
        product.compression, product.always_ram = api.CompressionRatio.x32, False
        done = await command(qdrant, "settings", "--quantization", "product", said)
    assert done.exit_code == 0, done.output
    (request,) = qdrant.asked(api.UpdateCollection)
    assert plain(request)["quantization_config"] == {"product": sent}


async def test_one_setting_of_the_index_is_changed_alone() -> None:
    """Whatever the other would be in a new collection."""
    async with recording() as qdrant:
        qdrant.info.config.hnsw_config.m = 8
        done = await command(qdrant, "settings", "--hnsw-ef-construct", "16")
    assert done.exit_code == 0, done.output
    (request,) = qdrant.asked(api.UpdateCollection)
    assert plain(request)["hnsw_config"] == {"ef_construct": "16"}


async def test_help_of_settings_promises_no_defaults() -> None:
    """What is not given stays as it is."""
    async with recording() as qdrant:
        shown = (await command(qdrant, "settings", "--help")).output
    told = shown[shown.index("--hnsw-m") : shown.index("Qdrant:\n")]
    assert "default:" not in told
    assert "unset" not in told
    assert "new collection" not in told


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("--hnsw-m", "64", "--hnsw-ef-construct", "32"), "hnsw_ef_construct must be at least"),
        (("--shards", "6"), "has 3 shards, and Qdrant changes no collection's"),
        (("--write-consistency", "3"), "write_consistency 3 needs as many replicas, not 2"),
        (("--product-compression", "x8"), "product_compression needs quantization product"),
        ((), "give what to change"),
    ],
)
async def test_what_cannot_be_changed_is_one_line(said: tuple[str, ...], why: str) -> None:
    """Status 2, what would be right, and nothing is sent."""
    async with recording() as qdrant:
        done = await command(qdrant, "settings", *said)
    assert done.exit_code == 2
    assert why in " ".join(done.output.split())
    assert qdrant.requests == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("--write-consistency", "2"), "write_consistency 2 needs replicas of at least as many"),
        (("--quantized-on-disk",), "quantized_on_disk needs quantization scalar, binary or"),
        (("--hnsw-m", "64", "--hnsw-ef-construct", "32"), "hnsw_ef_construct must be at least"),
    ],
)
def test_settings_that_make_no_sense_together_are_one_line(said: tuple[str, ...], why: str) -> None:
    """Of an ingest as of the gallery service: status 2, before anything is read."""
    done = CliRunner().invoke(app, ["ingest", ".", *said], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert why in " ".join(done.output.split())
