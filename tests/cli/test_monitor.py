"""``storecast monitor``: judge, decide, and do what is due when asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from storecast.forecasting.state import from_state
from storecast.ports import Entry
from storecast.settings import Settings
from storecast.stores.forecast_log.monitor_runs import MonitorRunTable
from storecast.stores.forecast_log.tables import forecasts
from storecast.wiring import batch
from storecast.wiring.serving import database
from tests.cli.calls import call
from tests.jobs.worlds import noisy, write

NEWS = 9  # weeks after those that were trained on


@pytest.fixture
def home(served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home with a champion, which may be worked on."""
    copy = tmp_path / "home"
    shutil.copytree(served.home, copy)
    monkeypatch.setenv("STORECAST_HOME", str(copy))
    return copy


@pytest.fixture
def whole(tmp_path: Path, served) -> str:
    """The history that was trained on, and the weeks since: the last year's, a little higher."""
    known = noisy()
    return write(tmp_path / "whole.csv", np.vstack([known, np.round(known[-52 : -52 + NEWS] * 1.01, 2)]))


def answered(home: Path) -> int:
    """Log an answer of the champion about each series, as the service does; how many rows."""
    settings = Settings(home=home)
    registry = batch.registry(settings)
    champion = registry.champion("storecast")
    assert champion is not None
    content = registry.load("storecast", champion.version)
    f = from_state(content.arrays, content.texts, content.meta)
    days = f.weeks.astype("datetime64[D]").astype(str).tolist()
    opened = database(settings)
    for n, key in enumerate(f.keys.tolist()):
        bands: dict[str, Any] = {}
        for level in (80, 95):
            for side, limit in zip(("lo", "hi"), f.limits(level), strict=True):
                bands[f"storecast-{side}-{level}"] = limit[:, n].tolist()
        text = json.dumps({"ds": days, "storecast": f.point[:, n].tolist()})
        entry = Entry(
            f"{n:04d}",
            n,
            "forecast",
            "ann",
            "storecast",
            champion.version,
            champion.digest,
            key,
            len(days),
            '{"by":"series"}',
            text,
            json.dumps(bands),
            1,
        )
        with opened.write() as connection:
            connection.execute(insert(forecasts).values(entry._asdict()))
    opened.close()
    return len(f.keys) * NEWS


def test_before_anything_is_known(home: Path) -> None:
    """No figures are made up, nothing is due, and the look is written down."""
    found = call("monitor", "--json").json()
    assert (found["verdict"], found["due"], found["reasons"]) == ("nothing", False, [])
    assert (found["live"]["all"], found["drift"], found["last_actual"]) == (None, None, None)
    assert found["no_drift"]
    opened = database(Settings(home=home))
    run = MonitorRunTable(opened).latest("storecast")
    opened.close()
    assert run is not None
    assert json.loads(run.body) == found
    done = call("monitor", "--exit-code")
    assert done.code == 0
    assert "No forecast that was answered has met its actual yet." in done.out


def test_actuals_make_figures_and_ask_for_an_update(home: Path, whole: str, tmp_path: Path) -> None:
    """Logged forecasts meet the sales; the same run says what is due, and by its exit code where asked."""
    rows = answered(home)
    assert call("actuals", whole).code == 0
    report = tmp_path / "report.json"
    done = call("monitor", "--exit-code", "--json", "--report", report)
    assert done.code == 3
    found = json.loads(done.out)
    assert json.loads(report.read_text()) == found
    assert found["verdict"] in ("update", "retrain")
    assert found["reasons"][0]["kind"] == "new-data"
    assert found["reasons"][0]["numbers"]["weeks"] == NEWS
    assert found["live"]["all"]["rows"] == rows
    assert found["live"]["by"]["version"].keys() == {str(found["model"]["version"])}
    assert found["drift"]["looks"] == NEWS
    shown = call("monitor")
    assert "Live accuracy by weeks ahead" in shown.out
    assert f"Verdict: {found['verdict']}." in shown.out


def test_drift_is_drawn_into_a_page(home: Path, whole: str, tmp_path: Path) -> None:
    """--report with .html writes one page of what was looked at; without new weeks it refuses."""
    page = tmp_path / "drift.html"
    refused = call("monitor", "--report", page)
    assert refused.code == 1
    assert not page.exists()
    done = call("monitor", whole, "--report", page)
    assert done.code == 0
    text = page.read_text()
    assert "What was looked at" in text
    assert "data:image/svg+xml" in text


def test_what_is_due_is_done_when_asked(home: Path, whole: str) -> None:
    """--retrain takes the new weeks or trains on the data; then nothing is due any more."""
    found = call("monitor", whole, "--retrain", "--json").json()
    assert found["done"]["promoted"] is True
    assert found["done"]["version"] > found["model"]["version"]
    after = call("monitor", whole, "--json").json()
    assert after["model"]["version"] == found["done"]["version"]
    assert after["cutoff"] > found["cutoff"]
    assert "new-data" not in [reason["kind"] for reason in after["reasons"]]


def test_training_again_keeps_what_the_champion_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its settings, its country's calendar and its events, none of which is given with --retrain."""
    monkeypatch.setenv("STORECAST_HOME", str(tmp_path / "home"))
    events = tmp_path / "events.csv"
    events.write_text("kind,series,first_week,last_week\nclosure,2,2011-03-04,2011-03-25\n")
    known = write(tmp_path / "known.csv", noisy()[:-27])
    options = ("--model", "aligned", "--horizon", 13, "--seed", 4, "--country", "DE", "--events", events)
    assert call("train", known, *options).code == 0
    found = call("monitor", write(tmp_path / "whole.csv", noisy()), "--retrain", "--json").json()
    assert (found["verdict"], found["done"]["action"]) == ("retrain", "train")
    registry = batch.registry(Settings(home=tmp_path / "home"))
    before, after = (registry.load("storecast", found[at]["version"]).meta for at in ("model", "done"))
    german = {day for days in after["calendar"]["dates"].values() for day in days}
    assert "2012-10-03" in german
    assert (after["calendar"], after["events"]) == (before["calendar"], before["events"])
    # The naive served, for want of weeks to beat it; it is the model asked for that is tried again, and wins.
    assert (before["config"]["model"], after["config"]["model"]) == ("seasonal-naive", "aligned")
    assert {**after["config"], "model": ""} == {**before["config"], "model": ""}


def test_sales_in_another_unit_are_not_learnt_from(home: Path, tmp_path: Path) -> None:
    """Dollars for thousands: the data come first, and --retrain does nothing."""
    path = write(tmp_path / "dollars.csv", noisy()[-52 : -52 + NEWS] * 1000.0, first="2012-12-21")
    found = call("monitor", path, "--retrain", "--json").json()
    assert found["verdict"] == "check"
    assert found["drift"]["counts"].get("unit", 0) + found["drift"]["counts"].get("level", 0) > 0
    assert found["done"] is None


def test_retraining_needs_sales(home: Path) -> None:
    """Without DATA there is nothing to train on."""
    done = call("monitor", "--retrain")
    assert done.code == 1
    assert "Name the sales file" in done.err


def test_without_a_champion_there_is_nothing_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Train first."""
    monkeypatch.setenv("STORECAST_HOME", str(tmp_path / "empty"))
    done = call("monitor")
    assert done.code == 1
    assert "no champion" in done.err
