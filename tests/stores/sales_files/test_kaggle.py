"""The Kaggle folder: four files joined to one panel and its known future."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storecast.forecasting.quality import SalesRefusedError
from storecast.stores.sales_files import read_sales
from tests.stores.sales_files.worlds import DAY, FIRST, write

WEEKS, AHEAD = 60, 8
STORES, DEPTS = ("1", "2", "10"), ("1", "7")
TRAIN, TEST = ("Store", "Dept", "Date", "Weekly_Sales", "IsHoliday"), ("Store", "Dept", "Date", "IsHoliday")
FEATURES = ("Store", "Date", "Temperature", "Fuel_Price", "MarkDown1", "CPI", "Unemployment", "IsHoliday")


def day(week: int) -> str:
    return str(FIRST + 7 * week * DAY)


def holiday(week: int) -> str:
    return "TRUE" if week % 52 in (1, 31) else "FALSE"


def sales(store: str, dept: str, week: int) -> float:
    return round(1000 * int(store) + 10 * int(dept) + 5 * math.sin(week) + 0.01 * (week % 90 + 1), 2)


def files() -> dict[str, list[list[str]]]:
    train = [
        [s, d, day(w), f"{sales(s, d, w):.2f}", holiday(w)]
        for s in STORES
        for d in DEPTS
        for w in range(WEEKS)
    ]
    ahead = range(WEEKS, WEEKS + AHEAD)
    test = [[s, d, day(w), holiday(w)] for s in STORES for d in (*DEPTS, "99") for w in ahead]
    features = []
    for store in STORES:
        for week in range(WEEKS + AHEAD):
            markdown = "NA" if week < 50 else f"{week}.5"
            cpi = f"{211 + week / 10:.3f}" if week < 64 else "NA"
            warmth = f"{40 + week / 4:.2f}"
            features.append([store, day(week), warmth, "2.572", markdown, cpi, "8.106", holiday(week)])
    return {
        "train": train,
        "test": test,
        "features": features,
        "stores": [["1", "A", "151315"], ["2", "B", "37392"], ["10", "A", "99.5"]],
    }


def folder(path: Path, content: dict[str, list[list[str]]], *, packed: bool = False) -> Path:
    path.mkdir(exist_ok=True)
    headers = {"train": TRAIN, "test": TEST, "features": FEATURES, "stores": ("Store", "Type", "Size")}
    for name, rows in content.items():
        text = "\n".join(",".join(row) for row in [headers[name], *rows])
        if name == "stores":  # as in the wild: carriage returns alone
            (path / "stores.csv").write_bytes(text.replace("\n", "\r").encode())
        elif packed:
            with zipfile.ZipFile(path / f"{name}.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"{name}.csv", text)
        else:
            (path / f"{name}.csv").write_text(text)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_four_files_make_one_panel(tmp_path: Path, packed: bool) -> None:
    """Sales with the features of their store and week and the type and size of their store, cell by cell."""
    data = read_sales(folder(tmp_path / "k", files(), packed=packed))
    assert (data.shape, data.report.status) == ("kaggle", "ok")
    assert len(data.panel) == 6 * WEEKS
    assert data.panel["unique_id"].unique().tolist() == ["10_1", "10_7", "1_1", "1_7", "2_1", "2_7"]
    types, sizes = {"1": "A", "2": "B", "10": "A"}, {"1": 151315.0, "2": 37392.0, "10": 99.5}
    for row in data.panel.to_dict("records"):
        week = (row["ds"] - pd.Timestamp(day(0))).days // 7
        assert row["unique_id"] == "_".join((row["store"], row["dept"]))
        assert row["y"] == sales(row["store"], row["dept"], week)
        assert row["is_holiday"] == (holiday(week) == "TRUE")
        assert (row["type"], row["size"]) == (types[row["store"]], sizes[row["store"]])
        assert row["temperature"] == float(f"{40 + week / 4:.2f}")
        assert row["cpi"] == float(f"{211 + week / 10:.3f}")
        assert np.isnan(row["markdown1"]) if week < 50 else row["markdown1"] == week + 0.5


def test_the_known_future(tmp_path: Path) -> None:
    """Test rows and later features: every series of train and test in every later week, without sales."""
    future = read_sales(folder(tmp_path / "k", files())).future
    assert "y" not in future
    assert len(future) == 9 * AHEAD
    assert sorted(future["unique_id"].unique()) == sorted(f"{s}_{d}" for s in STORES for d in (*DEPTS, "99"))
    one = future[future["unique_id"] == "2_99"]
    assert one["ds"].tolist() == [pd.Timestamp(day(w)) for w in range(WEEKS, WEEKS + AHEAD)]
    assert one["markdown1"].tolist() == [w + 0.5 for w in range(WEEKS, WEEKS + AHEAD)]
    assert one["cpi"].isna().tolist() == [w >= 64 for w in range(WEEKS, WEEKS + AHEAD)]
    assert set(one["type"]) == {"B"}


@pytest.mark.parametrize("left_out", ["test", "features", "stores"])
def test_each_other_file_may_be_absent(tmp_path: Path, left_out: str) -> None:
    """Train alone with any two of the others still reads; what they would have told is absent."""
    content = {name: rows for name, rows in files().items() if name != left_out}
    data = read_sales(folder(tmp_path / "k", content))
    assert len(data.panel) == 6 * WEEKS
    assert ("type" in data.panel) == (left_out != "stores")
    assert ("cpi" in data.panel) == (left_out != "features")
    assert len(data.future) == {"test": 6, "features": 9, "stores": 9}[left_out] * AHEAD


def test_train_alone(tmp_path: Path) -> None:
    """train.csv by itself is department level, with no future; it is the same shape."""
    data = read_sales(write(tmp_path / "train.csv", files()["train"], TRAIN))
    assert (data.shape, len(data.panel), len(data.future)) == ("kaggle", 6 * WEEKS, 0)


def test_the_whole_download_in_one_zip(tmp_path: Path) -> None:
    """The archive as downloaded, zips in a zip, reads like the folder and has its digest."""
    inside = folder(tmp_path / "k", files(), packed=True)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in inside.iterdir():
            archive.write(path, f"walmart/{path.name}")
        archive.writestr("walmart/sampleSubmission.csv.zip", (inside / "test.csv.zip").read_bytes())
    one, other = read_sales(tmp_path / "all.zip"), read_sales(inside)
    pd.testing.assert_frame_equal(one.panel, other.panel)
    assert one.digest == other.digest


def test_swapped_dates_in_train_and_features(tmp_path: Path) -> None:
    """Dates swapped in one of the files are settled there, before they are joined."""
    clean = read_sales(folder(tmp_path / "a", files()))
    content = files()
    for name, column in (("train", 2), ("features", 1)):
        for row in content[name]:
            year, month, date = row[column].split("-")
            row[column] = f"{year}-{date}-{month}" if int(date) <= 12 else row[column]
    data = read_sales(folder(tmp_path / "b", content))
    pd.testing.assert_frame_equal(data.panel, clean.panel)
    pd.testing.assert_frame_equal(data.future, clean.future)
    assert data.report.status == "repaired"


def test_rows_without_features_or_store(tmp_path: Path) -> None:
    """Sales whose store the other files do not know keep their rows, their values unknown, and a warning."""
    content = files()
    content["features"] = [row for row in content["features"] if row[0] != "2"]
    content["stores"] = content["stores"][:2]
    data = read_sales(folder(tmp_path / "k", content))
    assert data.report.status == "warned"
    assert {f.kind for f in data.report.findings} == {"not_in_features", "not_in_stores"}
    assert data.panel["cpi"].isna().equals(data.panel["store"] == "2")
    assert (data.panel["type"] == "").equals(data.panel["store"] == "10")


@pytest.mark.parametrize("name", ["features", "stores"])
def test_conflicting_rows_in_the_other_files(tmp_path: Path, name: str) -> None:
    """A store (and week) that stands twice and differs is refused, with the file named."""
    content = files()
    content[name].append([*content[name][0][:-1], "TRUE" if name == "features" else "5"])
    with pytest.raises(SalesRefusedError) as caught:
        read_sales(folder(tmp_path / "k", content))
    assert caught.value.findings[0].kind == "conflicting_duplicate"
    assert f"{name}.csv" in caught.value.where


def test_a_folder_without_train(tmp_path: Path) -> None:
    """The other files without train.csv are refused."""
    content = {name: rows for name, rows in files().items() if name != "train"}
    with pytest.raises(SalesRefusedError, match=r"no train\.csv"):
        read_sales(folder(tmp_path / "k", content))
