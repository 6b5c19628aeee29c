"""What this process counts of itself. docs/metrics.md lists every name, also those that are read
from the database when somebody asks (`health/scrape.py`).

Labels take few values: routes, not addresses; no ids.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.process_collector import ProcessCollector

disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client forgot to type it
"""They would double the series of every counter."""

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

HTTP_SECONDS = Histogram(
    "limbeck_http_request_seconds",
    "From a request's first byte to the last byte of its answer.",
    ("method", "route", "status"),
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
EVENT_STREAMS = Gauge(
    "limbeck_event_streams",
    "Streams of events that are open.",
    registry=REGISTRY,
)
DOWNLOADS = Counter(
    "limbeck_downloads",
    "Files of dataset versions that were sent, or parts of them.",
    registry=REGISTRY,
)
DOWNLOAD_BYTES = Counter(
    "limbeck_download_bytes",
    "Bytes of files of dataset versions that were sent.",
    registry=REGISTRY,
)

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
SETTLE_SECONDS = Histogram(
    "limbeck_settle_seconds",
    "The transaction that turns a batch of replies into records and rejects.",
    registry=REGISTRY,
    buckets=_SHORT,
)
DEDUP_SECONDS = Histogram(
    "limbeck_dedup_seconds",
    "Within it: to compare a batch with the corpus and insert what is new.",
    registry=REGISTRY,
    buckets=_SHORT,
)
CHUNKS_LOST = Counter(
    "limbeck_worker_chunks_lost",
    "Chunks that this worker held for longer than its lease lasted.",
    registry=REGISTRY,
)

BACK_PRESSURE = Counter(
    "limbeck_teacher_back_pressure",
    "Requests that a teacher refused for its load (503, 429), or did not answer in time.",
    registry=REGISTRY,
)
ENGINES_LOST = Counter(
    "limbeck_teacher_engines_lost",
    "Times that a teacher's server was found dead, frozen or gone.",
    registry=REGISTRY,
)
