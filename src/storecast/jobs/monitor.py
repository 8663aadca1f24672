"""Look at the model that serves: live accuracy, drift, coverage, age, new data; and say what to do."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from storecast.errors import DataError, RegistryError, RequestError, StorecastError
from storecast.forecasting.baselines import BASELINES
from storecast.forecasting.calendar import Calendar, calendar_of
from storecast.forecasting.drift import DriftReport
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.live import LEVELS, Tally
from storecast.forecasting.panel import Panel
from storecast.forecasting.promotion import Span, set_aside
from storecast.forecasting.quality import SalesSource
from storecast.forecasting.state import from_state
from storecast.forecasting.updating import trained_until
from storecast.forecasting.verdict import Facts, Verdict, WeekSums, decide
from storecast.jobs.accuracy import LiveAccuracy, Sales, live_accuracy, read_sales
from storecast.jobs.drift import DriftResult, since_cutoff
from storecast.jobs.told import asked_config, events_of
from storecast.ports import ArtifactContent, ModelVersion, Registry
from storecast.ports.monitoring import AnsweredVersion, Answers, MonitorRuns
from storecast.ports.records import Actuals

__all__ = ["NEXT", "Look", "Told", "Watched", "monitor"]

_NO_ADVANCE: Callable[[str, float], None] = lambda stage, share: None  # noqa: E731
_SHOWN = 3  # weeks named of those that cannot be used
NEXT = {
    "nothing": "Nothing is to be done.",
    "update": "Take the new weeks: storecast update.",
    "retrain": "Train again on all of the data: storecast train.",
    "check": "Look at the data first; they say something that sales do not do.",
}


@dataclass(frozen=True)
class Told:
    """What the champion's training was asked for and told: ``config``, ``calendar``, and the ``events`` that
    are known now, or those it knew; None where it knew some that are not recorded."""

    config: ForecasterConfig
    calendar: Calendar
    events: Sequence[Event] | None


@dataclass(frozen=True)
class Watched:
    """What a look reads of the log's database, and ``runs``, where it is written down; ``served``: what
    served of the model until now, oldest first."""

    answers: Answers
    actuals: Actuals
    runs: MonitorRuns
    served: Sequence[Span]


@dataclass(frozen=True)
class Look:
    """What a look at ``champion`` found: ``verdict`` on it, live ``accuracy``, ``drift`` (None: not looked
    for, ``no_drift`` says why), ``last_actual`` week, and the champion's ``config`` and weeks; ``seen``: the
    panel that was looked at for drift, for its page; ``told``: what to go on with if something is due."""

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
    told: Told
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
    watched: Watched,
    name: str,
    *,
    at: str,
    source: SalesSource | None = None,
    path: str | None = None,
    events: Sequence[Event] = (),
    advance: Callable[[str, float], None] = _NO_ADVANCE,
) -> Look:
    """Look at the champion of ``name`` and write down what is found, for the service to show.

    New sales are those of ``path``, else the actuals after its cutoff; ``events`` those known now, else those
    that the champion knew. Raises RegistryError without a
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
    told = Told(
        asked_config(forecaster.config, content.meta),
        calendar_of(content.meta.get("calendar", {})),
        events or events_of(content.meta),
    )
    sales = read_sales(watched.actuals)
    kept: dict[int, ArtifactContent] = {champion.version: content}

    def load(version: AnsweredVersion) -> ArtifactContent:
        """The last one read is kept: it is asked for twice in a row at most."""
        if version.version not in kept:
            for other in [v for v in kept if v != champion.version]:
                del kept[other]
            kept[version.version] = registry.load(name, version.version)
        return kept[version.version]

    accuracy = live_accuracy(
        watched.answers,
        sales,
        load,
        name,
        lambda share: advance("Accuracy", share),
        aside=set_aside(watched.served) - {champion.version},
    )
    advance("Drift", 0.0)
    found, why_not = _drift(forecaster, content, news, sales, told.events or ())
    advance("Drift", 1.0)
    newest = max(
        (week for week in (_last(sales), None if news is None else news.weeks[-1]) if week is not None),
        default=None,
    )
    facts = Facts(
        forecaster.cutoff,
        trained_until(forecaster),
        newest,
        _week_sums(accuracy.standing),
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
        told,
        found,
    )
    watched.runs.record(
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
    """The actuals after the cutoff of the series that are forecast; None where there are none. Raises
    DataError where some are of weeks that end on another day: they are no sales of the model's weeks."""
    known = np.isin(sales.keys, forecaster.keys)
    ahead = (sales.weeks > forecaster.cutoff) & np.isfinite(sales.y[:, known]).any(axis=1)
    if not ahead.any():
        return None
    days = (sales.weeks[ahead] - forecaster.cutoff).astype(np.int64)
    if (off := sales.weeks[ahead][days % 7 != 0]).size:
        raise DataError(
            "Drift is not looked for, as actuals are of weeks that end on another day than the model's:",
            expected=f"weeks every 7 days from {forecaster.cutoff}",
            found=", ".join(map(str, off[:_SHOWN]))
            + (f" and {len(off) - _SHOWN} more" * (len(off) > _SHOWN)),
            remedy="Keep the actuals of another model in a STORECAST_HOME of its own.",
        )
    row = days // 7 - 1
    weeks = forecaster.cutoff + 7 * np.arange(1, row[-1] + 2)
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
    forecaster: Forecaster,
    content: ArtifactContent,
    news: Panel | None,
    sales: Sales,
    events: Sequence[Event],
) -> tuple[DriftResult | None, str]:
    """The look for drift in the weeks after the cutoff, of ``news`` or else of the actuals in ``sales``, and
    why there was none."""
    try:
        news = _from_actuals(sales, forecaster) if news is None else news
        if news is None or news.weeks[-1] <= forecaster.cutoff:
            return None, "No sales are known of weeks after those that the model has seen."
        return since_cutoff(forecaster, content.meta, news, events=events), ""
    except RequestError as error:
        return None, error.what
    except StorecastError as error:
        return None, f"{error.what} {error.found}".strip()


def _week_sums(standing: Tally) -> WeekSums | None:
    if not standing.rows:
        return None
    naives = [standing.by_week(f"absolute:{name}") for name in BASELINES]
    return WeekSums(
        np.array(sorted(standing.sums["week"]), dtype="datetime64[D]"),
        standing.by_week("absolute:storecast"),
        min(naives, key=lambda sums: float(sums.sum())),
        standing.by_week("size"),
        (
            standing.by_week("absolute:promised"),
            standing.by_week("promised"),
            standing.by_week("size:promised"),
        ),
        {
            level: (standing.by_week(f"within:{level:g}"), standing.by_week(f"banded:{level:g}"))
            for level in LEVELS
        },
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
