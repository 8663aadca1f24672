"""The sample as frames: the panel, and the raw shapes in which people hold such data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.sample.days import holiday_weeks

__all__ = ["long_frame", "plain_frame", "to_kaggle_files", "to_long", "to_store_file"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Days = NDArray[np.datetime64]

_OBSERVED = {"temperature": "Temperature", "fuel_price": "Fuel_Price"}
_MARKDOWNS = {f"markdown{i}": f"MarkDown{i}" for i in range(1, 6)}
_ECONOMY = {"cpi": "CPI", "unemployment": "Unemployment"}
_TEST_WEEKS = 39


def _labels(names: list[str], index: Int) -> pd.Series:
    """``names[index]`` as a text column, repeated in Arrow and not as Python objects."""
    text = pa.large_string()
    coded = pa.DictionaryArray.from_arrays(pa.array(index, type=pa.int32()), pa.array(names, type=text))
    return pd.Series(coded.cast(text).to_pandas(), dtype="str")


def _nanoseconds(days: Days) -> NDArray[np.datetime64]:
    return days.astype("datetime64[ns]")


def plain_frame(weeks: Days, sales: Float, names: list[str]) -> pd.DataFrame:
    """``unique_id, ds, y`` of (T, N) ``sales``, series by series; NaN is no row."""
    series, week = np.nonzero(~np.isnan(sales.T))
    return pd.DataFrame(
        {"unique_id": _labels(names, series), "ds": _nanoseconds(weeks)[week], "y": sales.T[series, week]}
    )


def long_frame(
    weeks: Days,
    sales: Float,
    store: Int,
    dept: Int | None,
    *,
    static: dict[str, NDArray[np.generic]],
    weekly: dict[str, NDArray[np.bool_]],
    observed: dict[str, Float],
) -> pd.DataFrame:
    """The panel of (T, M) ``sales`` of the pairs ``store`` (M,) index and ``dept`` (M,) number.

    ``static`` (stores,), ``weekly`` (T,), ``observed`` (T, stores). NaN sales are no row.
    """
    series, week = np.nonzero(~np.isnan(sales.T))
    shop = store[series]
    stores = [str(i + 1) for i in range(int(store.max()) + 1)]
    names = [stores[s] for s in store]
    if dept is not None:
        names = [f"{name}_{d}" for name, d in zip(names, dept, strict=True)]
    columns: dict[str, object] = {
        "unique_id": _labels(names, series),
        "ds": _nanoseconds(weeks)[week],
        "y": sales.T[series, week],
        "store": _labels(stores, shop),
    }
    if dept is not None:
        columns["dept"] = _labels([str(d) for d in range(int(dept.max()) + 1)], dept[series])
    columns["type"] = _labels(["A", "B", "C"], np.searchsorted(["A", "B", "C"], static["type"])[shop])
    columns["size"] = static["size"][shop]
    columns |= {name: values[week] for name, values in weekly.items()}
    columns |= {name: values[week, shop] for name, values in observed.items()}
    return pd.DataFrame(columns)


def to_long(frame: pd.DataFrame) -> pd.DataFrame:
    """``unique_id, ds, y`` and what else the panel knows, without the hierarchy's own columns."""
    return frame.drop(columns=["store", "dept"], errors="ignore")


def _by_store(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a store and week in the order of the store numbers; ``y`` summed in whole cents."""
    rows = frame.assign(Store=frame["store"].astype("int64"), cents=np.rint(frame["y"] * 100).astype("int64"))
    groups = rows.groupby(["Store", "ds"], sort=True)
    out = groups.first()
    out["y"] = groups["cents"].sum() / 100
    return out.reset_index()


def to_store_file(frame: pd.DataFrame) -> pd.DataFrame:
    """The raw columns of the store-level shape, dates as DD-MM-YYYY; departments are summed to the cent."""
    rows = _by_store(frame)
    return pd.DataFrame(
        {
            "Store": rows["Store"],
            "Date": rows["ds"].dt.strftime("%d-%m-%Y"),
            "Weekly_Sales": rows["y"],
            "Holiday_Flag": rows["is_holiday"].astype("int64"),
            **{raw: rows[name] for name, raw in (_OBSERVED | _ECONOMY).items()},
        }
    )


def _flag(ds: pd.Series) -> NDArray[np.str_]:
    return np.where(holiday_weeks(ds.to_numpy(dtype="datetime64[D]")), "TRUE", "FALSE")


def to_kaggle_files(frame: pd.DataFrame, later: pd.DataFrame | None = None) -> dict[str, pd.DataFrame]:
    """The department panel as the raw frames ``train``, ``test`` (the 39 weeks after it, without sales),
    ``features`` (every store and week of both) and ``stores``; write them with ``na_rep="NA"``.

    ``later``: a longer sample of the same spec, read for the observed values of the test weeks, which
    are unknown (NaN) without it. Raises RequestError when the panel has no departments.
    """
    if "dept" not in frame:
        raise RequestError(
            "The Kaggle files need departments.",
            expected="a panel with the column dept",
            found="one series a store",
            remedy="Make the sample with departments, or write the store-level file.",
        )
    first, last = frame["ds"].min(), frame["ds"].max()
    keys = frame.assign(Store=frame["store"].astype("int64"), Dept=frame["dept"].astype("int64"))
    test_weeks = pd.date_range(last, periods=_TEST_WEEKS + 1, freq="7D")[1:]
    train = pd.DataFrame(
        {
            "Store": keys["Store"],
            "Dept": keys["Dept"],
            "Date": keys["ds"].dt.strftime("%Y-%m-%d"),
            "Weekly_Sales": keys["y"],
            "IsHoliday": _flag(keys["ds"]),
        }
    )
    asked = keys[["Store", "Dept"]].drop_duplicates().merge(pd.DataFrame({"ds": test_weeks}), how="cross")
    test = pd.DataFrame(
        {
            "Store": asked["Store"],
            "Dept": asked["Dept"],
            "Date": asked["ds"].dt.strftime("%Y-%m-%d"),
            "IsHoliday": _flag(asked["ds"]),
        }
    )
    known = _by_store(frame if later is None else pd.concat([frame, later[later["ds"] > last]]))
    stores = known.drop_duplicates("Store")[["Store", "type", "size"]]
    weeks = pd.date_range(first, test_weeks[-1], freq="7D")
    grid = stores[["Store"]].merge(pd.DataFrame({"ds": weeks}), how="cross")
    grid = grid.merge(known, how="left", on=["Store", "ds"])
    features = pd.DataFrame(
        {
            "Store": grid["Store"],
            "Date": grid["ds"].dt.strftime("%Y-%m-%d"),
            **{raw: grid[name] for name, raw in (_OBSERVED | _MARKDOWNS | _ECONOMY).items()},
            "IsHoliday": _flag(grid["ds"]),
        }
    )
    return {
        "train": train,
        "test": test,
        "features": features,
        "stores": stores.rename(columns={"type": "Type", "size": "Size"})
        .reset_index(drop=True)
        .astype({"Size": "int64"}),
    }
