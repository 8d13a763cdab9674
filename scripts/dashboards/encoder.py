"""The encoder: its queue, its workers and what it refuses."""

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
    "encoder",
    "Encoder",
    "encoder|encoder-next",
    (
        Panel(
            "Busy",
            "percentunit",
            (Query(f"sketchzoo:encoder_busy:ratio_rate5m{{{instance()}}}", "{{instance}}"),),
            "Near 1 for minutes the encoder is the limit: more cores or replicas. "
            f"{RUNBOOK}#the-encoder-is-saturated.",
            highest=1,
        ),
        Panel(
            "Images waiting",
            "short",
            (gauge("sketchzoo_encoder_queue_length"),),
            "Grows and stays: more images come than are embedded. An ingest at the same time is "
            "the usual cause; its calls take turns with searches.",
        ),
        Panel(
            "Wait in the queue",
            "s",
            quantiles("sketchzoo_encoder_queue_seconds"),
            "p99 over what callers wait: lower queue_calls, so that more is refused sooner, and "
            "add workers.",
        ),
        Panel(
            "Images by outcome",
            "ops",
            (rate("sketchzoo_encoder_images_total", "modality, outcome"),),
            "Outcomes other than ok: a caller sends what is no image; its request ids are in the "
            "log.",
            stacked=True,
        ),
        Panel(
            "Images dropped, by reason",
            "ops",
            (rate("sketchzoo_encoder_dropped_total", "reason"),),
            "queue_full: overload. deadline: the queue is longer than callers' deadlines. "
            "cancelled: callers gave up, the work was saved.",
        ),
        Panel(
            "Inference",
            "s",
            quantiles("sketchzoo_encoder_inference_seconds", by="modality", shares="0.5 0.99"),
            "Higher than usual: more workers than real cores, or others use the cores.",
        ),
        Panel(
            "Decoding",
            "s",
            quantiles("sketchzoo_encoder_decode_seconds", shares="0.5 0.99"),
            "Near or over inference: callers send large files; shrink them before sending.",
        ),
        Panel(
            "Images in a run of the model",
            "short",
            (
                Query(
                    f"sum(rate(sketchzoo_encoder_batch_size_sum{{{instance()}}}"
                    f"[$__rate_interval])) / sum(rate(sketchzoo_encoder_batch_size_count"
                    f"{{{instance()}}}[$__rate_interval]))",
                    "mean",
                ),
            ),
            "Always 1 with onnx. With torch 1 under load: raise max_delay_seconds; at max_batch: "
            "raise that.",
        ),
        Panel(
            "Calls by code",
            "reqps",
            (rate("grpc_server_handled_total", "grpc_method, grpc_code"),),
            "RESOURCE_EXHAUSTED: the queue is full. INTERNAL: the model failed, read the log.",
            stacked=True,
        ),
        Panel(
            "Workers",
            "short",
            (
                gauge("sketchzoo_encoder_workers", "workers {{instance}}"),
                gauge("sketchzoo_encoder_busy_workers", "busy {{instance}}"),
            ),
            "Fewer workers than the container's cores: set ENCODER_CPUS, or workers.",
        ),
        MEMORY,
    ),
)
