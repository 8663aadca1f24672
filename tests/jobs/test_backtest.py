"""Back-tests: which cutoffs, which rows, the same figures again, and nothing of what came later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.forecasting.backtest import Backtest, output_columns
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.models import MODELS
from storecast.forecasting.quality import SalesData
from storecast.jobs.backtest import BacktestRequest, backtest
from tests.jobs.worlds import CALENDAR, SALES, departments, noisy, write

COLUMNS = [
    *("unique_id", "ds", "cutoff", "y", "weight", "storecast"),
    *("storecast-lo-80", "storecast-hi-80", "storecast-lo-95", "storecast-hi-95"),
    *("seasonal-naive", "naive-growth"),
]
ALIGNED = ForecasterConfig(model="aligned", horizon=8)
WEEKS = pd.date_range("2010-02-05", periods=130, freq="7D")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sales")
    write(folder / "stores.csv", noisy(weeks=130))
    write(folder / "departments.csv", departments(), depts=3)
    return folder


def run(path: Path, request: BacktestRequest, **more) -> Backtest:
    return backtest(SALES, str(path), request, CALENDAR, **more)


def days(*texts: str) -> tuple[np.datetime64, ...]:
    return tuple(np.datetime64(text) for text in texts)


@pytest.mark.parametrize("model", MODELS)
def test_rows_of_every_model(folder: Path, model: str) -> None:
    """One row a series, week and cutoff that has an actual, with the promised columns, every one finite, the
    point between its limits and the narrow band inside the wide one."""
    config = ForecasterConfig(model=model, horizon=8)
    made = run(folder / "stores.csv", BacktestRequest(config, days("2012-02-03", "2012-06-22")))
    rows = made.rows[output_columns((80.0, 95.0))]
    assert list(rows.columns) == COLUMNS
    values = noisy(weeks=130)
    expected = {
        (str(n + 1), WEEKS[c + h], WEEKS[c - 1]): values[c + h, n]
        for c in (105, 125)
        for h in range(min(8, 130 - c))
        for n in range(6)
    }
    found = dict(zip(zip(rows["unique_id"], rows["ds"], rows["cutoff"], strict=True), rows["y"], strict=True))
    assert found == expected
    assert len(rows) == len(expected)
    assert np.isfinite(rows.drop(columns=["unique_id", "ds", "cutoff"]).to_numpy(dtype=float)).all()
    ends = ["storecast-lo-95", "storecast-lo-80", "storecast", "storecast-hi-80", "storecast-hi-95"]
    assert (np.diff(rows[ends].to_numpy(), axis=1) >= 0).all()


def test_naives_are_what_their_names_say(folder: Path) -> None:
    """The seasonal naive's column is the actual of 52 weeks earlier."""
    rows = run(folder / "stores.csv", BacktestRequest(ALIGNED, days("2012-06-01"))).rows
    values = noisy(weeks=130)
    week = rows["ds"].map({w: i for i, w in enumerate(WEEKS)}).to_numpy()
    assert np.array_equal(rows["seasonal-naive"], values[week - 52, rows["unique_id"].astype(int) - 1])


def test_windows_and_steps(folder: Path) -> None:
    """Without dates the last windows whose whole horizon has actuals, so many weeks apart."""
    made = run(folder / "stores.csv", BacktestRequest(ALIGNED, windows=3, step=5))
    assert [str(c) for c in made.cutoffs] == [str(WEEKS[i].date()) for i in (111, 116, 121)]
    assert made.rows.groupby("cutoff").size().tolist() == [48, 48, 48]


def test_a_day_means_the_last_week_that_is_over(folder: Path) -> None:
    """A cutoff off the weekly grid is the week before it, and two days of one week are one cutoff."""
    made = run(
        folder / "stores.csv", BacktestRequest(ALIGNED, days("2012-06-05", "2012-06-01", "2012-06-07"))
    )
    assert [str(c) for c in made.cutoffs] == ["2012-06-01"]
    exact = run(folder / "stores.csv", BacktestRequest(ALIGNED, days("2012-06-01")))
    pd.testing.assert_frame_equal(made.rows, exact.rows)


@pytest.mark.parametrize(
    "cutoff", ["1999-01-01", "2010-02-05", "2010-03-18", "2012-07-27", "2012-07-30", "2030-01-01"]
)
def test_cutoffs_out_of_range(folder: Path, cutoff: str) -> None:
    """A cutoff with too little before it or nothing after it is refused with the range it must lie in."""
    with pytest.raises(RequestError, match="2010-03-26 to 2012-07-20"):
        run(folder / "stores.csv", BacktestRequest(ALIGNED, days(cutoff)))


