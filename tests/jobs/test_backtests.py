"""Back-tests left to the follower: the scores a direct call gives, of uploads and of what serves."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storecast.forecasting.backtest import output_columns
from storecast.forecasting.calendar import US_RETAIL, Calendar, calendar_state
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.frames import history_panel
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import SampleSpec, make_sample, to_long, to_store_file
from storecast.forecasting.scores import as_dict
from storecast.forecasting.state import from_state, to_state
from storecast.jobs.backtest import BacktestRequest, backtest_panel
from storecast.jobs.backtests import BacktestWork
from storecast.ports import ArtifactContent, ModelVersion
from storecast.ports.uploads import BacktestOrder
from storecast.ports.work import Job
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.datasets import DatasetTable
from storecast.stores.forecast_log.jobs import JobTable
from storecast.stores.frames import FrameFiles
from storecast.stores.releases import ReleaseFolder
from storecast.stores.sales_files import SalesFiles, read_sales
from storecast.stores.scratch import ScratchFolders

FAIRS = Calendar.from_dates(
    "fairs", {"fair": np.array([f"{y}-05-{12 + y % 5}" for y in range(2008, 2015)], dtype="datetime64[D]")}
)
ORDER = BacktestOrder(model="naive-growth", horizon=6, windows=2, step=6, levels=(80.0,))


class Desk:
    """A database with jobs, a release folder, and a worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(f"sqlite:///{folder}/log.db")
        self.database.ensure_schema()
        self.datasets, self.jobs = DatasetTable(self.database), JobTable(self.database)
        self.releases = ReleaseFolder(folder / "releases", clock=lambda: datetime.now(UTC))

    def publish(self, forecaster: Forecaster, calendar: Calendar) -> None:
        arrays, texts, meta = to_state(forecaster)
        made = self.folder / "made"
        content = ArtifactContent(arrays, texts, {**meta, "calendar": calendar_state(calendar)})
        digest = ArtifactFolders().save(content, str(made))
        self.releases.stage(digest, lambda folder: shutil.copytree(made, folder))
        version = ModelVersion("storecast", 1, digest, "")
        self.releases.publish(version, model="m", kind="promote", who="Ann", why="a test", after=None)

    def order(self, order: BacktestOrder) -> Job:
        """Ask for it, have it worked off, and look at what came of it."""
        asked = self.jobs.submit("backtest", owner="key", subject=order.text())
        work = BacktestWork(
            self.jobs,
            self.datasets,
            self.releases,
            SalesFiles(),
            FrameFiles(),
            ScratchFolders(self.folder / "scratch"),
            "one",
        )
        assert work.next()
        assert not work.next()
        found = self.jobs.find(asked.id, owner=None)
        assert found is not None
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.database.close()


def _same(result: dict[str, object], expected: dict[str, object]) -> None:
    """As JSON has it: what is not known is null."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {str(k): plain(v) for k, v in value.items()}
        if isinstance(value, list):
            return [plain(v) for v in value]
        return None if isinstance(value, float) and not np.isfinite(value) else value

    assert {name: result[name] for name in expected} == json.loads(json.dumps(plain(expected)))


def test_orders_survive_as_text() -> None:
    """What is asked for is what is read."""
    for order in (BacktestOrder(), BacktestOrder("d", "blend", 1, 2, 3, (50.0, 99.5))):
        assert BacktestOrder.of(order.text()) == order


@pytest.mark.parametrize("model", ["", "seasonal-naive"])
def test_what_serves_is_back_tested_on_what_it_learnt(model: str, desk: Desk) -> None:
    """The scores are those of the panel that it was fitted on, with its calendar and its kind of model."""
    panel = Panel.from_frame(to_long(make_sample(SampleSpec(stores=2, departments=2, weeks=80, seed=4))))
    config = ForecasterConfig(model="naive-growth", horizon=20)
    desk.publish(Forecaster.fit(panel, config, FAIRS), FAIRS)
    done = desk.order(BacktestOrder("", model, 6, 2, 6, (80.0,)))
    assert (done.state, done.error) == ("done", "")
    wanted = BacktestRequest(
        ForecasterConfig(model=model or "naive-growth", horizon=6), windows=2, step=6, levels=(80.0,)
    )
    result = json.loads(done.result)
    assert result["calendar"] == "fairs"
    _same(result, as_dict(backtest_panel(panel, wanted, FAIRS)))


def test_a_history_survives_in_a_version() -> None:
    """Every part of the panel that a model reads comes back from the state of one fitted on it."""
    panel = Panel.from_frame(to_long(make_sample(SampleSpec(stores=2, departments=2, weeks=80, seed=4))))
    for model in ("naive-growth", "boosting"):
        made = Forecaster.fit(panel, ForecasterConfig(model=model, horizon=4))
        found = history_panel(from_state(*to_state(made)))
        for name in ("weeks", "keys", "stores", "blocks", "flagged"):
            assert np.array_equal(getattr(found, name), getattr(panel, name)), name
        assert np.array_equal(found.values, panel.values, equal_nan=True)
        assert np.array_equal(found.code("type"), panel.code("type"))
        assert np.array_equal(found.code("size"), panel.code("size"))
        if model == "boosting":
            assert found.observed.keys() == panel.observed.keys()
            for name, values in panel.observed.items():
                assert np.array_equal(found.observed[name], values, equal_nan=True)


def test_an_upload_is_back_tested(desk: Desk, tmp_path: Path) -> None:
    """The scores are those of the file; its rows lie beside the data set."""
    sales = to_store_file(make_sample(SampleSpec(stores=3, weeks=70)))
    file = tmp_path / "same.csv"
    sales.to_csv(file, index=False, date_format="%d-%m-%Y")
    dataset = desk.datasets.upload("key", "sales.csv", "text/csv", [file.read_bytes()])
    done = desk.order(BacktestOrder(dataset.id, "naive-growth", 6, 2, 6, (80.0,)))
    assert (done.state, done.error) == ("done", "")
    wanted = BacktestRequest(
        ForecasterConfig(model="naive-growth", horizon=6), windows=2, step=6, levels=(80.0,)
    )
    expected = backtest_panel(Panel.from_frame(read_sales(file).panel), wanted, US_RETAIL)
    _same(json.loads(done.result), as_dict(expected))
    rows = pd.read_csv(io.BytesIO(b"".join(desk.datasets.read(dataset.id, "backtest.csv"))))
    assert list(rows.columns) == output_columns((80.0,))
    np.testing.assert_allclose(rows["storecast"], expected.rows["storecast"], atol=0.005)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"horizon": 52}, "too short"),
        ({"dataset": "00000000-0000-0000-0000-000000000000"}, "removed"),
        ({"dataset": "", "model": "naive-growth"}, "no version serves"),
    ],
)
def test_what_cannot_be_back_tested_says_why(change: dict[str, object], words: str, desk: Desk) -> None:
    """The job fails with what, where and remedy, in words that are not those of the command line."""
    sales = to_store_file(make_sample(SampleSpec(stores=2, weeks=50)))
    text = sales.to_csv(index=False, date_format="%d-%m-%Y").encode()
    dataset = desk.datasets.upload("key", "sales.csv", "text/csv", [text])
    done = desk.order(BacktestOrder(**{**vars(ORDER), "dataset": dataset.id, **change}))
    assert (done.state, done.attempts) == ("failed", 1)
    problem = json.loads(done.error)
    assert words in problem["what"]
    assert problem["remedy"]
    assert "--" not in done.error
    assert str(desk.folder) not in done.error
