"""The whole main job: everything it promises is written, and nothing where it cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.jobs.run import RunResult, run
from storecast.jobs.train import TrainRequest
from storecast.stores.frames import FrameFiles
from storecast.stores.report import HtmlReport
from tests.fakes import FakeRegistry
from tests.jobs.worlds import CALENDAR, SALES, departments, noisy, write

REQUEST = TrainRequest(config=ForecasterConfig(model="aligned"), gate_windows=2, who="Ann")


def do(registry: FakeRegistry, path: str, folder: Path, request: TrainRequest = REQUEST) -> RunResult:
    return run(
        SALES,
        registry,
        HtmlReport(),
        FrameFiles(),
        path,
        str(folder),
        request,
        CALENDAR,
        created="2026-01-01T12:00:00+00:00",
        advance=lambda stage, share: None,
    )


def test_what_a_run_writes(tmp_path: Path) -> None:
    """Forecasts of each level, back-test and report; every file it names is there, and no other."""
    path = write(tmp_path / "departments.csv", departments(), depts=3)
    registry = FakeRegistry()
    result = do(registry, path, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "backtest.csv",
        "forecast-store.csv",
        "forecast-total.csv",
        "forecast.csv",
        "report.html",
    ]
    assert {Path(f) for f in result.files.values()} == set((tmp_path / "out").iterdir())
    cents = {}
    for name in ("forecast", "forecast-store", "forecast-total"):
        table = pd.read_csv(tmp_path / "out" / f"{name}.csv", dtype={"unique_id": str})
        assert table.groupby("unique_id").size().unique().tolist() == [52]
        cents[name] = table.assign(cents=(table["storecast"] * 100).round().astype("int64"))
    bottom = cents["forecast"].assign(unique_id=cents["forecast"]["unique_id"].str.split("_").str[0])
    stores = cents["forecast-store"].set_index(["unique_id", "ds"])["cents"]
    assert bottom.groupby(["unique_id", "ds"])["cents"].sum().to_dict() == stores.to_dict()
    total = cents["forecast-total"].set_index("ds")["cents"].to_dict()
    assert stores.groupby("ds").sum().to_dict() == total


def test_the_files_are_those_of_the_version_that_serves(tmp_path: Path) -> None:
    """Forecasts in the file are the champion's, and the back-test's rows those that the gate judged."""
    path = write(tmp_path / "a.csv", noisy())
    registry = FakeRegistry()
    result = do(registry, path, tmp_path / "out")
    table = pd.read_csv(result.files["Forecasts by series"])
    assert table["storecast"].tolist() == result.training.forecaster.points().T.ravel().tolist()
    assert registry.champion("storecast") == replace(result.training.version, aliases=("champion",))
    rows = pd.read_csv(result.files["Back-test"])
    assert result.training.judged is not None
    assert len(rows) == len(result.training.judged.rows)


def test_a_run_without_a_back_test(tmp_path: Path) -> None:
    """A history too short to judge still gives forecasts and a report."""
    result = do(FakeRegistry(), write(tmp_path / "a.csv", noisy(weeks=30)), tmp_path / "out")
    assert set(result.files) == {"Forecasts by series", "Forecasts by total", "Report"}
    assert all(Path(f).stat().st_size for f in result.files.values())


def test_a_folder_holds_the_files_of_one_run(tmp_path: Path) -> None:
    """What other data left there and this run does not make goes; what is not a run's stays."""
    do(FakeRegistry(), write(tmp_path / "departments.csv", departments(), depts=3), tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine", encoding="utf-8")
    result = do(FakeRegistry(), write(tmp_path / "a.csv", noisy(weeks=30)), tmp_path / "out")
    left = {p.name for p in (tmp_path / "out").iterdir()}
    assert left == {Path(f).name for f in result.files.values()} | {"notes.txt"}
    assert left == {"forecast.csv", "forecast-total.csv", "report.html", "notes.txt"}


def test_a_second_run_makes_a_second_version(tmp_path: Path) -> None:
    """The files are replaced, the registry grows, and the forecasts are the same."""
    path = write(tmp_path / "a.csv", noisy())
    registry = FakeRegistry()
    made = [do(registry, path, tmp_path / "out").training for _ in range(2)]
    assert made[1].version.version > made[0].version.version
    assert np.array_equal(made[0].forecaster.points(), made[1].forecaster.points())


def test_a_folder_that_cannot_be_written_to_is_known_before_the_work(tmp_path: Path) -> None:
    """Nothing is registered for files that could not be written."""
    (tmp_path / "out").write_text("in the way", encoding="utf-8")
    registry = FakeRegistry()
    with pytest.raises(RequestError, match="Nothing can be written"):
        do(registry, write(tmp_path / "a.csv", noisy()), tmp_path / "out" / "deeper")
    assert registry.versions("storecast") == []
