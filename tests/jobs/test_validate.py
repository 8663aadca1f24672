"""``validate`` gives a report for good data and for refused data alike."""

from __future__ import annotations

import json
from pathlib import Path

from storecast.forecasting.quality import SalesData
from storecast.jobs.validate import validate
from storecast.stores.sales_files import SalesFiles
from tests.stores.sales_files.worlds import cells, change, swapped, write

KEYS = ["status", "rows", "series", "first_week", "last_week", "sales_total", "findings"]


def test_report_of_good_and_repaired_data(tmp_path: Path) -> None:
    """The JSON object has the promised keys, dates as text and the total of the clean panel."""
    rows = cells(stores=2, weeks=60)
    report = validate(
        SalesFiles(), str(write(tmp_path / "a.csv", change(rows, range(0, 120, 7), 1, swapped)))
    ).as_dict()
    read = json.loads(json.dumps(report))
    assert list(read) == KEYS
    assert (read["status"], read["rows"], read["series"]) == ("repaired", 120, 2)
    assert (read["first_week"], read["last_week"]) == ("2010-02-05", "2011-03-25")
    assert read["sales_total"] == round(sum(float(r[2]) for r in rows), 2)
    (finding,) = read["findings"]
    assert {"severity", "kind", "row", "column", "what", "remedy", "count"} <= set(finding)
    assert finding["column"] == "Date"
    assert finding["file"] == "a.csv"


def test_report_of_refused_data(tmp_path: Path) -> None:
    """Refused data give status refused, the reasons first, and no figures of a panel that is not there."""
    rows = change(cells(stores=2, weeks=60), [3], 2, lambda _: "oops")
    report = validate(SalesFiles(), str(write(tmp_path / "a.csv", rows)))
    assert report.status == "refused"
    read = json.loads(json.dumps(report.as_dict()))
    assert (read["rows"], read["first_week"], read["sales_total"]) == (0, None, 0.0)
    assert (read["findings"][0]["row"], read["findings"][0]["column"]) == (5, "Weekly_Sales")


def test_any_source_will_do(tmp_path: Path) -> None:
    """The job asks its port, and nothing but its port, for the data."""
    data = SalesFiles().read(write(tmp_path / "a.csv", cells(stores=1, weeks=20)))

    class Recorded:
        asked: list[str] = []  # noqa: RUF012  shared on purpose: one test, one source

        def read(self, path: str) -> SalesData:
            self.asked.append(path)
            return data

    assert validate(Recorded(), "somewhere") is data.report
    assert Recorded.asked == ["somewhere"]
