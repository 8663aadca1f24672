"""The rivals: one sensible published setting each, as their own documentation has it; nothing is tuned.

Each method takes a regular history (see ``histories.regular``), the cutoff, the horizon and the holiday
weeks, and gives ``unique_id, ds, point`` with ``lo-80, hi-80, lo-95, hi-95`` where the package offers bands
for that much history.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.rivals.histories import holiday_weeks

__all__ = ["METHODS", "Request", "Rival"]

SEASON = 52
LEVELS = [80, 95]


@dataclass(frozen=True)
class Request:
    """What is asked of a rival. ``flagged``: the holiday weeks of the panel's own calendar, known ahead."""

    history: pd.DataFrame
    cutoff: pd.Timestamp
    horizon: int
    flagged: frozenset[pd.Timestamp]

    @property
    def freq(self) -> str:
        """pandas' name of a week that ends on the cutoff's weekday."""
        return "W-" + self.cutoff.strftime("%a").upper()

    def weeks_ahead(self) -> pd.DatetimeIndex:
        """The weeks asked for."""
        return pd.date_range(self.cutoff, periods=self.horizon + 1, freq="7D")[1:]


Method = Callable[[Request], pd.DataFrame]


@dataclass(frozen=True)
class Rival:
    """``packages`` are those whose versions count; ``slow``: not at department level unless asked for."""

    run: Method
    packages: tuple[str, ...]
    setting: str
    slow: bool = False


def _statistical(model: str) -> Method:
    def run(request: Request) -> pd.DataFrame:
        from statsforecast import StatsForecast, models  # type: ignore[import-not-found]

        chosen = getattr(models, model)(season_length=SEASON)
        runner = StatsForecast(
            models=[chosen], freq=request.freq, n_jobs=1, fallback_model=models.SeasonalNaive(SEASON)
        )
        out = runner.forecast(df=request.history, h=request.horizon, level=LEVELS)
        names = {repr(chosen): "point"}
        for level in LEVELS:
            names |= {f"{chosen!r}-{side}-{level}": f"{side}-{level}" for side in ("lo", "hi")}
        named: pd.DataFrame = out.rename(columns=names)[["unique_id", "ds", *names.values()]]
        return named

    return run


def _week_of_year(dates: pd.DatetimeIndex) -> NDArray[np.int64]:
    return np.asarray(dates.isocalendar()["week"], dtype=np.int64)


def _gradient_boosting(request: Request, step: int, direct: bool) -> pd.DataFrame:
    """One model's forecasts of the first ``step`` weeks; ``direct``: from lags of ``step`` weeks and more."""
    from lightgbm import LGBMRegressor
    from mlforecast import MLForecast  # type: ignore[import-not-found]
    from mlforecast.lag_transforms import RollingMean  # type: ignore[import-not-found]
    from mlforecast.target_transforms import LocalStandardScaler  # type: ignore[import-not-found]

    first = step if direct else 1
    far = [lag for lag in (8, 13, 26, SEASON - 1, SEASON) if lag >= first]
    model = LGBMRegressor(
        n_estimators=100, learning_rate=0.05, num_leaves=31, random_state=0, n_jobs=1, verbosity=-1
    )
    forecaster = MLForecast(
        models={"point": model},
        freq=request.freq,
        lags=sorted({first, first + 1, first + 2, first + 3, *far}),
        lag_transforms={first: [RollingMean(4), RollingMean(13)]} if first + 13 <= SEASON else {},
        date_features=["month", _week_of_year],
        target_transforms=[LocalStandardScaler()],
    )
    history = request.history.assign(
        holiday=request.history["ds"].isin(request.flagged).astype(int),
        series=request.history["unique_id"].astype("category"),
    )
    # Younger series leave no row to learn from, and the package refuses them.
    history = history[history.groupby("unique_id")["y"].transform("size") > SEASON + 8]
    weeks = request.weeks_ahead()[:step]
    ahead = pd.MultiIndex.from_product([history["unique_id"].unique(), weeks], names=["unique_id", "ds"])
    future = ahead.to_frame(index=False)
    future["holiday"] = future["ds"].isin(request.flagged).astype(int)
    forecaster.fit(history, static_features=["series"])
    out: pd.DataFrame = forecaster.predict(h=step, X_df=future)[["unique_id", "ds", "point"]]
    return out


def _recursive(request: Request) -> pd.DataFrame:
    return _gradient_boosting(request, request.horizon, direct=False)


def _direct(request: Request) -> pd.DataFrame:
    """A model for each week ahead, so that no forecast is fed back into the next one."""
    weeks, parts = request.weeks_ahead(), []
    for step in range(1, request.horizon + 1):
        out = _gradient_boosting(request, step, direct=True)
        parts.append(out[out["ds"] == weeks[step - 1]])
    return pd.concat(parts, ignore_index=True)


def _prophet(request: Request) -> pd.DataFrame:
    logging.getLogger("cmdstanpy").setLevel(logging.ERROR)
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
    from prophet import Prophet  # type: ignore[import-not-found]

    weeks = request.weeks_ahead()
    parts = []
    for series, history in request.history.groupby("unique_id"):
        if len(history) < 2:
            continue
        history = history[["ds", "y"]]
        known = pd.DatetimeIndex([*history["ds"], *weeks])
        days = holiday_weeks(known)
        np.random.seed(0)  # noqa: NPY002  (Prophet draws its bands from the global state)
        model = Prophet(
            seasonality_mode="multiplicative",
            holidays=days[days["ds"].isin(known)].copy(),
            yearly_seasonality=True,
            weekly_seasonality=False,
            daily_seasonality=False,
        )
        model.fit(history, seed=0)
        asked = pd.DataFrame({"ds": weeks})
        draws = model.predictive_samples(asked)["yhat"]
        out = asked.assign(unique_id=series, point=model.predict(asked)["yhat"].to_numpy())
        for level in LEVELS:
            tail = (100 - level) / 2
            out[f"lo-{level}"], out[f"hi-{level}"] = np.percentile(draws, [tail, 100 - tail], axis=1)
        parts.append(out)
    return pd.concat(parts, ignore_index=True)


_SF, _ML = ("statsforecast",), ("mlforecast", "lightgbm")
METHODS: dict[str, Rival] = {
    "sf-seasonal-naive": Rival(_statistical("SeasonalNaive"), _SF, "SeasonalNaive(52)"),
    "mstl": Rival(_statistical("MSTL"), _SF, "MSTL(52), trend by AutoETS"),
    "auto-ces": Rival(_statistical("AutoCES"), _SF, "AutoCES(52)", slow=True),
    "auto-ets": Rival(_statistical("AutoETS"), _SF, "AutoETS(52)", slow=True),
    "lightgbm-recursive": Rival(_recursive, _ML, "mlforecast on scaled series, recursive"),
    "lightgbm-direct": Rival(
        _direct, _ML, "mlforecast on scaled series, a model for each week ahead, no shorter lag"
    ),
    "prophet": Rival(_prophet, ("prophet",), "multiplicative, US federal holidays at their weeks", slow=True),
}
warnings.filterwarnings("ignore", category=FutureWarning)
