"""``storecast train`` and what serves afterwards, on the real embedded registry."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.calls import call, listing
from tests.cli.conftest import Served
from tests.jobs.worlds import noisy, repeating, write

VALUES = ["storecast", "storecast-lo-80", "storecast-hi-80", "storecast-lo-95", "storecast-hi-95"]


def test_json_of_a_training(served) -> None:
    """Quality, gate, back-test, version and digest; the model passed and serves."""
    told = served.trained
    assert told["quality"]["status"] == "ok"
    assert (told["gate"]["passed"], told["promoted"], told["candidate"]) == (True, True, None)
    assert (told["name"], told["version"], told["model"]) == ("storecast", 1, "blend")
    assert told["backtest"]["all"]["wmae"] == pytest.approx(told["gate"]["wmae"]["blend"])
    assert told["backtest"]["all"]["wmae"] < told["gate"]["wmae"]["naive-growth"]
    (version,) = call("models", "list", "--json").json()["versions"]
    assert (version["digest"], version["aliases"]) == (told["digest"], ["champion"])
    assert version["metrics"]["wmae"] == pytest.approx(told["backtest"]["all"]["wmae"])


def test_the_champion_answers_the_same_everywhere(served, tmp_path: Path) -> None:
    """CSV, Parquet, JSON, the terminal's table and MLflow's own loader give one and the same figures."""
    for name in ("a.csv", "a.parquet"):
        done = call("forecast", served.data, "--horizon", 26, "--out", tmp_path / name)
        assert "by champion, version 1 (blend)" in done.out
    table = pd.read_csv(tmp_path / "a.csv", dtype={"unique_id": str}, parse_dates=["ds"])
    assert list(table.columns) == ["unique_id", "ds", *VALUES]
    assert table.groupby("unique_id").size().tolist() == [26] * 6
    assert pd.read_parquet(tmp_path / "a.parquet")[VALUES].to_dict("list") == table[VALUES].to_dict("list")
    told = call("forecast", served.data, "--horizon", 26, "--json").json()
    assert told["version"] == 1
    assert [row["storecast"] for row in told["forecasts"]] == table["storecast"].tolist()
    assert f"${table['storecast'].iloc[0]:,.0f}" in call("forecast", served.data).out
    table[["unique_id", "ds"]].to_parquet(tmp_path / "asked.parquet")
    script = (
        "import sys, mlflow, pandas as pd\n"
        "mlflow.set_tracking_uri('sqlite:///' + sys.argv[1] + '/mlflow.db')\n"
        "model = mlflow.pyfunc.load_model('models:/storecast@champion')\n"
        "model.predict(pd.read_parquet(sys.argv[2])).to_parquet(sys.argv[3])\n"
    )
    words = [str(served.home), str(tmp_path / "asked.parquet"), str(tmp_path / "answer.parquet")]
    line = [sys.executable, "-c", script, *words]
    loaded = subprocess.run(line, capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr
    answer = pd.read_parquet(tmp_path / "answer.parquet")
    assert answer[VALUES].to_dict("list") == table[VALUES].to_dict("list")


def test_explanations_are_of_the_champion(served) -> None:
    """The steps add up, in cents, to the figure that is forecast, and unused inputs say so."""
    told = call("explain", served.data, "3", "--week", 2, "--weeks", 3, "--json").json()
    rows = call("forecast", served.data, "--horizon", 4, "--json").json()["forecasts"]
    forecasts = {row["ds"]: row["storecast"] for row in rows if row["unique_id"] == "3"}
    assert told["made_by"] == "champion, version 1 (blend)"
    assert [e["horizon"] for e in told["explanations"]] == [2, 3, 4]
    for each in told["explanations"]:
        assert sum(round(100 * step["dollars"]) for step in each["steps"]) == round(100 * each["forecast"])
        assert each["forecast"] == forecasts[each["ds"]]
        assert {line["text"] for line in each["unused"]} == {"$0, not used by this model"}
    shown = call("explain", served.data, "3", "--week", 2)
    assert f"${forecasts[told['explanations'][0]['ds']]:,.2f}" in shown.out
    assert "fuel_price" in shown.out
    total = call("explain", served.data, "total", "--json").json()["explanations"][0]
    week = [row["storecast"] for row in rows if row["ds"] == total["ds"]]
    assert round(100 * total["forecast"]) == sum(round(100 * value) for value in week)


def test_pictures_and_parameters_are_tracked(served) -> None:
    """The run behind the version holds its pictures, which are pictures, and its configuration."""
    pictures = [p for p in served.home.rglob("*.png") if p.stat().st_size > 5000]
    assert {p.name for p in pictures} >= {"forecast.png", "backtest.png"}
    assert all(p.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for p in pictures)
    assert not list(served.home.rglob("*.pkl"))


def test_a_model_that_cannot_win(home: Path, tmp_path: Path) -> None:
    """The naive serves as a version of its own, the model is kept, and both are said; then the champion is
    moved by hand and back again."""
    path = write(tmp_path / "a.csv", repeating())
    done = call("train", path)
    assert (done.code, done.err) == (0, "")
    assert "seasonal-naive serves" in done.out
    assert "kept as version 1" in done.out
    assert "storecast version 2 (seasonal-naive) serves as champion." in done.out
    table = call("forecast", path, "--horizon", 3, "--json").json()
    assert table["made_by"] == "champion, version 2 (seasonal-naive)"
    expected = repeating()[-52:][:3].T.ravel().tolist()
    assert [row["storecast"] for row in table["forecasts"]] == expected
    shown = call("models", "compare", 1, 2)
    assert "nan" not in shown.out
    assert "seasonal-naive" in shown.out
    refused = call("models", "promote", 1, "--why", "to see")
    assert (refused.code, "--overrule" in refused.err) == (1, True)
    moved = call("models", "promote", 1, "--overrule", "--why", "to see", "--json").json()
    assert moved == {"name": "storecast", "champion": 1, "previous": 2, "moved": True}
    assert call("models", "promote", 1, "--why", "again").out == "Version 1 is the champion already.\n"
    assert call("forecast", path, "--json").json()["version"] == 1
    assert "Champion is version 2; before: 1." in call("models", "rollback", "--why", "seen").out
    assert call("forecast", path, "--json").json()["version"] == 2
    history = call("models", "show", 2)
    assert "against the gate: to see" in history.out
    assert "seen" in history.out
    shown = call("models", "show", 2, "--json").json()
    assert shown["moves"][-1]["kind"] == "rollback"
    assert "What matters" in history.out
    steps = {step["name"]: step for step in shown["effects"]["drivers"] if step["first"] == 1}
    assert f"${steps['last_year']['dollars']:,.0f}" in history.out


def test_a_version_that_is_not_trusted_is_shown_as_far_as_it_is_recorded(
    served: Served, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tags and moves are; why what matters in it cannot be told is said."""
    shutil.copytree(served.home, home)
    monkeypatch.setenv("STORECAST_HOME", str(home))
    number = served.trained["version"]
    assert call("signing", "revoke", number, "--why", "to see").code == 0
    shown = call("models", "show", number)
    assert (shown.code, "cannot be told: the version was revoked" in shown.out) == (0, True)
    found = call("models", "show", number, "--json").json()
    assert (found["effects"], found["version"]["digest"]) == (None, served.trained["digest"])


