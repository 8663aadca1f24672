"""What the last look at the model found, kept at hand for routes and metrics: no job runs in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from storecast.errors import LogError
from storecast.ports.monitoring import MonitorRuns

__all__ = ["BY", "Looks", "Sample"]

BY = ("version", "store", "horizon", "week")
_NAIVES = ("seasonal-naive", "naive-growth")


class Sample(NamedTuple):
    """One value of a metric, with its label's name and value where it has one."""

    name: str
    text: str
    value: float
    label: tuple[str, str] | None = None


def _seconds(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


class Looks:
    """The last look at ``name``; ``refresh`` reads it, and does nothing while the database is away."""

    def __init__(self, runs: MonitorRuns, name: str) -> None:
        self._runs, self._name = runs, name
        self._seen = ""
        self.at = 0  # microseconds since 1970
        self.body: dict[str, Any] | None = None

    def refresh(self) -> None:
        """Read the last look, if it is another."""
        try:
            run = self._runs.latest(self._name)
        except LogError:
            return
        if run is not None and run.id != self._seen:
            self.at, self.body, self._seen = run.at, msgspec.json.decode(run.body), run.id

    def groups(self, by: str) -> list[dict[str, Any]]:
        """Live figures of each group, with its ``name``; empty where nobody has looked, or nothing has met
        its actual."""
        if self.body is None:
            return []
        return [{"name": name, **figures} for name, figures in self.body["live"]["by"][by].items()]

    def samples(self, cutoff: Callable[[], str | None]) -> Iterator[Sample]:
        """Metrics of the model's life; what is not known is left out."""
        if (day := cutoff()) is not None:
            yield Sample(
                "model_cutoff_timestamp_seconds", "Last week that the model has seen.", _seconds(day)
            )
        body = self.body
        if body is None:
            return
        yield Sample("monitor_last_run_timestamp_seconds", "When somebody looked last.", self.at / 1e6)
        if body["last_actual"] is not None:
            text = "Last week whose sales are known."
            yield Sample("actuals_last_week_timestamp_seconds", text, _seconds(body["last_actual"]))
        due = float(body["verdict"] == "retrain")
        yield Sample("retraining_due", "1 where the last look says to train again.", due)
        live = body["live"]
        yield from _live(
            live.get("standing", live["all"])
        )  # a look of an earlier release has no such figures
        if body["drift"] is not None:
            kinds = {check["kind"] for check in body["drift"]["checks"]} | set(body["drift"]["counts"])
            for kind in sorted(kinds):
                count = float(body["drift"]["counts"].get(kind, 0))
                yield Sample("drift_alarms", "Alarms that are on, by kind.", count, ("kind", kind))


def _live(found: dict[str, float | None] | None) -> Iterator[Sample]:
    if found is None:
        return
    naives = [x for name in _NAIVES if (x := found[f"wape:{name}"]) is not None]
    own, naive = found["wape"], min(naives, default=None)
    values = (
        ("live_rows", "Forecasts that have met their actual.", found["rows"]),
        ("live_wape_ratio", "Their absolute error over sales.", own),
        ("live_naive_wape_ratio", "That of the better naive forecast.", naive),
        ("live_bias_ratio", "Forecast minus sold, over sales.", found["bias"]),
        (
            "live_value_added_ratio",
            "1 minus the error over the better naive's.",
            1.0 - own / naive if own is not None and naive else None,
        ),
    )
    for name, text, value in values:
        if value is not None:
            yield Sample(name, text, value)
    for level in ("80", "95"):
        if (held := found[f"coverage-{level}"]) is not None:
            yield Sample("live_coverage_ratio", "Share that its band held.", held / 100.0, ("level", level))
