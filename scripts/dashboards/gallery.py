"""The gallery service: photos by answer, what is under way, and where its time goes."""

from scripts.dashboards.panels import MEMORY, RUNBOOK, Page, Panel, Query, gauge, instance, rate

_CALLS = 'grpc_service="sketchzoo.gallery.v1.GalleryService"'

PAGE = Page(
    "gallery",
    "Gallery",
    "gallery",
    (
        Panel(
            "Ready",
            "short",
            (gauge("sketchzoo_gallery_ready"),),
            "0: the encoder or Qdrant is away; its log says which. "
            f"{RUNBOOK}#photos-cannot-be-added.",
            good_from=1,
        ),
        Panel(
            "Photos answered, by code",
            "ops",
            (rate("sketchzoo_gallery_photos_total", "code"),),
            "INVALID_ARGUMENT: what was sent is no photo that is taken. RESOURCE_EXHAUSTED: too "
            "many are under way. FAILED_PRECONDITION, UNAVAILABLE: "
            f"{RUNBOOK}#photos-cannot-be-added.",
            stacked=True,
        ),
        Panel(
            "Photos by what became of them",
            "ops",
            (rate("sketchzoo_ingest_photos_total", "outcome"),),
            "All unchanged: somebody sends what is there already. refused: docs/ingest.md lists "
            "the reasons.",
            stacked=True,
        ),
        Panel(
            "Photos under way",
            "short",
            (gauge("sketchzoo_gallery_pending", more='what="photos"'),),
            "At max_pending_photos: callers are refused with RetryInfo. Constantly there: the "
            "encoder is the limit, see its dashboard.",
        ),
        Panel(
            "Bytes under way",
            "bytes",
            (gauge("sketchzoo_gallery_pending", more='what="bytes"'),),
            "They lie on disk. At max_pending_bytes: callers are refused with RetryInfo.",
        ),
        Panel(
            "Bytes received",
            "Bps",
            (
                Query(
                    f"sum(rate(sketchzoo_gallery_received_bytes_total{{{instance()}}}"
                    "[$__rate_interval]))",
                    "received",
                ),
            ),
            "What callers send, before it is embedded: the network or their disks are its limit.",
        ),
        Panel(
            "Photos deleted",
            "ops",
            (
                Query(
                    f"sum(rate(sketchzoo_gallery_deleted_total{{{instance()}}}[$__rate_interval]))",
                    "deleted",
                ),
            ),
            "Deleting is final: the files that were kept of them go as well. Unexpected: change "
            "GALLERY_TOKEN (docs/operations/rotate.md).",
        ),
        Panel(
            "Calls, by method and code",
            "ops",
            (rate("grpc_server_handled_total", "grpc_method, grpc_code", _CALLS),),
            "UNAUTHENTICATED: a caller has an old token. PERMISSION_DENIED: his is for other "
            "galleries.",
        ),
        Panel(
            "Calls made again",
            "ops",
            (rate("sketchzoo_ingest_retries_total", "part, code"),),
            "UNAVAILABLE: that part is away; after retry_seconds photos are answered so.",
        ),
        MEMORY,
    ),
)
