"""Qdrant as the parts see it, and embedded Qdrant's own."""

from scripts.dashboards.panels import RUNBOOK, Page, Panel, Query, gauge, instance, quantiles, rate

PAGE = Page(
    "qdrant",
    "Qdrant",
    "search|ingest|qdrant",
    (
        Panel(
            "Calls as search and ingest see them, p99",
            "s",
            quantiles("sketchzoo_qdrant_call_seconds", by="method", shares="0.99"),
            "Points/QueryBatch over 50 ms: is the index built (below), does the collection fit "
            "into memory, is an ingest running?",
        ),
        Panel(
            "Calls as search and ingest see them, p50",
            "s",
            quantiles("sketchzoo_qdrant_call_seconds", by="method", shares="0.5"),
            "Much lower than p99: some queries are slow, look for exact or filtered ones. Both "
            "high: Qdrant or the way to it.",
        ),
        Panel(
            "Calls by method and code",
            "reqps",
            (
                Query(
                    f"sum by (method, code) (rate(sketchzoo_qdrant_call_seconds_count"
                    f"{{{instance()}}}[$__rate_interval]))",
                    "{{method}} {{code}}",
                ),
            ),
            "UNAVAILABLE: Qdrant is away. UNAUTHENTICATED: the API key is not the one it was "
            f"started with. NOT_FOUND: a collection was dropped. {RUNBOOK}#qdrant-fails.",
        ),
        Panel(
            "Server: answers by endpoint and status",
            "reqps",
            (rate("grpc_responses_total", "endpoint, status"),),
            "Statuses other than 0 are failures (gRPC's numbers). Empty with embedded Qdrant.",
        ),
        Panel(
            "Server: p99 by endpoint",
            "s",
            quantiles("grpc_responses_duration_seconds", by="endpoint", shares="0.99"),
            "Far below what search sees: the way there or search's event loop is slow. Empty "
            "with embedded Qdrant.",
        ),
        Panel(
            "Server: points by collection",
            "short",
            (gauge("collection_points", "{{id}}"),),
            "Fewer than before: an ingest with --prune, or the wrong collection behind the "
            "alias. Empty with embedded Qdrant.",
        ),
        Panel(
            "Server: memory",
            "bytes",
            (gauge("memory_resident_bytes"),),
            "Near QDRANT_MEMORY: raise it, quantize, or keep vectors on disk; see "
            "docs/operations/size.md. Empty with embedded Qdrant.",
        ),
        Panel(
            "Embedded: points and indexed points",
            "short",
            (
                gauge("sketchzoo_qdrant_points", "points {{collection}}"),
                gauge("sketchzoo_qdrant_indexed_points", "indexed {{collection}}"),
            ),
            "Far fewer indexed than stored, for long after an ingest: index builds fail, see the "
            "next panels and the log. Empty with a server.",
        ),
        Panel(
            "Embedded: writes waiting",
            "short",
            (
                gauge("sketchzoo_qdrant_waiting_writes", "waiting {{collection}}"),
                gauge("sketchzoo_qdrant_journaled_writes", "journaled {{collection}}"),
            ),
            "Waiting grows: the disk is slow. Journaled grows only while an index is built. "
            "Empty with a server.",
        ),
        Panel(
            "Embedded: index builds",
            "short",
            (
                gauge("sketchzoo_qdrant_index_building", "building {{collection}}"),
                Query(
                    f"sum by (outcome) (sketchzoo_qdrant_index_builds_total{{{instance()}}})",
                    "{{outcome}}",
                ),
            ),
            "Outcomes other than done: the log says why a build was given up. Empty with a server.",
        ),
    ),
)
