"""``storecast tune`` and ``train --tune`` from the outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calls import call, shell
from tests.jobs.worlds import noisy, write


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STORECAST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def data(tmp_path: Path) -> str:
    return write(tmp_path / "sales.csv", noisy())


def test_a_study_is_made_and_gone_on_with(home: Path, data: str) -> None:
    """The result names study, cutoffs, settings and the verdict; a second call adds to the first's trials."""
    line = ("tune", data, "--model", "aligned", "--json")
    first = call(*line, "--trials", 3).json()
    assert first["trials"] == 3
    assert first["default"]["models.aligned.trend_keep"] == 0.9
    assert set(first["values"]) == set(first["default"])
    again = call(*line, "--trials", 4).json()
    assert (again["study"], again["trials"]) == (first["study"], 4)
    told = call("tune", data, "--model", "aligned", "--trials", 4)
    assert first["study"] in told.out
    assert "--tune" in told.out


def test_training_takes_the_study_and_keeps_its_weeks_for_the_gate(home: Path, data: str) -> None:
    """The gate judges on the three quarters that no trial saw."""
    done = call("train", data, "--model", "aligned", "--tune", "--trials", 2, "--json").json()
    assert done["tuning"]["trials"] == 2
    assert len(done["backtest"]["cutoffs"]) == 3
    assert min(done["backtest"]["cutoffs"]) > max(done["tuning"]["cutoffs"])
    listed = call("tune", data, "--model", "aligned", "--trials", 2, "--json").json()
    assert listed["study"] == done["tuning"]["study"]


def test_two_workers_share_the_work(home: Path, data: str, tmp_path: Path) -> None:
    """A second process works on the same study, and the first tells what came of both."""
    line = f"storecast tune {data} --model aligned --trials 5 --workers 2 --json"
    done = shell(line, tmp_path, STORECAST_HOME=str(home)).json()
    assert 5 <= done["trials"] <= 6


@pytest.mark.parametrize(
    ("options", "says"),
    [(("--model", "naive-growth"), "nothing to tune"), (("-h", 48), "too short to choose")],
)
def test_what_cannot_be_tuned_is_refused(home: Path, data: str, options, says: str) -> None:
    """One message, exit 1, and no study."""
    done = call("tune", data, *options)
    assert (done.code, says in done.err) == (1, True)
    assert not (home / "studies.db").exists()


def test_a_database_of_studies_that_is_away_is_told(home: Path, data: str, monkeypatch) -> None:
    """One message with the URL and the remedy, exit 1, no traceback."""
    monkeypatch.setenv("STORECAST_STUDIES_URL", "sqlite:////nonexistent/studies.db")
    done = call("tune", data, "--model", "aligned", "--trials", 1)
    assert done.code == 1
    assert "/nonexistent/studies.db" in done.err
    assert "STORECAST_STUDIES_URL" in done.err
    assert "Traceback" not in done.err


def test_a_worker_that_ended_early_is_told(home: Path, data: str, monkeypatch) -> None:
    """The study is what the others made of it, and standard output stays JSON."""
    line = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr("storecast.cli.tuning._another", lambda number: subprocess.Popen(line))
    done = call("tune", data, "--model", "aligned", "--trials", 1, "--workers", 3, "--json")
    assert done.code == 0
    assert json.loads(done.out)["trials"] == 1
    assert "2 of 3 workers ended early (exit code 3, 3)" in done.err
