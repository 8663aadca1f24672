"""The real files, counted independently with Python's own csv reader."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from storecast.stores.sales_files import read_sales

_DATA = os.environ.get("STORECAST_REAL_DATA")
pytestmark = pytest.mark.skipif(not _DATA, reason="needs the competition's files: set STORECAST_REAL_DATA")


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows by column name, by an independent reader."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            content = archive.read(archive.namelist()[0])
    else:
        content = path.read_bytes()
    text = content.decode().replace("\r\n", "\n").replace("\r", "\n")
    return list(csv.DictReader(io.StringIO(text)))


def test_store_file() -> None:
    """45 stores x 143 Fridays, every cell as in the file, nothing to complain of."""
    path = Path(str(_DATA)) / "Walmart_Sales.csv"
    rows, data = rows_of(path), read_sales(path)
    assert (data.report.status, data.report.findings) == ("ok", ())
    assert (data.report.rows, data.report.series) == (6435, 45)
    assert (str(data.report.first_week), str(data.report.last_week)) == ("2010-02-05", "2012-10-26")
    assert set(data.panel.groupby("unique_id").size()) == {143}
    wanted = {(r["Store"], "-".join(reversed(r["Date"].split("-")))): float(r["Weekly_Sales"]) for r in rows}
    found = zip(
        data.panel["unique_id"], data.panel["ds"].dt.strftime("%Y-%m-%d"), data.panel["y"], strict=True
    )
    assert {(s, d): y for s, d, y in found} == wanted
    assert data.report.sales_total == pytest.approx(sum(wanted.values()), abs=0.01)
    assert data.panel["is_holiday"].sum() == sum(r["Holiday_Flag"] == "1" for r in rows)


def test_kaggle_folder() -> None:
    """Every row of train with its features; negatives, short series and the future counted independently."""
    folder = Path(str(_DATA)) / "kaggle"
    data = read_sales(folder)
    train = rows_of(folder / "train.csv.zip")
    assert data.report.status == "ok"
    assert data.shape == "kaggle"
    assert data.report.rows == len(train)
    lengths = Counter((r["Store"], r["Dept"]) for r in train)
    assert data.report.series == len(lengths)
    by_kind = {f.kind: f.count for f in data.report.findings}
    assert by_kind["negative_sales"] == sum(float(r["Weekly_Sales"]) < 0 for r in train)
    assert by_kind["short_series"] == sum(n < 52 for n in lengths.values())
    wanted = {(f"{r['Store']}_{r['Dept']}", r["Date"]): r for r in train}
    features = {(r["Store"], r["Date"]): r for r in rows_of(folder / "features.csv.zip")}
    stores = {r["Store"]: r for r in rows_of(folder / "stores.csv")}
    rng = np.random.default_rng(0)
    sample = data.panel.iloc[rng.choice(len(data.panel), 3000, replace=False)]
    for row in sample.to_dict("records"):
        date = str(row["ds"])[:10]
        r, f, s = wanted[(row["unique_id"], date)], features[(row["store"], date)], stores[row["store"]]
        assert row["y"] == float(r["Weekly_Sales"])
        assert row["is_holiday"] == (r["IsHoliday"] == "TRUE")
        assert (row["type"], row["size"]) == (s["Type"], float(s["Size"]))
        assert row["cpi"] == float(f["CPI"])
        assert (
            np.isnan(row["markdown1"])
            if f["MarkDown1"] == "NA"
            else row["markdown1"] == float(f["MarkDown1"])
        )
    asked = {(f"{r['Store']}_{r['Dept']}", r["Date"]) for r in rows_of(folder / "test.csv.zip")}
    known = set(zip(data.future["unique_id"], data.future["ds"].dt.strftime("%Y-%m-%d"), strict=True))
    assert asked <= known


def test_departments_sum_to_stores() -> None:
    """Store level is the sum of departments, as far as both files hold the same stores."""
    stores = read_sales(Path(str(_DATA)) / "Walmart_Sales.csv").panel
    parts = read_sales(Path(str(_DATA)) / "kaggle").panel.groupby(["store", "ds"])["y"].sum()
    both = stores[stores["store"].isin(parts.index.get_level_values("store"))].set_index(["store", "ds"])["y"]
    np.testing.assert_allclose(parts.reindex(both.index), both, atol=0.05)
