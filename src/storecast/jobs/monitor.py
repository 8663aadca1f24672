"""Look at the model that serves: live accuracy, drift, coverage, age, new data; and say what to do."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from storecast.errors import RegistryError, RequestError, StorecastError
from storecast.forecasting.baselines import BASELINES
from storecast.forecasting.drift import DriftReport
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.live import LEVELS, Tally
from storecast.forecasting.panel import Panel
from storecast.forecasting.quality import SalesSource
from storecast.forecasting.state import from_state
from storecast.forecasting.updating import trained_until
from storecast.forecasting.verdict import Facts, Verdict, WeekSums, decide
from storecast.jobs.accuracy import LiveAccuracy, Sales, live_accuracy, read_sales
from storecast.jobs.drift import DriftResult, since_cutoff
from storecast.ports import ArtifactContent, ModelVersion, Registry
from storecast.ports.monitoring import AnsweredVersion, Answers, MonitorRuns
from storecast.ports.records import Actuals

__all__ = ["NEXT", "Look", "monitor"]

_NO_ADVANCE: Callable[[str, float], None] = lambda stage, share: None  # noqa: E731
NEXT = {
    "nothing": "Nothing is to be done.",
    "update": "Take the new weeks: storecast update.",
    "retrain": "Train again on all of the data: storecast train.",
    "check": "Look at the data first; they say something that sales do not do.",
}


@dataclass(frozen=True)
class Look:
    """What a look at ``champion`` found: ``verdict`` on it, live ``accuracy``, ``drift`` (None: not looked
    for, ``no_drift`` says why), ``last_actual`` week, and the champion's ``config`` and weeks; ``seen``: the
    panel that was looked at for drift, for its page."""

    champion: ModelVersion
    config: ForecasterConfig
    cutoff: str
    trained: str
    last_actual: str | None
    verdict: Verdict
    accuracy: LiveAccuracy
    drift: DriftReport | None
    no_drift: str
    at: str
    seen: DriftResult | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it: plain types, None for what is not known."""
        body = {
            "at": self.at,
            "model": {
                "name": self.champion.name,
                "version": self.champion.version,
                "digest": self.champion.digest,
                "model": self.config.model,
            },
            "cutoff": self.cutoff,
            "trained": self.trained,
            "last_actual": self.last_actual,
            "verdict": self.verdict.action,
            "due": self.verdict.due,
            "next": NEXT[self.verdict.action],
            "reasons": [asdict(reason) for reason in self.verdict.reasons],
            "live": self.accuracy.as_dict(),
            "drift": None if self.drift is None else self.drift.as_dict(),
            "no_drift": self.no_drift,
        }
        found: dict[str, Any] = _plain(body)
        return found


def monitor(
    registry: Registry,
    answers: Answers,
    actuals: Actuals,
    runs: MonitorRuns,
    name: str,
    *,
    at: str,
    source: SalesSource | None = None,
    path: str | None = None,
    events: Sequence[Event] = (),
    advance: Callable[[str, float], None] = _NO_ADVANCE,
) -> Look:
    """Look at the champion of ``name`` and write down what is found, for the service to show.

    New sales are those of ``path``, else the actuals after its cutoff. Raises RegistryError without a
    champion, DataError for refused sales, LogError where the database is away.
    """
    news = None if source is None or path is None else Panel.from_frame(source.read(path).panel)
    champion = registry.champion(name)
    if champion is None:
        raise RegistryError(
            f"{name} has no champion to look at",
            expected="a version with the alias champion",
            found="none",
            remedy="train on the sales first",
        )
    content = registry.load(name, champion.version)
    forecaster = from_state(content.arrays, content.texts, content.meta)
    sales = read_sales(actuals)
    kept: dict[int, ArtifactContent] = {champion.version: content}

    def load(version: AnsweredVersion) -> ArtifactContent:
        """The last one read is kept: it is asked for twice in a row at most."""
        if version.version not in kept:
            for other in [v for v in kept if v != champion.version]:
                del kept[other]
            kept[version.version] = registry.load(name, version.version)
        return kept[version.version]

    accuracy = live_accuracy(answers, sales, load, name, lambda share: advance("Accuracy", share))
    if news is None:
        news = _from_actuals(sales, forecaster)
    advance("Drift", 0.0)
    found, why_not = _drift(forecaster, content, news, events)
    advance("Drift", 1.0)
    newest = max(
        (week for week in (_last(sales), None if news is None else news.weeks[-1]) if week is not None),
        default=None,
    )
    facts = Facts(
        forecaster.cutoff,
        trained_until(forecaster),
        newest,
        _week_sums(accuracy.each),
        {} if found is None else found.report.counts(),
    )
    look = Look(
        champion,
        forecaster.config,
        str(forecaster.cutoff),
        str(facts.trained),
        sales.last,
        decide(facts),
        accuracy,
        None if found is None else found.report,
        why_not,
        at,
        found,
    )
    runs.record(
        name,
        champion.version,
        verdict=look.verdict.action,
        due=look.verdict.due,
        body=json.dumps(look.as_dict(), allow_nan=False),
    )
    return look


def _last(sales: Sales) -> np.datetime64 | None:
    return sales.weeks[-1] if len(sales.weeks) else None


def _from_actuals(sales: Sales, forecaster: Forecaster) -> Panel | None:
    """The actuals after the cutoff of the series that are forecast; None where there are none."""
    ahead = sales.weeks > forecaster.cutoff
    known = np.isin(sales.keys, forecaster.keys)
    if not ahead.any() or not known.any():
        return None
    weeks = np.arange(forecaster.cutoff + 7, sales.weeks[-1] + 7, np.timedelta64(7, "D"))
    row = np.searchsorted(weeks, sales.weeks[ahead])
    values = np.full((len(weeks), int(known.sum())), np.nan)
    values[row] = sales.y[ahead][:, known]
    at = np.searchsorted(forecaster.keys, sales.keys[known])
    return Panel(
        weeks.astype("datetime64[D]"),
        sales.keys[known],
        values,
        forecaster.stores[at],
        forecaster.blocks[at],
    )


def _drift(
    forecaster: Forecaster, content: ArtifactContent, news: Panel | None, events: Sequence[Event]
) -> tuple[DriftResult | None, str]:
    """The look for drift in the weeks after the cutoff, and why there was none."""
    if news is None or news.weeks[-1] <= forecaster.cutoff:
        return None, "No sales are known of weeks after those that the model has seen."
    try:
        return since_cutoff(forecaster, content.meta, news, events=events), ""
    except RequestError as error:
        return None, error.what
    except StorecastError as error:
        return None, f"{error.what} {error.found}".strip()


def _week_sums(each: Tally) -> WeekSums | None:
    if not each.rows:
        return None
    naives = [each.by_week(f"absolute:{name}") for name in BASELINES]
    return WeekSums(
        np.array(sorted(each.sums["week"]), dtype="datetime64[D]"),
        each.by_week("absolute:storecast"),
        min(naives, key=lambda sums: float(sums.sum())),
        each.by_week("promised"),
        each.by_week("size"),
        {level: (each.by_week(f"within:{level:g}"), each.by_week(f"banded:{level:g}")) for level in LEVELS},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)
