"""What the gate is asked: the back-test of the model to be trained, beside the naives and what serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast import __version__
from storecast.errors import ArtifactError, RequestError
from storecast.forecasting.backtest import Backtest, backtest, rolling_cutoffs
from storecast.forecasting.baselines import BASELINES
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import UNIQUE_ID, Panel
from storecast.forecasting.plausible import same_sales
from storecast.forecasting.promotion import (
    LEAST_WEEKS,
    BacktestArrays,
    GateReport,
    Rival,
    against,
    judge,
    segment_labels,
    serve_naive,
)
from storecast.forecasting.rolling import FIRST_ORIGIN
from storecast.forecasting.scores import BUCKETS
from storecast.forecasting.state import from_state
from storecast.ports import ModelVersion, Registry

__all__ = ["Case", "judged", "verdict"]

Advance = Callable[[float], None]
_ROW = [UNIQUE_ID, "ds", "cutoff"]


@dataclass(frozen=True)
class Case:
    """What is judged: ``config`` on ``panel``, whose data has ``digest``, at ``windows`` cutoffs or more,
    ``horizon`` weeks apart and ahead; ``levels`` of bands in percent; money in ``unit``."""

    panel: Panel
    digest: str
    config: ForecasterConfig
    calendar: Calendar
    events: Sequence[Event]
    windows: int
    horizon: int
    levels: tuple[float, ...]
    unit: str


def judged(case: Case, advance: Advance) -> Backtest | None:
    """The rolling back-test the gate judges by; None where no cutoff leaves a year to look back to. Where the
    horizon is short it takes as many cutoffs as test the weeks without which the gate judges nothing."""
    wanted = max(case.windows, -(-LEAST_WEEKS // case.horizon))
    windows = min(wanted, (len(case.panel.weeks) - FIRST_ORIGIN) // case.horizon)
    if windows < 1:
        return None
    cutoffs = rolling_cutoffs(case.panel.weeks, case.horizon, windows, case.horizon)
    return _back_test(case, case.config, cutoffs, advance)


def _back_test(
    case: Case, config: ForecasterConfig, cutoffs: Sequence[np.datetime64], advance: Advance
) -> Backtest:
    config = replace(config, horizon=case.horizon)
    return backtest(
        case.panel,
        config,
        cutoffs,
        case.calendar,
        levels=case.levels,
        events=case.events,
        advance=advance,
    )


def verdict(
    case: Case, test: Backtest | None, registry: Registry, champion: ModelVersion | None, advance: Advance
) -> GateReport:
    """The gate's report on ``test``: against the naives, and against the ``champion`` where there is one.

    Raises RegistryError where the registry is away.
    """
    model, seed = case.config.model, case.config.seed
    if test is None:
        weeks = f"that takes {FIRST_ORIGIN + case.horizon} weeks."
        report = serve_naive(
            f"The history of {len(case.panel.weeks)} weeks is too short to judge a model: {weeks}"
        )
        rows = None
    else:
        rows = _rows(test, case.panel)
        report = judge(rows, model=model, seed=seed, unit=case.unit)
    if champion is None:
        return report
    held = _held(test) if test is not None and report.serves == model else {}
    if rows is not None and report.serves != model:
        rows = replace(rows, candidate=rows.naives[report.serves])
    config = replace(case.config, model=report.serves)
    rival = _rival(case, config, test, registry, champion, advance)
    if rival is None:
        told = f"Version {champion.version}, which serves, cannot be read: nothing is compared with it."
        return replace(report, reason=f"{report.reason} {told}")
    return against(report, rows, held, rival, seed=seed, unit=case.unit)


def _rows(test: Backtest, panel: Panel) -> BacktestArrays:
    rows = test.rows
    column = np.searchsorted(panel.keys, rows[UNIQUE_ID].to_numpy(dtype=str))
    y, weight, h = (rows[name].to_numpy() for name in ("y", "weight", "h"))
    return BacktestArrays(
        y=y,
        weight=weight,
        candidate=rows["storecast"].to_numpy(),
        naives={name: rows[name].to_numpy() for name in BASELINES},
        week=rows["ds"].to_numpy(dtype="datetime64[D]"),
        cutoff=rows["cutoff"].to_numpy(dtype="datetime64[D]"),
        h=h,
        segments=segment_labels(
            h,
            weight,
            y,
            buckets=BUCKETS,
            store_type=panel.texts("type")[column] if "type" in panel.static else None,
            department=panel.blocks[column] if panel.hierarchical else None,
        ),
    )


def _held(test: Backtest) -> dict[float, NDArray[np.bool_]]:
    """Level -> (R,) whether the band of each row held."""
    rows, y = test.rows, test.rows["y"]
    return {
        level: ((y >= rows[f"storecast-lo-{level:g}"]) & (y <= rows[f"storecast-hi-{level:g}"])).to_numpy()
        for level in test.levels
    }


def _rival(
    case: Case,
    config: ForecasterConfig,
    test: Backtest | None,
    registry: Registry,
    champion: ModelVersion,
    advance: Advance,
) -> Rival | None:
    """The champion's configuration at the rows of ``test``, beside that of ``config``, which would serve.

    None where it cannot be read: a damaged one must not keep a sound one from its place.
    """
    try:
        content = registry.load(champion.name, champion.version)
        served = from_state(content.arrays, content.texts, content.meta)
    except (ArtifactError, KeyError, TypeError, ValueError, AttributeError):
        return None
    code = str(content.meta.get("code_version", ""))
    fresher = _fresher(case, served, str(content.meta.get("data_digest", "")), code)
    theirs = replace(served.config, horizon=config.horizon)
    rival = Rival(champion.version, theirs.model, fresher=fresher)
    # a naive has no constants of its own
    if theirs == config or theirs.model == config.model in BASELINES:
        return replace(rival, equal=True)
    if test is None:
        return replace(rival, unknown="the history is too short for a back-test")
    if theirs == case.config:  # what serves is a naive, as the model did not pass; the rows are there
        return replace(rival, forecast=test.rows["storecast"].to_numpy(), held=_held(test))
    if theirs.model in BASELINES:
        return replace(rival, forecast=test.rows[theirs.model].to_numpy())
    try:
        again = _back_test(case, theirs, test.cutoffs, advance)
    except RequestError as error:
        return replace(rival, unknown=f"its configuration does not suit this data ({error.what})")
    if not _same_rows(again.rows, test.rows):
        return replace(rival, unknown="its configuration forecasts other series and weeks")
    return replace(rival, forecast=again.rows["storecast"].to_numpy(), held=_held(again))


def _same_rows(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return len(one) == len(other) and all(one[name].equals(other[name]) for name in _ROW)


def _fresher(case: Case, served: Forecaster, digest: str, code: str) -> str:
    """What the data holds more than the champion's did, in words; "" for nothing."""
    if not same_sales(case.panel.keys, case.panel.weeks, case.panel.values, served):
        return "other sales than the champion, which says nothing about these"
    weeks = int((case.panel.weeks[-1] - served.cutoff).astype("timedelta64[D]").astype(np.int64)) // 7
    if weeks > 0:
        return f"{weeks} {'week' if weeks == 1 else 'weeks'} more"
    if weeks < 0:
        return ""
    if digest != case.digest:
        return "other data of the same weeks, corrected or added to"
    return "" if code == __version__ else f"what storecast {__version__} has learnt since {code}"
