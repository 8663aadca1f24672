"""The sales that are measured on: the real ones where a folder of them is named, else the sample."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.splits import Level
from storecast.errors import SetupError
from storecast.forecasting.panel import DS, IS_HOLIDAY, UNIQUE_ID, Y
from storecast.forecasting.sample import SampleSpec, make_sample, to_kaggle_files, to_store_file
from storecast.stores.sales_files import read_sales

__all__ = ["REAL_DATA", "SalesSet", "load_sales"]

REAL_DATA = "STORECAST_REAL_DATA"
_PLACES: dict[Level, str] = {"store": "Walmart_Sales.csv", "dept": "kaggle"}
_SAMPLE_DEPARTMENTS = 40


@dataclass(frozen=True)
class SalesSet:
    """``path``: what commands are given; ``frame``: ``unique_id, ds, y, is_holiday``; ``label``: in words."""

    level: Level
    path: Path
    frame: pd.DataFrame
    label: str


def _write_sample(level: Level, folder: Path) -> Path:
    path = folder / _PLACES[level]
    if level == "store":
        folder.mkdir(parents=True, exist_ok=True)
        to_store_file(make_sample(SampleSpec())).to_csv(path, index=False)
        return path
    path.mkdir(parents=True, exist_ok=True)
    for name, table in to_kaggle_files(make_sample(SampleSpec(departments=_SAMPLE_DEPARTMENTS))).items():
        table.to_csv(path / f"{name}.csv", index=False, na_rep="NA")
    return path


def load_sales(level: Level, folder: Path | None, build: Path) -> SalesSet:
    """The sales of ``level``: from ``folder`` (``Walmart_Sales.csv``, and ``kaggle/`` for departments), from
    the folder that STORECAST_REAL_DATA names, or else the sample, written into ``build``.

    Raises SetupError where a named folder lacks the sales, DataError where they are refused.
    """
    named = folder or (Path(os.environ[REAL_DATA]) if os.environ.get(REAL_DATA) else None)
    if named is None:
        print(f"{REAL_DATA} is not set and no --data is given: the {level} level is measured on the sample")
        path, label = _write_sample(level, build / "sample"), "the sample (seed 0), not real sales"
    else:
        path, label = named / _PLACES[level], "the real sales"
        if not path.exists():
            raise SetupError(
                "The sales to measure on are not there.",
                where=str(named),
                expected=" and ".join(_PLACES.values()),
                found=", ".join(sorted(p.name for p in named.iterdir())) if named.is_dir() else "no folder",
                remedy=f"Name the folder that holds them by --data or {REAL_DATA}; name none for the sample.",
            )
    frame = read_sales(path).panel[[UNIQUE_ID, DS, Y, IS_HOLIDAY]]
    return SalesSet(level, path, frame, f"{label}: {frame[UNIQUE_ID].nunique():,} series")
