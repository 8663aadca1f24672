"""Uploaded data sets: checked, forecast, their tables left beside them; whatever the worker meets."""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storecast.errors import LogError
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.frames import forecast_table
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import SampleSpec, make_sample, to_long, to_store_file
from storecast.jobs import queue as module
from storecast.jobs.datasets import DatasetWork
from storecast.ports.work import Job
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.datasets import DatasetTable
from storecast.stores.forecast_log.jobs import JobTable
from storecast.stores.frames import FrameFiles
from storecast.stores.sales_files import SalesFiles, read_sales
from storecast.stores.scratch import ScratchFolders

SMALL = ForecasterConfig(model="naive-growth", horizon=8)


class Desk:
    """A database with uploads, and a worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(f"sqlite:///{folder}/log.db")
        self.database.ensure_schema()
        self.datasets, self.jobs = DatasetTable(self.database), JobTable(self.database)
        self.told: list[str] = []

    def work(self, worker: str = "one", **changes) -> DatasetWork:
        made = DatasetWork(
            self.jobs,
            self.datasets,
            SalesFiles(),
            FrameFiles(),
            ScratchFolders(self.folder / "scratch"),
            worker,
            config=SMALL,
            tell=lambda event, detail: self.told.append(event),
        )
        return replace(made, **changes)

    def upload(self, data: bytes, name: str = "sales.csv") -> Job:
        made = self.datasets.upload("key", name, "text/csv", [data[:1000], data[1000:]])
        return self.jobs.submit("dataset", owner="key", subject=made.id)

    def find(self, job: Job) -> Job:
        found = self.jobs.find(job.id, owner=None)
        assert found is not None
        return found

    def state(self, job: Job) -> str:
        found = self.datasets.find(job.subject, owner=None)
        assert found is not None
        return found.state


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.database.close()


@pytest.fixture(scope="module")
def sales() -> bytes:
    frame = to_store_file(make_sample(SampleSpec(stores=3, weeks=110)))
    return frame.to_csv(index=False, date_format="%d-%m-%Y").encode()


def test_an_upload_becomes_forecasts(desk: Desk, sales: bytes, tmp_path: Path) -> None:
    """The tables of every level are those of a forecaster fitted on the same file; the report is kept."""
    job = desk.upload(sales)
    assert desk.work().next()
    assert not desk.work().next()
    done = desk.find(job)
    assert (done.state, done.progress, done.error) == ("done", 1.0, "")
    assert desk.state(job) == "ready"
    file = tmp_path / "same.csv"
    file.write_bytes(sales)
    data = read_sales(file)
    made = Forecaster.fit(Panel.from_frame(data.panel), SMALL, US_RETAIL)
    result = json.loads(done.result)
    assert (result["series"], result["horizon"], result["model"]) == (3, 8, "naive-growth")
    assert result["cutoff"] == str(made.cutoff)
    for level in ("series", "total"):
        content = b"".join(desk.datasets.read(job.subject, f"forecast-{level}.csv"))
        expected = forecast_table(made, 8, (80.0, 95.0), level)
        found = pd.read_csv(io.BytesIO(content), dtype={"unique_id": str}, parse_dates=["ds"])
        np.testing.assert_allclose(found["storecast"], expected["storecast"], atol=0.005)
        assert found["unique_id"].tolist() == expected["unique_id"].tolist()
        assert found["ds"].tolist() == expected["ds"].tolist()
        described = result["contents"][f"forecast-{level}.csv"]
        assert described == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    dataset = desk.datasets.find(job.subject, owner=None)
    assert dataset is not None
    report = json.loads(dataset.report)
    assert report["series"] == 3
    assert report["status"] == data.report.status
    assert desk.told == ["dataset done"]


def test_no_name_of_a_file_is_a_formula_in_its_forecasts(desk: Desk) -> None:
    """The table is handed out as CSV: a store called like a formula is a plain text in it, others as they
    are."""
    frame = to_store_file(make_sample(SampleSpec(stores=2, weeks=60)))
    frame["Store"] = np.where(frame["Store"].astype(str) == "1", '=HYPERLINK("http://x","sales")', "plain")
    job = desk.upload(frame.to_csv(index=False, date_format="%d-%m-%Y").encode())
    assert desk.work().next()
    assert desk.find(job).state == "done", desk.find(job).error
    content = b"".join(desk.datasets.read(job.subject, "forecast-series.csv"))
    names = pd.read_csv(io.BytesIO(content))["unique_id"].unique().tolist()
    assert sorted(names) == ['\'=HYPERLINK("http://x","sales")', "plain"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\sales\\März 2012.csv", "", "...", "x" * 300, "a\0b"]
)
def test_names_of_uploads_lead_nowhere(desk: Desk, sales: bytes, name: str, tmp_path: Path) -> None:
    """Whatever an upload is called, its file lies in a folder of its own and is gone afterwards."""
    dataset = desk.datasets.upload("key", name.replace("\0", ""), "text/csv", [sales])
    job = desk.jobs.submit("dataset", owner="key", subject=dataset.id)
    assert desk.work().next()
    assert desk.find(job).state == "done"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_parquet_and_long_form_are_read_too(desk: Desk) -> None:
    """An upload is told by its content."""
    buffer = io.BytesIO()
    to_long(make_sample(SampleSpec(stores=2, weeks=60))).to_parquet(buffer, index=False)
    job = desk.upload(buffer.getvalue(), "sales")
    assert desk.work().next()
    assert desk.find(job).state == "done"


@pytest.mark.parametrize(
    "data", [b"", b"a,b\n1,2\n", b"\0\1\2", b"Store,Date,Weekly_Sales\n1,yesterday,5\n"], ids=range(4)
)
def test_refused_data_says_why(desk: Desk, data: bytes, tmp_path: Path) -> None:
    """The job fails with what, where and remedy; the report holds all findings and no path of ours."""
    job = desk.upload(data, "sales.csv")
    assert desk.work().next()
    failed = desk.find(job)
    assert (failed.state, failed.attempts) == ("failed", 1)
    problem = json.loads(failed.error)
    assert problem["what"]
    assert problem["remedy"]
    dataset = desk.datasets.find(job.subject, owner=None)
    assert dataset is not None
    assert dataset.state == "refused"
    assert json.loads(dataset.report)["status"] == "refused"
    assert "scratch" not in dataset.report + failed.error
    assert "storecast-" not in failed.error
    assert desk.told == ["dataset refused"]


def test_a_removed_data_set_fails_its_job(desk: Desk, sales: bytes) -> None:
    """A job whose data set is gone fails at once."""
    job = desk.upload(sales)
    desk.datasets.delete(job.subject, owner=None)
    assert desk.work().next()
    assert desk.find(job).state == "failed"


def test_an_accident_is_tried_three_times(desk: Desk, sales: bytes) -> None:
    """A worker that stumbles over a defect of ours leaves the job for another attempt, thrice in all."""

    class Broken(SalesFiles):
        def read(self, path):
            raise ZeroDivisionError("division by zero")

    job = desk.upload(sales)
    for attempt in (1, 2, 3):
        with pytest.raises(ZeroDivisionError):
            desk.work(source=Broken()).next()
        assert desk.find(job).attempts == attempt
    failed = desk.find(job)
    assert failed.state == "failed"
    assert "ZeroDivisionError" in failed.error
    assert not desk.work().next()


def test_a_database_that_goes_away_costs_one_attempt(desk: Desk, sales: bytes) -> None:
    """The job is put back where that is possible, and done by the next attempt."""

    class Failing(DatasetTable):
        def attach(self, *args, **kwargs):
            raise LogError("the forecast log's database does not answer as it should")

    job = desk.upload(sales)
    with pytest.raises(LogError):
        desk.work(datasets=Failing(desk.database)).next()
    assert desk.find(job).state == "queued"
    assert desk.work().next()
    assert desk.find(job).state == "done"


def test_a_silent_fit_keeps_its_job_and_a_dead_worker_loses_it(
    desk: Desk, sales: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is busy for longer than its lease is not replaced; one that is dead is."""
    monkeypatch.setattr(module, "_LEASE", 0.6)
    monkeypatch.setattr(module, "_TELL", 0.05)

    class Slow(SalesFiles):
        def read(self, path):
            time.sleep(1.5)
            assert desk.jobs.claim("thief", lease=1.0, kinds=["dataset"]) is None
            return super().read(path)

    job = desk.upload(sales)
    assert desk.work(source=Slow()).next()
    assert desk.find(job).state == "done"
    second = desk.upload(sales)
    dead = desk.jobs.claim("dead", lease=0.1, kinds=["dataset"])
    assert dead is not None
    time.sleep(0.2)
    assert desk.work().next()
    found = desk.find(second)
    assert (found.state, found.attempts) == ("done", 2)


def test_a_job_that_was_lost_is_let_go(desk: Desk, sales: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose job another one took leaves it to that one."""
    monkeypatch.setattr(module, "_TELL", 0.05)
    job = desk.upload(sales)

    class Robbed(SalesFiles):
        def read(self, path):
            query = "UPDATE jobs SET worker = 'thief'"
            with desk.database.write() as connection:
                connection.exec_driver_sql(query)
            time.sleep(0.3)
            return super().read(path)

    monkeypatch.setattr(module, "_LEASE", 0.1)
    assert desk.work(source=Robbed()).next()
    assert desk.find(job).state == "running"
    assert desk.told == []
