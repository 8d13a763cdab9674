"""Ingest: photos by outcome, and where its time goes."""

from scripts.dashboards.panels import (
    MEMORY,
    RUNBOOK,
    Page,
    Panel,
    Query,
    gauge,
    instance,
    quantiles,
    rate,
)

PAGE = Page(
    "ingest",
    "Ingest",
    "ingest",
    (
        Panel(
            "Photos settled, by outcome",
            "ops",
            (rate("sketchzoo_ingest_photos_total", "outcome"),),
            "0 while the job runs: it is stalled, see the queues and retries. "
            f"{RUNBOOK}#ingest-is-stalled.",
            stacked=True,
        ),
        Panel(
            "Photos settled since its start",
            "short",
            (
                Query(
                    f"sum by (outcome) (sketchzoo_ingest_photos_total{{{instance()}}})",
                    "{{outcome}}",
                ),
            ),
            "refused grows: the next panel says why. All unchanged: the photos are there already.",
        ),
        Panel(
            "Photos refused, by reason",
            "short",
            (
                Query(
                    f"sum by (reason) (sketchzoo_ingest_refused_total{{{instance()}}})",
                    "{{reason}}",
                ),
            ),
            f"docs/ingest.md lists the reasons; --errors-csv names the files. "
            f"{RUNBOOK}#ingest-refuses-photos.",
        ),
        Panel(
            "p95 by stage",
            "s",
            quantiles("sketchzoo_ingest_stage_seconds", by="stage", shares="0.95"),
            "encode is usually the slowest. read: raise read_threads or fetch_at_once. write: "
            "Qdrant is slow.",
        ),
        Panel(
            "Queues",
            "short",
            (
                gauge("sketchzoo_ingest_read_queue_chunks", "to read"),
                gauge("sketchzoo_ingest_encode_queue_photos", "to embed"),
                gauge("sketchzoo_ingest_write_queue_photos", "to write"),
            ),
            "to embed always 0: reading is slow. to write always full: Qdrant is slow.",
        ),
        Panel(
            "Photos held in memory",
            "bytes",
            (gauge("sketchzoo_ingest_buffer_bytes", "held"),),
            "At buffer_bytes with nothing to embed: raise it.",
        ),
        Panel(
            "Bytes read",
            "Bps",
            (
                Query(
                    f"sum(rate(sketchzoo_ingest_read_bytes_total{{{instance()}}}"
                    "[$__rate_interval]))",
                    "read",
                ),
            ),
            "Far under the disk's or the network's speed is normal: the encoder is the limit.",
        ),
        Panel(
            "Calls made again",
            "ops",
            (rate("sketchzoo_ingest_retries_total", "part, code"),),
            "RESOURCE_EXHAUSTED without end: fewer calls_in_flight. UNAVAILABLE: that part is "
            "away; after retry_seconds the job ends with status 4.",
        ),
        MEMORY,
    ),
)
