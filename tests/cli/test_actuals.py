"""``storecast actuals``: true sales of a week or of years go in, and twice changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from storecast.settings import Settings
from storecast.wiring.life import actuals_table
from tests.cli.calls import call

WEEK = "2012-12-21"  # the week after the last of ``noisy``


@pytest.fixture
def home(served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home with a champion, whose database may be written to."""
    copy = tmp_path / "home"
    shutil.copytree(served.home, copy)
    monkeypatch.setenv("STORECAST_HOME", str(copy))
    return copy


def week(path: Path, values: dict[str, float], ds: str = WEEK) -> str:
    frame = pd.DataFrame({"unique_id": list(values), "ds": ds, "y": list(values.values())})
    frame.to_csv(path, index=False)
    return str(path)


def stored(home: Path) -> dict[tuple[str, str], float]:
    with actuals_table(Settings(home=home)) as table:
        return {(row.unique_id, row.ds): row.y for row in table.each()}


def test_a_new_week_goes_in_once(home: Path, tmp_path: Path) -> None:
    """One week is enough; the same file again changes nothing, a corrected one replaces."""
    path = week(tmp_path / "week.csv", {"1": 10.5, "2": 20.0})
    first = call("actuals", path, "--json").json()
    assert first == {
        "inserted": 2,
        "changed": 0,
        "unchanged": 0,
        "first": WEEK,
        "last": WEEK,
        "strangers": [],
    }
    assert call("actuals", path, "--json").json()["unchanged"] == 2
    week(tmp_path / "week.csv", {"1": 11.5, "2": 20.0, "new": 3.0})
    again = call("actuals", path, "--json").json()
    assert (again["inserted"], again["changed"], again["unchanged"]) == (1, 1, 1)
    assert again["strangers"] == ["new"]
    assert stored(home) == {("1", WEEK): 11.5, ("2", WEEK): 20.0, ("new", WEEK): 3.0}


def test_the_file_that_was_trained_on_goes_in_too(home: Path, served) -> None:
    """Years of sales at once, to the cent."""
    done = call("actuals", served.data)
    assert done.code == 0
    frame = pd.read_csv(served.data, dtype={"unique_id": str})
    expected = {(r.unique_id, r.ds): r.y for r in frame.itertuples()}
    assert stored(home) == expected
    assert f"{len(expected):,} new" in done.out


def test_weeks_of_another_grid_are_refused(home: Path, tmp_path: Path) -> None:
    """A day that is no week of the forecasts is told with what was expected, and nothing is stored."""
    done = call("actuals", week(tmp_path / "week.csv", {"1": 1.0}, "2012-12-22"))
    assert done.code == 1
    assert "2012-12-22" in done.err
    assert "--dayfirst" in done.err
    assert stored(home) == {}


def test_weeks_long_after_the_forecasts_are_refused(home: Path, tmp_path: Path) -> None:
    """A slip in the year is told with the last week that is forecast, and nothing is stored."""
    done = call("actuals", week(tmp_path / "week.csv", {"1": 1.0}, "2112-11-04"))
    assert done.code == 1
    assert "2112-11-04" in done.err
    assert "weeks up to 201" in done.err
    assert stored(home) == {}


def test_a_date_that_may_be_two_is_refused(home: Path, tmp_path: Path) -> None:
    """Of one week alone the order of day and month cannot always be told: it is asked for."""
    path = week(tmp_path / "week.csv", {"1": 1.0}, "04-01-2013")
    assert call("actuals", path).code == 1
    assert call("actuals", path, "--dayfirst", "--json").json()["first"] == "2013-01-04"
