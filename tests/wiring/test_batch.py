"""The wiring: what the settings and options ask for, and nothing loaded that is not needed."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from storecast.errors import DataError, RequestError, SetupError
from storecast.forecasting.calendar import US_RETAIL
from storecast.settings import Settings
from storecast.stores.registry import MlflowRegistry
from storecast.wiring import batch
from tests.jobs.worlds import noisy, write

HEAVY = (
    "mlflow",
    "matplotlib",
    "lightgbm",
    "sklearn",
    "scipy",
    "holidays",
    "openpyxl",
    "jinja2",
    "sqlalchemy",
)


def loaded(folder: Path, *words: str) -> set[str]:
    """Which of HEAVY a process has loaded once the command is done."""
    script = (
        "import sys\n"
        f"sys.argv = ['storecast', *{list(words)!r}]\n"
        "from storecast.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('loaded', *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("--version", set()),
        ("--help", set()),
        ("sample b.csv --stores 2 --weeks 60", set()),
        ("validate a.csv --json", set()),
        ("backtest a.csv --model aligned --horizon 2 --windows 1 --json", set()),
        ("forecast a.csv --model aligned --horizon 2 --json", set()),
    ],
)
def test_a_command_loads_what_it_needs(tmp_path: Path, line: str, needed: set[str]) -> None:
    """Nothing heavy is imported by a command that can do without: that is most of its start."""
    write(tmp_path / "a.csv", noisy(weeks=70, series=2))
    assert loaded(tmp_path, *line.split()) == needed


def test_the_registry_of_the_settings(tmp_path: Path) -> None:
    """Embedded in the home folder by default, at the tracking URI where one is set; nothing is made yet."""
    own = batch.registry(Settings(home=tmp_path / "home"))
    assert isinstance(own, MlflowRegistry)
    assert own.uri == f"sqlite:///{tmp_path}/home/mlflow.db"
    other = batch.registry(Settings(home=tmp_path, tracking_uri="http://mlflow:5000"))
    assert isinstance(other, MlflowRegistry)
    assert other.uri == "http://mlflow:5000"
    assert list(tmp_path.iterdir()) == []


def test_calendars_by_option(tmp_path: Path) -> None:
    """US retail where none is named, a country's, a file's, and never two."""
    path = tmp_path / "fairs.csv"
    path.write_text("name,date\nFair,2012-05-04\n", encoding="utf-8")
    assert batch.asked_calendar(None, None) is None
    assert batch.calendar(None, None) is US_RETAIL
    assert batch.calendar("de", None).name == "DE"
    assert [rule.name for rule in batch.calendar(None, path).rules] == ["Fair"]
    with pytest.raises(RequestError, match="Two holiday calendars"):
        batch.calendar("DE", path)


def test_events_of_a_file(tmp_path: Path) -> None:
    """Series, block, kind and both weeks; an event without a last week goes on."""
    path = tmp_path / "events.csv"
    path.write_text(
        "series,block,first_week,last_week,kind\n2,,2012-05-04,2012-05-18,closure\n,7,2012-06-01,,promotion\n",
        encoding="utf-8",
    )
    first, second = batch.events(path)
    assert (first.kind, first.series, first.block) == ("closure", "2", "")
    assert (str(first.first), str(first.last)) == ("2012-05-04", "2012-05-18")
    assert (second.kind, second.series, second.block) == ("promotion", "", "7")
    assert second.last - second.first > np.timedelta64(9 * 365, "D")
    assert batch.events(None) == ()
    with pytest.raises(DataError):
        batch.events(tmp_path / "none.csv")


def test_outputs_are_checked(tmp_path: Path) -> None:
    """Tables are .csv or .parquet, pictures .png, in places that can be written to."""
    batch.check_outputs(None)
    batch.check_outputs(tmp_path / "a.csv", tmp_path / "a.PNG")
    with pytest.raises(RequestError, match=r"\.png"):
        batch.check_outputs(None, tmp_path / "a.jpg")
    with pytest.raises(RequestError, match=r"\.parquet"):
        batch.check_outputs(tmp_path / "a.png")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its variable; a value that is none is told with the variable's name."""
    monkeypatch.setenv("STORECAST_NAME", "toys")
    monkeypatch.setenv("STORECAST_UNIT", "units")
    monkeypatch.setenv("STORECAST_HOME", "/somewhere")
    settings = Settings()
    assert (settings.name, settings.unit, settings.home) == ("toys", "units", Path("/somewhere"))
    monkeypatch.setenv("STORECAST_DEBUG", "perhaps")
    with pytest.raises(SetupError, match="STORECAST_DEBUG") as told:
        Settings()
    assert told.value.found == "perhaps"


def test_clock_and_user() -> None:
    """The time is in UTC, and whoever runs it has a name."""
    assert batch.clock().tzinfo is UTC
    assert batch.user()
