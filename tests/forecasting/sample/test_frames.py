"""The raw shapes: what people hold on disk, made from the panel without losing a cent."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.forecasting.sample import SampleSpec, make_sample, to_kaggle_files, to_long, to_store_file

SHOPS = SampleSpec(stores=12, weeks=100, departments=25, closed_share=0.1, seed=9)


def test_store_file_has_the_raw_columns():
    """The store-level file has its eight columns, day-first dates and a 0/1 flag."""
    frame = make_sample(SampleSpec(stores=11, seed=4))
    raw = to_store_file(frame)
    assert list(raw.columns) == [
        *("Store", "Date", "Weekly_Sales", "Holiday_Flag"),
        *("Temperature", "Fuel_Price", "CPI", "Unemployment"),
    ]
    assert raw["Date"].iloc[0] == "05-02-2010"
    assert raw["Date"].str.fullmatch(r"\d\d-\d\d-\d{4}").all()
    assert raw["Store"].drop_duplicates().tolist() == list(range(1, 12))
    assert set(raw["Holiday_Flag"]) == {0, 1}
    assert raw["Weekly_Sales"].to_numpy() == pytest.approx(frame["y"].to_numpy(), abs=0)


def test_departments_add_up_to_the_store_to_the_cent():
    """A store's week is the exact sum in cents of its departments, and one of no department has no row."""
    frame = make_sample(SHOPS)
    raw = to_store_file(frame)
    cents: dict[tuple[int, str], int] = {}
    for store, ds, y in zip(frame["store"], frame["ds"], frame["y"], strict=True):
        key = int(store), ds.strftime("%d-%m-%Y")
        cents[key] = cents.get(key, 0) + round(y * 100)
    found = {
        (int(s), d): round(v * 100)
        for s, d, v in zip(raw["Store"], raw["Date"], raw["Weekly_Sales"], strict=True)
    }
    assert found == cents
    assert len(found) < 12 * 100


def test_long_form_keeps_keys_and_exogenous_but_no_hierarchy():
    """The long form begins with the three words and drops store and department."""
    frame = make_sample(SHOPS)
    long = to_long(frame)
    assert list(long.columns[:3]) == ["unique_id", "ds", "y"]
    assert set(frame.columns) - set(long.columns) == {"store", "dept"}


def test_kaggle_files_are_the_folder_s_tables():
    """Train, test, features and stores have their columns, ISO dates, upper-case flags and 39 test weeks."""
    frame = make_sample(SHOPS)
    files = to_kaggle_files(frame)
    assert {name: list(table.columns) for name, table in files.items()} == {
        "train": ["Store", "Dept", "Date", "Weekly_Sales", "IsHoliday"],
        "test": ["Store", "Dept", "Date", "IsHoliday"],
        "features": [
            *("Store", "Date", "Temperature", "Fuel_Price"),
            *(f"MarkDown{i}" for i in range(1, 6)),
            *("CPI", "Unemployment", "IsHoliday"),
        ],
        "stores": ["Store", "Type", "Size"],
    }
    last = frame["ds"].max()
    assert files["test"]["Date"].min() == str((last + pd.Timedelta(weeks=1)).date())
    assert files["test"]["Date"].nunique() == 39
    assert len(files["test"]) == 39 * frame["unique_id"].nunique()
    assert len(files["features"]) == 12 * 139
    assert len(files["stores"]) == 12
    for name in ("train", "test", "features"):
        assert set(files[name]["IsHoliday"]) == {"TRUE", "FALSE"}


def test_kaggle_files_say_what_the_panel_says():
    """Joined again after a trip through CSV, the tables give back sales, weather and store attributes."""
    frame = make_sample(SHOPS)
    files = {
        name: pd.read_csv(
            StringIO(table.to_csv(index=False, na_rep="NA")), parse_dates=["Date"] if name != "stores" else []
        )
        for name, table in to_kaggle_files(frame).items()
    }
    rows = (
        files["train"]
        .merge(files["features"], on=["Store", "Date", "IsHoliday"])
        .merge(files["stores"], on="Store")
    )
    rows.index = pd.MultiIndex.from_arrays(
        [rows["Store"].astype(str) + "_" + rows["Dept"].astype(str), rows["Date"]]
    )
    known = frame.set_index(["unique_id", "ds"])
    rows = rows.loc[known.index]
    pairs = {
        "Weekly_Sales": "y",
        "Temperature": "temperature",
        "MarkDown2": "markdown2",
        "CPI": "cpi",
        "Size": "size",
    }
    for raw, name in pairs.items():
        np.testing.assert_array_equal(rows[raw].to_numpy(float), known[name].to_numpy(float))
    assert (rows["Type"].to_numpy(str) == known["type"].to_numpy(str)).all()
    assert (rows["IsHoliday"].to_numpy(bool) == known["is_holiday"].to_numpy(bool)).all()


def test_features_of_the_test_weeks_are_unknown_or_the_longer_sample_s():
    """The observed values after the last week are NaN, or those of a longer sample of the same spec."""
    spec = replace(SHOPS, closed_share=0.0)
    frame, later = make_sample(spec), make_sample(replace(spec, weeks=139))
    cut = str(frame["ds"].max().date())
    alone, known = (files["features"] for files in (to_kaggle_files(frame), to_kaggle_files(frame, later)))
    assert alone.loc[alone["Date"] > cut, "Temperature"].isna().all()
    ahead = known[known["Date"] > cut]
    truth = later[later["ds"] > cut].drop_duplicates(["store", "ds"])
    assert sorted(ahead["Temperature"]) == sorted(truth["temperature"])
    pd.testing.assert_frame_equal(alone[alone["Date"] <= cut], known[known["Date"] <= cut])


def test_kaggle_files_need_departments():
    """A store-level panel is refused, with the remedy."""
    with pytest.raises(RequestError, match="departments"):
        to_kaggle_files(make_sample(SampleSpec(stores=2)))
