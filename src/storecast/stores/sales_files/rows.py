"""A table's columns as parsed rows: numbers, flags, series keys, dates with their readings."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from storecast.forecasting.panel import DEPT, DS, IS_HOLIDAY, OBSERVED, STORE, UNIQUE_ID, Y
from storecast.forecasting.quality import Finding, SalesRefusedError, SalesRows, counted, refuse
from storecast.stores.sales_files.dates import parse_dates, parse_parts
from storecast.stores.sales_files.headers import PARTS, Columns
from storecast.stores.sales_files.numbers import NULLS, as_text, decimal_mark, parse_flags, parse_numbers
from storecast.stores.sales_files.tables import Table

__all__ = ["key_texts", "parse_rows", "parse_values"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
_NUMBERS = (Y, "size", *OBSERVED)
_TOTALS = re.compile(r"(grand|sub)?\s*-?(total|sum|summe)s?:?", re.IGNORECASE)


def key_texts(column: Any) -> tuple[Int, list[str]]:
    """Codes (n,) and texts of a key column; 1.0 and 1 are one key, "" is a blank one."""
    text = as_text(column)
    coded = pc.dictionary_encode(text)
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    words = [re.sub(r"^(-?\d+)\.0+$", r"\1", str(word)) for word in coded.dictionary.to_pylist()]
    words = ["" if word.casefold() in NULLS else word for word in words]
    unique = sorted(set(words))
    place = {word: i for i, word in enumerate(unique)}
    codes = np.array([place[word] for word in words], dtype=np.int64)
    return codes[coded.indices.to_numpy(zero_copy_only=False)], unique


def _unreadable(table: Table, column: str, bad: NDArray[np.bool_], cells: Any, expected: str) -> Finding:
    at = np.flatnonzero(bad)
    shown = [f"row {table.lines[i]}: {as_text(cells.slice(int(i), 1))[0].as_py()!r}" for i in at[:5]]
    return Finding.at(
        "refused",
        "unreadable_value",
        table.lines[at],
        column,
        f"{counted(len(at), 'cell')} of {column} cannot be read as a {expected}: {{rows}}.",
        f"write them as a {expected} or leave them empty",
        file=table.file,
        examples=shown,
        expected=f"a {expected}",
        found="; ".join(shown),
    )


def parse_values(
    table: Table, columns: Columns
) -> tuple[dict[str, Float], dict[str, NDArray[np.str_]], list[Finding]]:
    """Numbers, flags and labels by panel name (n,), the words of labels, and refusals of unreadable cells."""
    values: dict[str, Float] = {}
    labels: dict[str, NDArray[np.str_]] = {}
    findings = []
    there = [name for name in _NUMBERS if name in columns.at]
    mark = decimal_mark((table.columns[columns.at[name]] for name in there), table.delimiter)
    for name in there:
        cells = table.columns[columns.at[name]]
        values[name], bad = parse_numbers(cells, mark)
        if bad.any():
            findings.append(_unreadable(table, columns.spelled[name], bad, cells, "number"))
    if IS_HOLIDAY in columns.at:
        cells = table.columns[columns.at[IS_HOLIDAY]]
        values[IS_HOLIDAY], bad = parse_flags(cells)
        if bad.any():
            findings.append(_unreadable(table, columns.spelled[IS_HOLIDAY], bad, cells, "yes or no (1 or 0)"))
    if "type" in columns.at:
        codes, words = key_texts(table.columns[columns.at["type"]])
        labels["type"] = np.array(words, dtype=str)
        values["type"] = codes.astype(np.float64)
    return values, labels, findings


def _dates(table: Table, columns: Columns) -> Any:
    if DS in columns.at:
        return parse_dates(table.file, columns.spelled[DS], table.columns[columns.at[DS]])
    name = "-".join(columns.spelled[part] for part in PARTS)
    return parse_parts(table.file, name, *(table.columns[columns.at[part]] for part in PARTS))


def _drop_empty(table: Table, columns: Columns) -> Table:
    """Without rows that are blank in every column of use, and totals below the table."""
    first = UNIQUE_ID if UNIQUE_ID in columns.at else STORE
    key = as_text(table.columns[columns.at[first]])
    date = as_text(pc.cast(table.columns[columns.at.get(DS, columns.at.get("year", 0))], pa.string()))
    doubt = pc.or_(pc.equal(key, ""), pc.equal(date, ""))
    if not pc.any(doubt).as_py():
        return table
    drop = np.zeros(len(table.lines), dtype=bool)
    findings = list(table.findings)
    totals = []
    for i in np.flatnonzero(
        doubt.to_numpy(zero_copy_only=False) if isinstance(doubt, pa.Array) else doubt.to_numpy()
    ):
        cells = [as_text(table.columns[p].slice(int(i), 1))[0].as_py() for p in columns.at.values()]
        total = any(_TOTALS.fullmatch(cell) for cell in cells)
        drop[i] = total or not any(cells)
        if total:
            totals.append(int(table.lines[i]))
    if totals:
        findings.append(
            Finding.at(
                "repaired",
                "total_row",
                totals,
                None,
                "Rows of totals were left out: {rows}.",
                "delete them from the file",
                file=table.file,
            )
        )
    if not drop.any():
        return table
    keep = pa.array(~drop)
    return Table(
        table.file,
        table.header,
        tuple(c.filter(keep) for c in table.columns),
        table.lines[~drop],
        table.header_line,
        table.delimiter,
        tuple(findings),
    )


def _combine(store: Int, stores: list[str], dept: Int, depts: list[str]) -> tuple[Int, list[str], list[int]]:
    """Codes of (store, department) pairs, the pairs' names, and both codes of a pair in one."""
    both, pairs = pd.factorize(store * len(depts) + dept)
    names = [f"{stores[p // len(depts)]}_{depts[p % len(depts)]}" for p in pairs.tolist()]
    return both.astype(np.int64), names, pairs.tolist()


