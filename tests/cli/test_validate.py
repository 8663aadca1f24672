"""``storecast validate``: a report a person can act on, and an object a program can read."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.cli.calls import call
from tests.jobs.worlds import noisy, write

KEYS = ["status", "rows", "series", "first_week", "last_week", "sales_total", "findings"]


def test_json_of_good_data(sales: Path) -> None:
    """Counts, weeks and the total are those of the file, and there is nothing to find."""
    report = call("validate", sales / "stores.csv", "--json").json()
    assert list(report) == KEYS
    assert (report["status"], report["rows"], report["series"]) == ("ok", 900, 6)
    assert (report["first_week"], report["last_week"]) == ("2010-02-05", "2012-12-14")
    assert report["sales_total"] == pytest.approx(noisy().sum(), abs=0.005)
    assert report["findings"] == []


def test_json_of_data_with_findings(tmp_path: Path) -> None:
    """A repair is found with its row, its column, what was done and the remedy, and exits with 0."""
    path = Path(write(tmp_path / "a.csv", noisy(weeks=60, series=2)))
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:20], lines[19], *lines[20:]]) + "\n", encoding="utf-8")
    report = call("validate", path, "--json").json()
    assert (report["status"], report["rows"]) == ("repaired", 120)
    (finding,) = report["findings"]
    assert {"row", "column", "what", "remedy"} <= set(finding)
    assert finding["row"] in (20, 21)
    assert finding["what"]
    assert finding["remedy"]


def test_json_of_refused_data(tmp_path: Path) -> None:
    """Refused data exit with 1 and give the object all the same, nothing on standard error."""
    path = Path(write(tmp_path / "a.csv", noisy(weeks=60, series=2)))
    text = path.read_text(encoding="utf-8").splitlines()
    text[5] = text[5].rpartition(",")[0] + ",twelve"
    path.write_text("\n".join(text), encoding="utf-8")
    done = call("validate", path, "--json")
    assert (done.code, done.err) == (1, "")
    report = type(done)(0, done.out, "").json()
    assert list(report) == KEYS
    assert report["status"] == "refused"
    assert (report["findings"][0]["row"], report["findings"][0]["column"]) == (6, "y")


def test_what_a_person_sees(sales: Path, tmp_path: Path) -> None:
    """The status, what is in the file, findings with their rows, and what to do next; a refused file offers
    no next step."""
    good = call("validate", sales / "stores.csv")
    assert good.out.splitlines()[0] == f"{sales}/stores.csv: ok"
    assert "900 rows, 6 series, weeks 2010-02-05 to 2012-12-14" in good.out
    assert f"storecast backtest {sales}/stores.csv" in good.out
    (tmp_path / "empty.csv").touch()
    bad = call("validate", tmp_path / "empty.csv")
    assert bad.code == 1
    assert "refused" in bad.out
    assert "is empty" in bad.out
    assert "Next" not in bad.out


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    """Brackets, colons and quotes in a file's name are neither markup nor lost, and the next command quotes
    them."""
    path = write(tmp_path / "it's [bold]new :smile:.csv", noisy(weeks=60, series=1))
    done = call("validate", path)
    assert done.out.startswith(f"{path}: ok\n")
    line = done.out.split("Next: ")[1].splitlines()[0].partition("    #")[0]
    assert shlex.split(line) == ["storecast", "backtest", path]


def test_sums_do_not_depend_on_missing_weeks(tmp_path: Path) -> None:
    """A missing week is no row and no sales: the total is that of the rows that are there."""
    values = noisy(weeks=80, series=2)
    values[40:44, 0] = np.nan
    report = call("validate", write(tmp_path / "a.csv", values), "--json").json()
    assert report["rows"] == 156
    assert report["sales_total"] == pytest.approx(np.nansum(values), abs=0.005)
