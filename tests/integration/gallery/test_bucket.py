"""The gallery service with a bucket as its store, on a real S3 API."""

import hashlib
from pathlib import Path

from sketchzoo.client import GalleryClient
from tests.artefacts import picture
from tests.integration.gallery.points import points
from tests.integration.gallery.service import GalleryService
from tests.integration.storage.bucket_server import Buckets, bucket_server


def listed(buckets: Buckets) -> list[str]:
    return [
        each["Key"] for each in buckets.client.list_objects_v2(Bucket="kept").get("Contents", [])
    ]


def test_sent_photos_lie_in_the_bucket(
    environment: dict[str, str], gallery: str, qdrant_url: str, tmp_path: Path
) -> None:
    """By their SHA-256, with uris that any part reads; refused and deleted ones do not stay.

    What a killed service left there, marked, the next start cleans up.
    """
    content = picture(600)
    digest = hashlib.sha256(content).hexdigest()
    key = f"photos/{digest[:2]}/{digest[2:4]}/{digest}.jpg"
    with bucket_server() as buckets:
        buckets.make("kept")
        left = "f" * 64 + ".jpg"
        buckets.put("kept", f"photos/.incoming/{left}", b"")
        buckets.put("kept", f"photos/ff/ff/{left}", b"nobody's")
        settings = {"store": "s3://kept/photos", "spool": tmp_path / "spool"}
        with (
            GalleryService(tmp_path, environment | buckets.environment(), **settings) as service,
            GalleryClient(service.target, gallery=gallery) as client,
        ):
            assert listed(buckets) == []
            results = list(client.add([content, b"no photo"]))
            assert sorted(result.ok for result in results) == [False, True]
            assert listed(buckets) == [key]
            [(photo_id, payload)] = points(qdrant_url, gallery).items()
            assert payload["uri"] == f"s3://kept/{key}"
            assert [each.outcome for each in client.add([content])] == ["unchanged"]
            assert client.delete([photo_id]) == 1
            assert listed(buckets) == []
            assert list((tmp_path / "spool").iterdir()) == []
