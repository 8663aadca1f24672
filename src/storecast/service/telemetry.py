"""Prometheus metrics in base units with bounded labels, and JSON lines for people and collectors."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from storecast.ports import ForecastLog, ReleaseInfo
from storecast.ports.cache import Cache
from storecast.service.calls import Call
from storecast.service.looks import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Telemetry", "Traces"]

_LOG = logging.getLogger("storecast.service")
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SLOW = 1.0  # seconds above which a request is worth a line


class Traces(Protocol):
    """Where spans of requests go."""

    def request(self, scope: Scope, call: Call, template: str, status: int, began: int, ended: int) -> str:
        """Send one request with its steps; times in nanoseconds since 1970. The trace's id."""
        ...

    def close(self) -> None:
        """Send what waits."""
        ...


class _Read(Collector):
    """Metrics that are read when somebody asks."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()


class Telemetry:
    """Counts everything; one registry of its own for each application.

    ``served``, ``began``, ``ended`` and ``refused`` are called on every request and keep what they need at
    hand instead of looking labels up. With ``traces`` each request is sent there, and its log line names
    the trace.
    """

    def __init__(self, *, access_log: bool = False, traces: Traces | None = None) -> None:
        self.registry = CollectorRegistry()
        self._access_log, self._traces = access_log, traces
        r = self.registry
        ProcessCollector(registry=r)
        self._requests = Counter(
            "storecast_http_requests", "Requests answered.", ("method", "route", "status"), registry=r
        )
        self._seconds = Histogram(
            "storecast_http_request_duration_seconds",
            "From the first byte of a request to the last of its answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=r,
        )
        self._flying = Gauge("storecast_http_requests_in_flight", "Requests under way.", registry=r)
        self._refusals = Counter(
            "storecast_http_refusals", "Requests refused with a problem.", ("kind",), registry=r
        )
        self._forecasts = Counter(
            "storecast_forecasts_served", "Forecasts in answers that were logged.", ("kind",), registry=r
        )
        self._model = Gauge(
            "storecast_model_info",
            "1 for the version that serves.",
            ("name", "version", "digest", "model"),
            registry=r,
        )
        self._refused_versions = Counter(
            "storecast_model_refusals", "Published versions that were refused.", registry=r
        )
        self._swaps = Counter("storecast_model_swaps", "Versions taken into service.", registry=r)
        self._commits = Histogram(
            "storecast_log_commit_duration_seconds",
            "Of a group of log entries, by where it went.",
            ("outcome",),
            buckets=_BUCKETS,
            registry=r,
        )
        self._entries = Counter(
            "storecast_log_entries", "Answers written, by where they went.", ("outcome",), registry=r
        )
        for outcome in ("committed", "spooled", "refused"):
            self._entries.labels(outcome)
        self._app = Counter(
            "storecast_web_events", "What people did in the web app.", ("event", "page"), registry=r
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._kinds: dict[str, Counter] = {}

    def watch(self, log: ForecastLog, age: Callable[[], float]) -> None:
        """Show the log's queue and spool, and how old the forecasts are, whenever metrics are read."""

        def read() -> Iterable[Metric]:
            d = log.depths()
            for name, text, value in (
                ("log_queue_entries", "Answers waiting to be written.", d.queue),
                ("log_spool_entries", "Answers in the spool, not yet in the database.", d.spool),
                ("log_spool_bytes", "Size of the spool.", d.spool_bytes),
                ("log_parked_entries", "Entries that the database refuses.", d.parked),
                ("log_writable", "1 where answers can be logged.", log.writable()),
                ("log_database_up", "1 where answers go into the database.", log.trouble() is None),
                ("materialization_age_seconds", "Since the forecasts that serve were published.", age()),
            ):
                yield GaugeMetricFamily(f"storecast_{name}", text, value=float(value))

        self.registry.register(_Read(read))

    def watch_overrides(self, active: Callable[[], int], value_added: Callable[[], float | None]) -> None:
        """Show how many overrides count, and the share of the model's error that they took away, where that
        is known."""

        def read() -> Iterable[Metric]:
            yield GaugeMetricFamily(
                "storecast_overrides_active", "Overrides that count.", value=float(active())
            )
            if (ratio := value_added()) is not None:
                text = "1 minus the error of overrides over that of the model they replaced."
                yield GaugeMetricFamily("storecast_override_value_added_ratio", text, value=ratio)

        self.registry.register(_Read(read))

    def watch_life(self, samples: Callable[[], Iterable[Sample]]) -> None:
        """Show what jobs have found, as they wrote it down in the log."""

        def read() -> Iterable[Metric]:
            families: dict[str, GaugeMetricFamily] = {}
            for name, text, value, label in samples():
                family = families.get(name)
                if family is None:
                    names = [label[0]] if label else None
                    family = families[name] = GaugeMetricFamily(f"storecast_{name}", text, labels=names)
                family.add_metric([label[1]] if label else [], value)
            return families.values()

        self.registry.register(_Read(read))

    def watch_cache(self, cache: Cache) -> None:
        """Show how often the cache of answers helped."""

        def read() -> Iterable[Metric]:
            yield CounterMetricFamily("storecast_cache_hits", "Answers found in the cache.", cache.hits)
            yield CounterMetricFamily("storecast_cache_misses", "Answers not found there.", cache.misses)

        self.registry.register(_Read(read))

    def watch_redis(self, up: Callable[[], bool], failures: Callable[[], int]) -> None:
        """Show whether the shared cache answers."""

        def read() -> Iterable[Metric]:
            yield GaugeMetricFamily("storecast_redis_up", "1 where Redis answered last.", value=float(up()))
            yield CounterMetricFamily("storecast_redis_failures", "Calls without an answer.", failures())

        self.registry.register(_Read(read))

    def used(self, event: str, page: str) -> None:
        """Somebody did something in the web app; both names are of closed lists."""
        self._app.labels(event, page).inc()

    def page(self) -> bytes:
        """All metrics as Prometheus reads them."""
        return generate_latest(self.registry)

    def began(self, call: Call) -> None:
        """A request was taken on."""
        self._flying.inc()
        if self._traces is not None:
            call.steps = []

    def ended(self, scope: Scope, template: str, status: int, seconds: float) -> None:
        """It was answered, or given up by its caller (status 499)."""
        self._flying.dec()
        method = scope["method"] if template != "unmatched" else "any"
        key = (method, template, status)
        if (found := self._children.get(key)) is None:
            found = self._children[key] = (
                self._requests.labels(method, template, str(status)),
                self._seconds.labels(template),
            )
        found[0].inc()
        found[1].observe(seconds)
        trace = {}
        if self._traces is not None:
            now = time.time_ns()
            began = now - int(seconds * 1e9)
            trace["trace"] = self._traces.request(scope, scope["storecast"], template, status, began, now)
        if self._access_log or status >= 500 or seconds > _SLOW:
            call: Call = scope["storecast"]
            _LOG.log(
                logging.ERROR if status >= 500 else logging.INFO,
                "request",
                extra={
                    "fields": {
                        "request": call.id,
                        "caller": call.caller,
                        "method": scope["method"],
                        "route": template,
                        "status": status,
                        "seconds": round(seconds, 6),
                    }
                    | trace
                },
            )

    def refused(self, kind: str) -> None:
        """A request was refused with a problem of this kind."""
        self._refusals.labels(kind).inc()

    def audited(self, call: Call, method: str, template: str, path: str, status: int) -> None:
        """Somebody changed something, or tried to."""
        fields: dict[str, object] = {"request": call.id, "caller": call.caller, "role": call.role}
        fields |= {"method": method, "route": template, "path": path[:200], "status": status}
        _LOG.info("audit", extra={"fields": fields})

    def failed(self, call: Call, error: Exception) -> None:
        """An error that nobody foresaw: with its trace, under the request's id."""
        _LOG.error("failed", exc_info=error, extra={"fields": {"request": call.id, "caller": call.caller}})

    def served(self, kind: str, rows: int) -> None:
        """Forecasts went out, after they were logged."""
        if (counter := self._kinds.get(kind)) is None:
            counter = self._kinds[kind] = self._forecasts.labels(kind)
        counter.inc(rows)

    def committed(self, entries: int, seconds: float, outcome: str) -> None:
        """A group of log entries was written, or not."""
        self._commits.labels(outcome).observe(seconds)
        self._entries.labels(outcome).inc(entries)

    def close(self) -> None:
        """Send what waits."""
        if self._traces is not None:
            self._traces.close()

    def version(self, event: str, info: ReleaseInfo | None, reason: str) -> None:
        """Another version serves, or one was refused."""
        fields = {"reason": reason} if reason else {}
        if info is not None:
            fields |= {"model": info.name, "version": str(info.version), "digest": info.digest}
        _LOG.log(
            logging.INFO if event == "serves" else logging.ERROR, f"version {event}", extra={"fields": fields}
        )
        if event == "refused":
            self._refused_versions.inc()
        elif info is not None:
            self._swaps.inc()
            self._model.clear()
            self._model.labels(info.name, str(info.version), info.digest, info.model).set(1)
