"""Metrics of shadow and canary."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storecast.ports import Trial

__all__ = ["BREACHES", "TrialMetrics"]

BREACHES = ("error", "nan", "implausible", "latency", "accuracy", "refused")


class TrialMetrics(Collector):
    """``trial``: what is under way, None for nothing; what has no value is not shown."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.trial: Trial | None = None
        self._apart = self._size = 0.0
        answers = Counter(
            "storecast_canary_answers",
            "Answers about single series while a canary is under way, by who gave them.",
            ("arm",),
            registry=registry,
        )
        self.by_champion, self.by_challenger = answers.labels("champion"), answers.labels("challenger")
        self._breaches = Counter(
            "storecast_canary_breaches", "Trials that ended by themselves.", ("kind",), registry=registry
        )
        for kind in BREACHES:
            self._breaches.labels(kind)
        self._compared = Counter(
            "storecast_shadow_compared", "Forecasts compared with the challenger's.", registry=registry
        )
        registry.register(self)

    def begin(self, trial: Trial | None) -> None:
        """Another trial is under way, or none."""
        self.trial, self._apart, self._size = trial, 0.0, 0.0

    def breach(self, kind: str) -> None:
        """A trial ended by itself, for a reason of this ``kind``, one of ``BREACHES``."""
        self._breaches.labels(kind).inc()

    def compared(self, rows: int, apart: float, size: float) -> None:
        """So many forecasts were compared: dollars ``apart``, of dollars ``size``."""
        self._compared.inc(rows)
        self._apart += apart
        self._size += size

    def collect(self) -> Iterable[Metric]:
        """What is known at this moment."""
        trial = self.trial
        canary = trial is not None and trial.kind == "canary"
        yield GaugeMetricFamily(
            "storecast_canary_active", "1 while a challenger answers a share.", value=float(canary)
        )
        if trial is not None and canary:
            text = "Share of the series that the challenger answers."
            yield GaugeMetricFamily("storecast_canary_share_ratio", text, value=trial.share)
        if self._size > 0:
            text = "How far the challenger is from the forecasts answered in shadow, over their sum."
            yield GaugeMetricFamily("storecast_shadow_difference_ratio", text, value=self._apart / self._size)
