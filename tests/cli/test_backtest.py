"""``storecast backtest``: the file, the JSON and the tables tell the same."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.cli.calls import call, listing

HEADER = (
    "unique_id,ds,cutoff,y,weight,storecast,storecast-lo-80,storecast-hi-80,storecast-lo-95,storecast-hi-95,"
    "seasonal-naive,naive-growth"
)
CUTOFFS = ("--cutoff", "2011-09-30", "--cutoff", "2012-08-31")
LIGHT = ("--model", "aligned", "--horizon", 12)


def wmae(rows: pd.DataFrame, column: str) -> float:
    """By a plain loop: sum(w |y - f|) / sum(w)."""
    above = below = 0.0
    for y, f, w in zip(rows["y"], rows[column], rows["weight"], strict=True):
        above, below = above + w * abs(y - f), below + w
    return above / below


@pytest.fixture(scope="module")
def made(sales: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("out") / "rows.csv"
    done = call(
        "backtest",
        sales / "departments.csv",
        *LIGHT,
        "--cutoff",
        "2011-09-30",
        "--by",
        "dept",
        "--cutoff",
        "2012-03-02",
        "--out",
        out,
        "--json",
    )
    return done.json(), out


def test_the_file_has_the_promised_columns(made) -> None:
    """Exactly these columns, dates without time, every row finite, one row a series, week and cutoff."""
    _, out = made
    assert out.read_text(encoding="utf-8").partition("\n")[0] == HEADER
    rows = pd.read_csv(out, dtype={"unique_id": str})
    assert rows["unique_id"].str.fullmatch(r"\d+_\d+").all()
    for column in ("ds", "cutoff"):
        assert rows[column].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    figures = rows[HEADER.split(",")[3:]]
    assert figures.map(math.isfinite).to_numpy().all()
    assert not rows.duplicated(["unique_id", "ds", "cutoff"]).any()
    assert set(rows["cutoff"]) == {"2011-09-30", "2012-03-02"}
    assert set(rows["weight"]) == {1.0, 5.0}


def test_figures_of_the_json_are_those_of_the_file(made) -> None:
    """wmae of the model and both naives, coverage and bias, in all and by department, can be recomputed from
    the rows; the departments are listed with the one first where the model adds least."""
    report, out = made
    rows = pd.read_csv(out, dtype={"unique_id": str})
    for column, key in (
        ("storecast", "wmae"),
        ("seasonal-naive", "wmae:seasonal-naive"),
        ("naive-growth", "wmae:naive-growth"),
    ):
        assert report["all"][key] == pytest.approx(wmae(rows, column), rel=1e-12)
    inside = (rows["y"] >= rows["storecast-lo-95"]) & (rows["y"] <= rows["storecast-hi-95"])
    assert report["all"]["coverage-95"] == pytest.approx(100 * inside.mean())
    width = (rows["storecast-hi-80"] - rows["storecast-lo-80"]).mean()
    assert report["all"]["width-80"] == pytest.approx(width)
    bias = (rows["storecast"].sum() - rows["y"].sum()) / rows["y"].sum()
    assert abs(report["all"]["bias"]) == pytest.approx(abs(bias), rel=1e-9)
    dept = rows["unique_id"].str.split("_").str[1]
    assert {line["dept"] for line in report["by_dept"]} == set(dept)
    for line in report["by_dept"]:
        assert line["wmae"] == pytest.approx(wmae(rows[dept == line["dept"]], "storecast"), rel=1e-12)
    losses = [
        line["wmae"] / min(line["wmae:seasonal-naive"], line["wmae:naive-growth"])
        for line in report["by_dept"]
    ]
    assert losses == sorted(losses, reverse=True)


def test_the_json_names_what_was_done(made) -> None:
    """Model, horizon and cutoffs stand in it, and every breakdown covers all rows."""
    report, out = made
    assert (report["model"], report["horizon"]) == ("aligned", 12)
    assert report["cutoffs"] == ["2011-09-30", "2012-03-02"]
    rows = len(pd.read_csv(out))
    assert report["all"]["rows"] == rows
    for name in ("by_horizon", "by_holiday", "by_dept"):
        assert sum(line["rows"] for line in report[name]) == rows
    assert {line["holiday"] for line in report["by_holiday"]} == {"holiday", "other"}
    assert [line["store"] for line in sorted(report["by_store"], key=lambda line: line["store"])] == [
        "1",
        "2",
        "3",
    ]
    assert sorted(report["higher"]) == ["store", "total"]


def test_csv_and_parquet_are_equal(sales: Path, tmp_path: Path) -> None:
    """Whichever kind goes in or out, the rows are the same, and so is a second run, bit for bit."""
    tables = []
    for given, name in (("csv", "a.csv"), ("parquet", "b.csv"), ("csv", "c.parquet")):
        out = tmp_path / name
        assert call("backtest", sales / f"stores.{given}", *LIGHT, *CUTOFFS, "--out", out).code == 0
        tables.append(
            pd.read_parquet(out) if out.suffix == ".parquet" else pd.read_csv(out, dtype={"unique_id": str})
        )
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    for column in ("ds", "cutoff"):
        tables[0][column] = pd.to_datetime(tables[0][column])
    assert list(tables[0].columns) == list(tables[2].columns)
    for column in tables[0].columns:
        assert tables[0][column].tolist() == tables[2][column].tolist()


def test_windows_and_step(sales: Path) -> None:
    """So many cutoffs, so many weeks apart, the last one a horizon before the end."""
    report = call("backtest", sales / "stores.csv", *LIGHT, "--windows", 2, "--step", 4, "--json").json()
    assert report["cutoffs"] == ["2012-08-24", "2012-09-21"]


def test_other_levels(sales: Path, tmp_path: Path) -> None:
    """Asked for other levels, columns and figures are of these, narrow first."""
    out = tmp_path / "a.csv"
    line = (
        "backtest",
        sales / "stores.csv",
        *LIGHT,
        "--windows",
        1,
        "--levels",
        "90,50",
        "--out",
        out,
        "--json",
    )
    report = call(*line).json()
    assert (
        "storecast-lo-50,storecast-hi-50,storecast-lo-90,storecast-hi-90"
        in out.read_text().partition("\n")[0]
    )
    assert report["all"]["width-50"] < report["all"]["width-90"]


def test_what_a_person_sees(sales: Path, tmp_path: Path) -> None:
    """Tables by level, weeks ahead, holidays and store, both naives beside the model, and where the files
    are; the picture is a PNG."""
    out, picture = tmp_path / "deep" / "a.csv", tmp_path / "a.png"
    done = call(
        "backtest",
        sales / "stores.csv",
        *LIGHT,
        *CUTOFFS,
        "--by",
        "store",
        "--out",
        out,
        "--picture",
        picture,
    )
    assert (done.code, done.err) == (0, "")
    for words in (
        "known up to 2011-09-30, 2012-08-31",
        "seasonal naive",
        "naive x growth",
        "80 % band",
        "By weeks ahead",
        "Holiday weeks",
        "By store",
        f"Wrote {out}",
        f"Wrote {picture}",
    ):
        assert words in done.out
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert listing(tmp_path).keys() == {"deep", "deep/a.csv", "a.png"}
    assert "nan" not in done.out


@pytest.mark.parametrize(
    "more",
    [
        ("--out", "a.xlsx"),
        ("--out", "in-the-way/a.csv"),
        ("--picture", "a.jpg"),
        ("--picture", "in-the-way/a.png"),
        ("--horizon", 0),
        ("--horizon", -3),
        ("--horizon", 500),
        ("--cutoff", "1999-01-01"),
        ("--cutoff", "2012-12-14"),
        ("--by", "dept"),
        ("--model", "oracle"),
        ("--events", "none.csv"),
        ("--calendar", "none.csv"),
        ("--country", "XX"),
        ("--country", "DE-XX"),
        ("--country", "DE", "--calendar", "cal.csv"),
    ],
)
def test_refusals(sales: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more) -> None:
    """One message on standard error with what to do, exit code 1, nothing on standard output, no file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in-the-way").write_text("x", encoding="utf-8")
    (tmp_path / "cal.csv").write_text("name,date\nFair,2012-05-04\n", encoding="utf-8")
    before = listing(tmp_path)
    done = call("backtest", sales / "stores.csv", *more, "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Refused: ")
    assert "remedy: " in done.err
    assert listing(tmp_path) == before
