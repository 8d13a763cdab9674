"""Mutated messages: no crash, and no code that says the service is broken."""

import random
from typing import Any

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from sketchzoo.search.v1 import search_pb2 as pb
from tests.artefacts import picture
from tests.unit.search_service.fakes import bench

MESSAGES = 3_500
METHODS = (
    *("Search", "BatchSearch", "ListClasses", "GetPhoto"),
    *("ListFolders", "GetGallery", "ListGalleries", "DownloadPhoto"),
)


def seeds(photo_id: str) -> dict[str, list[bytes]]:
    strokes = pb.Strokes(
        canvas_width=300,
        canvas_height=200,
        width=2.5,
        strokes=[pb.Stroke(x=[1, 2, 300], y=[1, 2, 200], width=1), pb.Stroke(x=[5], y=[6])],
    )
    condition = pb.Filter(
        classes=["cat", "dog"],
        excluded_classes=["owl"],
        fields=[
            pb.FieldCondition(field="number", range=pb.FieldRange(gt=1, lte=30)),
            pb.FieldCondition(field="tame", equals=pb.FieldValue(bool_value=True)),
            pb.FieldCondition(
                field="a.b", **{"in": pb.FieldValues(values=[pb.FieldValue(string_value="x")])}
            ),
            pb.FieldCondition(
                field="taken_at",
                datetime_range=pb.DatetimeRange(gte=Timestamp(seconds=-9, nanos=7), lt=Timestamp()),
            ),
        ],
        folders=["2024/summer"],
        seen_classes=["heron"],
    )
    embedding = pb.Embedding(vector=b"\0\0\x80?" * 8, dimension=8, model_fingerprint="model-a")
    queries = [
        pb.Query(sketch=picture(1)),
        pb.Query(strokes=strokes),
        pb.Query(photo_id=photo_id, liked_photo_ids=[photo_id], disliked_photo_ids=[photo_id]),
        pb.Query(embedding=embedding),
    ]
    searches = [
        pb.SearchRequest(
            query=query,
            limit=20,
            filter=condition,
            min_score=0.1,
            page_token="AQAAAAxnbm9uZQ",  # noqa: S106 - no password
            exact=True,
            include=pb.Include(payload=True, query_embedding=True),
            gallery="photos",
            no_collapse=True,
        )
        for query in queries
    ] + [pb.SearchRequest(query=query) for query in queries]
    return {
        "Search": [search.SerializeToString() for search in searches],
        "BatchSearch": [pb.BatchSearchRequest(requests=searches).SerializeToString()],
        "ListClasses": [pb.ListClassesRequest(filter=condition).SerializeToString()],
        "GetPhoto": [
            pb.GetPhotoRequest(
                photo_id=photo_id, size=2, max_side=99, gallery="photos"
            ).SerializeToString()
        ],
        "DownloadPhoto": [
            pb.DownloadPhotoRequest(photo_id=photo_id, gallery="photos").SerializeToString()
        ],
        "ListFolders": [
            pb.ListFoldersRequest(
                parent="2024", filter=condition, gallery="photos"
            ).SerializeToString()
        ],
        "GetGallery": [pb.GetGalleryRequest(gallery="photos").SerializeToString()],
        "ListGalleries": [b""],
    }


def mutated(content: bytes, dice: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(4):
            case 0 if data:
                data[at % len(data)] ^= 1 << dice.randrange(8)
            case 1:
                data[at:at] = dice.randbytes(dice.randint(1, 8))
            case 2:
                del data[at : at + dice.randint(1, 8)]
            case _:
                data[at : at + 4] = dice.choice([b"\xff" * 4, b"\0" * 4, b"\x7f" * 4])
    return bytes(data)


async def test_no_mutated_message_is_internal_or_unknown() -> None:
    """3,500 mutated messages of all methods end in an answer or in a code that says why."""
    dice = random.Random(7)
    counts: dict[str, int] = {}
    async with bench(max_concurrent_searches=64) as server:
        kinds = seeds(next(iter(server.reader.photos)))
        for number in range(MESSAGES):
            method = METHODS[number % len(METHODS)]
            call: Any = server.channel.unary_unary(f"/sketchzoo.search.v1.SearchService/{method}")
            try:
                await call(mutated(dice.choice(kinds[method]), dice), timeout=20)
                code = "OK"
            except grpc.aio.AioRpcError as error:
                code = error.code().name
            counts[code] = counts.get(code, 0) + 1
        answer = await server.stub.Search(
            pb.SearchRequest(query=pb.Query(sketch=b"after all that")), timeout=5
        )
    assert len(answer.hits) == 12
    assert set(counts) <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}, counts
    assert counts["OK"] > 100
    assert counts["INVALID_ARGUMENT"] > 100