def parse_rows(table: Table, columns: Columns) -> tuple[SalesRows, list[Finding]]:
    """Parsed rows with the findings so far; raises ``SalesRefusedError`` for unreadable cells, blank keys."""
    table = _drop_empty(table, columns)
    if not len(table.lines):
        raise refuse("no_rows", f"{table.file} has no rows.", "give a file with sales in it", file=table.file)
    values, labels, refused = parse_values(table, columns)
    keys = {
        name: key_texts(table.columns[columns.at[name]])
        for name in (UNIQUE_ID, STORE, DEPT)
        if name in columns.at
    }
    for name, (codes, words) in keys.items():
        if (
            words[0] == ""
            and (blank := codes == 0).any()
            and not (name in (STORE, DEPT) and UNIQUE_ID in keys)
        ):
            refused.append(
                Finding.at(
                    "refused",
                    "blank_key",
                    table.lines[blank],
                    columns.spelled[name],
                    f"Blank cells in {columns.spelled[name]}: {{rows}}.",
                    "fill it in for every row",
                    file=table.file,
                    expected="a key in every row",
                    found="empty cells",
                )
            )
    if refused:
        raise SalesRefusedError([*table.findings, *refused])
    attributes: dict[str, NDArray[np.str_]] = {}
    if UNIQUE_ID in keys:
        series, names = keys[UNIQUE_ID]
        at = np.zeros(len(names), dtype=np.int64)
        at[series[::-1]] = np.arange(len(series))[::-1]  # the first row of each series
        for name in (STORE, DEPT):
            if name in keys:
                attributes[name] = np.array([keys[name][1][c] for c in keys[name][0][at]], dtype=str)
                _check_parents(table, columns, name, series, keys[name][0], at, names)
    elif DEPT in keys:
        (store, stores), (dept, depts) = keys[STORE], keys[DEPT]
        series, names, pairs = _combine(store, stores, dept, depts)
        attributes[STORE] = np.array([stores[p // len(depts)] for p in pairs], dtype=str)
        attributes[DEPT] = np.array([depts[p % len(depts)] for p in pairs], dtype=str)
    else:
        series, names = keys[STORE]
        attributes[STORE] = np.array(names, dtype=str)
    rank = np.argsort(np.array(names, dtype=str), kind="stable")
    place = np.empty(len(names), dtype=np.int64)
    place[rank] = np.arange(len(names))
    spelled = {**columns.spelled, DS: columns.spelled.get(DS) or "-".join(columns.spelled[p] for p in PARTS)}
    rows = SalesRows(
        table.file,
        table.lines,
        place[series],
        np.array(names, dtype=str)[rank],
        _dates(table, columns),
        values,
        labels,
        {k: v[rank] for k, v in attributes.items()},
        spelled,
    )
    return rows, list(table.findings)


def _check_parents(
    table: Table, columns: Columns, name: str, series: Int, codes: Int, at: Int, names: list[str]
) -> None:
    """Refuse a series that belongs to two stores or departments."""
    wrong = np.flatnonzero(codes != codes[at][series])
    if len(wrong):
        raise refuse(
            "two_parents",
            f"Series {names[series[wrong[0]]]} has more than one {columns.spelled[name]}: {{rows}}.",
            "give every series one",
            file=table.file,
            rows=table.lines[wrong],
            column=columns.spelled[name],
        )