def test_too_short_and_not_promoted(home: Path, sales: Path) -> None:
    """A short history says so; without promotion nothing serves, and the next step says how it could."""
    done = call("train", sales / "short.csv", "--no-promote", "--name", "toys")
    assert "too short to judge" in done.out
    assert "is registered, not promoted" in done.out
    assert "storecast models promote 1 --why ... --name toys" in done.out
    told = call("models", "list", "--name", "toys", "--json").json()
    assert (told["champion"], told["challenger"]) == (None, 1)
    empty = call("models", "list")
    assert "Nothing is registered yet" in empty.out
    assert call("forecast", sales / "short.csv", "--name", "toys", "--json").json()["version"] is None


def test_newer_data_and_other_calendars(served, tmp_path: Path) -> None:
    """Newer data is fitted with the champion's model, as are other holidays; nothing is registered by it."""
    before = call("models", "list", "--json").json()
    newer = write(tmp_path / "newer.csv", noisy(weeks=151))
    told = call("forecast", newer, "--horizon", 2, "--json").json()
    assert (told["version"], told["made_by"]) == (None, "blend, as champion version 1, fitted on this data")
    german = call("forecast", served.data, "--horizon", 2, "--country", "DE", "--json").json()
    assert german["version"] is None
    calendar = tmp_path / "calendar.csv"
    calendar.write_text("name,date\nFair,2010-05-07\nFair,2011-05-06\nFair,2012-05-04\n", encoding="utf-8")
    fair = call("forecast", served.data, "--horizon", 2, "--calendar", calendar, "--json").json()
    assert fair["version"] is None
    assert call("models", "list", "--json").json() == before


def test_events_and_new_stores(served, tmp_path: Path) -> None:
    """A closure sells nothing; a store without history is forecast like another, and a note says so."""
    events = tmp_path / "events.csv"
    events.write_text("series,first_week,last_week,kind\n2,2012-12-21,2012-12-28,closure\n", encoding="utf-8")
    line = ("forecast", served.data, "--horizon", 4, "--events", events, "--like", "46=3")
    told = call(*line, "--json").json()["forecasts"]
    closed = [row["storecast"] for row in told if row["unique_id"] == "2"]
    assert closed[:2] == [0, 0]
    assert min(closed[2:]) > 0
    new, old = ([r["storecast"] for r in told if r["unique_id"] == key] for key in ("46", "3"))
    assert new == old
    assert {r["note"] for r in told if r["unique_id"] == "46"} == {"no history: as series 3"}
    assert call(*line, "--out", tmp_path / "a.csv").code == 0
    table = pd.read_csv(tmp_path / "a.csv", dtype={"unique_id": str}, keep_default_na=False)
    assert set(table.loc[table["unique_id"] == "46", "note"]) == {"no history: as series 3"}
    assert set(table.loc[table["unique_id"] == "1", "note"]) == {""}


def test_departments_add_up_in_the_files(home: Path, sales: Path, tmp_path: Path) -> None:
    """In the written CSVs the departments are the stores, and the stores the total, to the cent."""
    cents = {}
    for by in ("series", "store", "total"):
        out = tmp_path / f"{by}.csv"
        line = ("--model", "aligned", "--horizon", 5, "--by", by, "--out", out)
        assert call("forecast", sales / "departments.csv", *line).code == 0
        table = pd.read_csv(out, dtype={"unique_id": str, "storecast": str})
        whole = table["storecast"].str.partition(".")
        cents[by] = table.assign(cents=whole[0].astype(int) * 100 + whole[2].str.ljust(2, "0").astype(int))
        assert whole[2].str.len().max() <= 2
    series = cents["series"].assign(unique_id=cents["series"]["unique_id"].str.split("_").str[0])
    stores = cents["store"].set_index(["unique_id", "ds"])["cents"].to_dict()
    assert series.groupby(["unique_id", "ds"])["cents"].sum().to_dict() == stores
    total = cents["total"].set_index("ds")["cents"].to_dict()
    assert cents["store"].groupby("ds")["cents"].sum().to_dict() == total
    assert listing(home) == {}  # a model that is named needs no registry
