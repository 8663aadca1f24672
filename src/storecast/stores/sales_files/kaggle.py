"""The Kaggle folder: train, test, features and stores joined to one panel and its known future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.forecasting.panel import DEPT, DS, IS_HOLIDAY, OBSERVED, STORE, UNIQUE_ID, Y
from storecast.forecasting.quality import Cleaned, Finding, SalesRefusedError, clean_rows, counted
from storecast.stores.sales_files.headers import name_columns, require
from storecast.stores.sales_files.rows import key_texts, parse_rows, parse_values
from storecast.stores.sales_files.tables import Table

__all__ = ["join_kaggle"]

Int = NDArray[np.int64]


def _clean(table: Table, needed: Sequence[str], dayfirst: bool | None) -> tuple[pd.DataFrame, list[Finding]]:
    """A table without sales, its dates settled and duplicates dropped; raises ``SalesRefusedError``."""
    columns, findings = name_columns(table.file, table.header)
    require(table.file, table.header, columns, table.header_line, needed)
    rows, more = parse_rows(table, columns)
    rows = replace(rows, columns={Y: np.zeros(len(rows.lines)), **rows.columns})
    cleaned = clean_rows(rows, dayfirst=dayfirst)
    # Sales are placeholders, so that dates and duplicates are checked alike; findings on sales mean nothing.
    kept = [
        f
        for f in [*findings, *more, *cleaned.findings]
        if f.kind not in ("constant_series", "short_series", "missing_weeks")
        and not (f.kind == "too_short" and not cleaned.panel.empty)
    ]
    if any(f.severity == "refused" for f in kept):
        raise SalesRefusedError(kept)
    return cleaned.panel.drop(columns=Y), kept


def _stores(table: Table) -> tuple[pd.DataFrame, list[Finding]]:
    """stores.csv: one row a store, type and size."""
    columns, findings = name_columns(table.file, table.header)
    require(table.file, table.header, columns, table.header_line, (STORE,))
    values, labels, refused = parse_values(table, columns)
    codes, words = key_texts(table.columns[columns.at[STORE]])
    frame = pd.DataFrame({STORE: pd.Series(words, dtype="str").take(codes).array})
    if "type" in values:
        frame["type"] = (
            pd.Series(labels["type"].tolist(), dtype="str").take(values["type"].astype(np.int64)).array
        )
    if "size" in values:
        frame["size"] = values["size"]
    frame = frame.drop_duplicates()
    twice = frame[STORE].duplicated()
    if twice.any():
        refused.append(
            Finding.at(
                "refused",
                "conflicting_duplicate",
                table.lines[frame.index[twice]],
                columns.spelled[STORE],
                f"A store stands twice in {table.file} and differs: {{rows}}.",
                "delete the wrong row",
                file=table.file,
            )
        )
    if refused:
        raise SalesRefusedError([*findings, *refused])
    return frame, findings


def _keys(frame: pd.DataFrame, stores: pd.Index, keys: list[str]) -> Int:
    """One number a store, or a store and day; negative for stores not in ``stores``."""
    codes, distinct = pd.factorize(frame[STORE])  # names are compared once, not once a row
    code = stores.get_indexer(pd.Index(distinct))[codes].astype(np.int64)
    if DS not in keys:
        return code
    return np.where(code < 0, -1, code * 10**6 + frame[DS].to_numpy(dtype="datetime64[D]").astype(np.int64))


def _join(
    frame: pd.DataFrame, right: pd.DataFrame, keys: list[str]
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """``frame`` with the columns of ``right`` (unique in ``keys``), and the rows that found none."""
    store = pd.Index(right[STORE]).unique()
    place = _keys(right, store, keys)
    rank = np.argsort(place)
    wanted = _keys(frame, store, keys)
    at = np.minimum(np.searchsorted(place[rank], wanted), len(place) - 1)
    lost = (place[rank][at] != wanted) | (wanted < 0)
    source = rank[at]
    out = frame.copy()
    for name in right.columns:
        if name in keys or name in out:
            continue
        series = pd.Series(right[name].take(source).array, index=out.index)
        out[name] = series.mask(lost, "" if name == "type" else np.nan) if lost.any() else series
    return out, lost


def _unmatched(
    file: str, what: str, frame: pd.DataFrame, lost: NDArray[np.bool_], remedy: str
) -> list[Finding]:
    if not lost.any():
        return []
    stores = frame[STORE][lost].unique().tolist()
    return [
        Finding(
            "warned",
            "not_in_" + what,
            None,
            None,
            f"{counted(int(lost.sum()), 'row')} of sales not found in {file} (stores"
            f" {', '.join(stores[:8])}); their values there stay unknown.",
            remedy,
            int(lost.sum()),
            tuple(stores[:5]),
            file=file,
        )
    ]


def _ahead(panel: pd.DataFrame, test: pd.DataFrame | None, features: pd.DataFrame | None) -> pd.DataFrame:
    """Series and weeks known ahead: the rows of test, and every series in later weeks of features."""
    last = panel[DS].max()
    heads = [UNIQUE_ID, STORE, DEPT] if DEPT in panel else [UNIQUE_ID, STORE]
    parts = []
    if test is not None:
        parts.append(test[test[DS] > last][[*heads, DS, *([IS_HOLIDAY] if IS_HOLIDAY in test else [])]])
    if features is not None:
        weeks = features[features[DS] > last][[STORE, DS, *([IS_HOLIDAY] if IS_HOLIDAY in features else [])]]
        series = pd.concat([panel[heads], *([test[heads]] if test is not None else [])]).drop_duplicates()
        parts.append(series.merge(weeks, on=STORE))
    if not parts:
        return panel.iloc[:0].drop(columns=Y)
    ahead: pd.DataFrame = pd.concat(parts).drop_duplicates([UNIQUE_ID, DS])
    return ahead.sort_values([UNIQUE_ID, DS], ignore_index=True)


def join_kaggle(cleaned: Cleaned, others: Mapping[str, Table], dayfirst: bool | None) -> Cleaned:
    """The clean panel of train with what ``features``, ``stores`` and ``test`` (if given) know of it.

    Raises ``SalesRefusedError`` where one of them is refused.
    """
    panel, findings = cleaned.panel, list(cleaned.findings)
    test = features = stores = None
    if "test" in others:
        test, found = _clean(
            others["test"], (STORE, DS) if DEPT not in panel else (STORE, DEPT, DS), dayfirst
        )
        findings += found
    if "features" in others:
        features, found = _clean(others["features"], (STORE, DS), dayfirst)
        findings += found
        flags = panel.get(IS_HOLIDAY)
        panel, lost = _join(panel, features.drop(columns=UNIQUE_ID), [STORE, DS])
        findings += _unmatched(
            others["features"].file, "features", panel, lost, "give the features of every store and week"
        )
        if flags is None and IS_HOLIDAY in panel:
            panel[IS_HOLIDAY] = panel[IS_HOLIDAY].fillna(False).astype(bool)
    if "stores" in others:
        stores, found = _stores(others["stores"])
        findings += found
        panel, lost = _join(panel, stores, [STORE])
        findings += _unmatched(others["stores"].file, "stores", panel, lost, "add the stores to it")
    future = _ahead(panel, test, features)
    if features is not None and len(future):
        future = _join(future, features.drop(columns=UNIQUE_ID), [STORE, DS])[0]
    if stores is not None and len(future):
        future = _join(future, stores, [STORE])[0]
    order = [UNIQUE_ID, DS, Y, STORE, DEPT, IS_HOLIDAY, "type", "size", *OBSERVED]
    panel = panel[[c for c in order if c in panel]]
    return Cleaned(findings, panel, future[[c for c in panel.columns if c in future]])