def test_cutoffs_at_the_edges(folder: Path) -> None:
    """The first and the last cutoff of that range work."""
    made = run(folder / "stores.csv", BacktestRequest(ALIGNED, days("2010-03-26", "2012-07-20")))
    assert made.rows.groupby("cutoff").size().tolist() == [48, 6]
    assert np.isfinite(made.rows[COLUMNS[3:]].to_numpy(dtype=float)).all()


@pytest.mark.parametrize("horizon", [0, -3, 53, 500])
def test_a_horizon_out_of_range_is_refused_unread(horizon: int) -> None:
    """The data is not even opened."""

    class Unread:
        def read(self, path: str) -> SalesData:
            raise AssertionError(path)

    with pytest.raises(RequestError, match="1 to 52 weeks"):
        backtest(Unread(), "x", BacktestRequest(ForecasterConfig(horizon=horizon)), CALENDAR)


def test_too_short_a_history(tmp_path: Path) -> None:
    """Where no cutoff leaves a whole horizon, it is told how many weeks that takes."""
    path = write(tmp_path / "a.csv", noisy(weeks=15))
    with pytest.raises(RequestError, match="at least 16 weeks"):
        run(Path(path), BacktestRequest(ALIGNED))


@pytest.mark.parametrize("model", ["blend", "boosting"])
def test_what_came_later_changes_nothing(tmp_path: Path, model: str) -> None:
    """Garbage in every week after the cutoff leaves each forecast, band and naive as it was, bit for bit."""
    values = noisy(weeks=120)
    later = values.copy()
    later[110:] = np.random.default_rng(9).uniform(1, 1e5, later[110:].shape).round(2)
    forecasts = []
    for name, world in (("one", values), ("other", later)):
        path = Path(write(tmp_path / f"{name}.csv", world))
        request = BacktestRequest(ForecasterConfig(model=model, horizon=8), days(str(WEEKS[109].date())))
        rows = run(path, request).rows
        forecasts.append(rows[COLUMNS[5:]].to_numpy())
    assert np.array_equal(forecasts[0], forecasts[1])


def test_a_seeded_back_test_repeats_bit_for_bit(folder: Path) -> None:
    """Run twice, no figure differs in any bit."""
    request = BacktestRequest(ForecasterConfig(horizon=4, seed=3), days("2012-06-22"))
    once, again = (run(folder / "stores.csv", request).rows for _ in range(2))
    assert once.to_dict("list") == again.to_dict("list")


def test_departments_are_named_where_there_are_any(folder: Path) -> None:
    """Rows carry the department; scores by department are refused, before the work, where there is none."""
    made = run(folder / "departments.csv", BacktestRequest(ALIGNED, windows=1, by="dept"))
    assert (made.rows["dept"] == made.rows["unique_id"].str.split("_").str[1]).all()
    assert sorted(made.higher) == ["store", "total"]
    shares: list[float] = []
    with pytest.raises(RequestError, match="no departments"):
        run(folder / "stores.csv", BacktestRequest(ALIGNED, by="dept"), advance=shares.append)
    assert shares == []


def test_stores_and_total_are_sums_of_the_departments(folder: Path) -> None:
    """The back-test's higher levels hold the departments' sums: actuals, and forecasts to the cent."""
    made = run(folder / "departments.csv", BacktestRequest(ALIGNED, windows=1))
    sums = made.rows.groupby(["store", "ds"])[["y", "storecast"]].sum()
    stores = made.higher["store"].set_index(["unique_id", "ds"])[["y", "storecast"]]
    assert np.allclose(stores.to_numpy(), sums.loc[stores.index].to_numpy(), rtol=0, atol=1e-6)


def test_progress_is_told(folder: Path) -> None:
    """A share after each cutoff, all of it in the end."""
    shares: list[float] = []
    run(folder / "stores.csv", BacktestRequest(ALIGNED, windows=2), advance=shares.append)
    assert shares == [0.5, 1.0]


def test_events_of_unknown_series_are_refused(folder: Path) -> None:
    """A misspelt series does not pass silently."""
    day = np.datetime64("2012-06-01")
    with pytest.raises(RequestError, match="block nonfood"):
        run(
            folder / "stores.csv",
            BacktestRequest(ALIGNED),
            events=(Event("promotion", day, day, "", "nonfood"),),
        )
