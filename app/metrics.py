"""What Prometheus is told: the library, its queue and sources, and this web process's requests."""

import logging
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app import care
from app.care import Snapshot

logger = logging.getLogger(__name__)

# A search takes milliseconds, one that waits for the embedder up to a minute.
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one web process over one library.

    What workers do is read from the database at each scrape, so that one place tells of all of
    them; only requests are counted here.
    """

    def __init__(self, engine: Engine) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Library(engine))
        labels = ("endpoint", "status")
        self._requests = Counter(
            "sceneql_http_requests",
            "Requests that were answered, by endpoint and status.",
            labels,
            registry=self._registry,
        )
        self._seconds = Histogram(
            "sceneql_http_request_duration_seconds",
            "Time from a request to the head of its answer.",
            labels,
            buckets=BUCKETS_S,
            registry=self._registry,
        )

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        """Counts an answered request."""
        self._requests.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint, str(status)).observe(seconds)

    def exposition(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self._registry)


class _Library(Collector):
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def describe(self) -> Iterable[Metric]:
        """Nothing: without it the registry would read the database to learn the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        try:
            snapshot = care.snapshot(self.engine)
        except SQLAlchemyError as error:
            cause = str(error).splitlines()[0]
            logger.warning("the metrics have nothing but sceneql_up 0: %s", cause)
            snapshot = None
        yield _gauge("sceneql_up", "Whether the database answers (1) or not (0).", snapshot)
        if snapshot is not None:
            yield from _of_library(snapshot)
            yield from _of_work(snapshot)


def _of_library(state: Snapshot) -> Iterator[Metric]:
    yield _labelled("sceneql_videos", "Videos by state.", ("state",), _by_one(state.videos))
    yield _gauge("sceneql_scenes", "Indexed scenes.", state.scenes)
    yield _gauge("sceneql_frames", "Indexed frames.", state.frames)
    yield _gauge("sceneql_database_size_bytes", "Size of the database.", state.database_bytes)
    yield _gauge(
        "sceneql_failures", "Videos, files and jobs that failed and stand so.", state.failures
    )


def _of_work(state: Snapshot) -> Iterator[Metric]:
    yield _labelled(
        "sceneql_queue_jobs",
        "Jobs in the queue, by task and status.",
        ("task", "status"),
        {
            (task, status): count
            for task, jobs in state.tasks.items()
            for status, count in jobs.items()
        },
    )
    yield _labelled("sceneql_sources", "Sources by state.", ("state",), _by_one(state.sources))
    if state.oldest_scan_s is not None:
        yield _gauge(
            "sceneql_oldest_scan_age_seconds",
            "Time since the last scan of the source that waits longest, paused ones left out.",
            state.oldest_scan_s,
        )
    yield _gauge("sceneql_embedder_up", "Whether an embedder runs.", state.embedder_running)
    yield _gauge("sceneql_workers_alive", "Workers with a recent heartbeat.", state.workers_alive)
    yield _gauge(
        "sceneql_questions_unanswered", "Questions that wait for a vector.", state.unanswered
    )
    yield _gauge(
        "sceneql_oldest_question_age_seconds",
        "How long the oldest unanswered question has waited; 0 if none does.",
        state.oldest_question_s,
    )


def _gauge(name: str, meaning: str, value: object) -> Metric:
    number = float(value) if isinstance(value, int | float) else float(value is not None)
    return GaugeMetricFamily(name, meaning, value=number)


def _labelled(
    name: str, meaning: str, labels: tuple[str, ...], values: dict[tuple[str, ...], int]
) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _by_one(counts: dict[str, int]) -> dict[tuple[str, ...], int]:
    return {(state,): count for state, count in counts.items()}
