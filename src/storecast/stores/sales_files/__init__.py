"""Sales files as people have them to a clean panel; the only place that knows raw column names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from storecast.forecasting.panel import DEPT, DS, IS_HOLIDAY, OBSERVED, STORE, UNIQUE_ID, Y
from storecast.forecasting.quality import (
    Finding,
    QualityReport,
    SalesData,
    SalesRefusedError,
    clean_rows,
    refuse,
)
from storecast.stores.sales_files.containers import RawFile, is_workbook, open_files, stem
from storecast.stores.sales_files.headers import Columns, name_columns, require
from storecast.stores.sales_files.kaggle import join_kaggle
from storecast.stores.sales_files.rows import parse_rows
from storecast.stores.sales_files.sheets import read_workbook
from storecast.stores.sales_files.tables import Table, read_csv, read_parquet

__all__ = ["SalesFiles", "read_sales"]

_KAGGLE = ("train", "test", "features", "stores")


def _table(raw: RawFile, sheet: str | None) -> Table:
    if raw.content.startswith(b"PAR1"):
        return read_parquet([raw])
    return read_workbook(raw, sheet) if is_workbook(raw.content) else read_csv(raw)


def _member(name: str) -> str:
    """The bare name of a file, or of a member: ``train`` for ``all.zip (train.csv)``."""
    return stem(name.rsplit("(", 1)[-1].rstrip(")"))


def _pick(
    path: Path, files: Sequence[RawFile], sheet: str | None
) -> tuple[Table, dict[str, Table], list[RawFile]]:
    """The table of sales, the tables to join to it by name, and the files used."""
    by_name = {_member(raw.name): raw for raw in files}
    if len(files) > 1 and "train" in by_name:
        used = {name: by_name[name] for name in _KAGGLE if name in by_name}
        tables = {name: _table(raw, sheet) for name, raw in used.items()}
        return tables.pop("train"), tables, list(used.values())
    if len(files) > 1 and all(raw.content.startswith(b"PAR1") for raw in files):
        return read_parquet(list(files)), {}, list(files)
    if len(files) == 1:
        return _table(files[0], sheet), {}, list(files)
    raise refuse(
        "several_files",
        f"{path} holds several files and no train.csv.",
        "give the path of the sales file itself",
        file=str(path),
        expected="train.csv (with features.csv, stores.csv, test.csv), or one sales file",
        found=", ".join(raw.name for raw in files[:8]),
    )


def _shape(columns: Columns, joined: bool) -> Literal["store", "kaggle", "long"]:
    if UNIQUE_ID in columns.at:
        return "long"
    alone = {STORE, DEPT, DS, Y, IS_HOLIDAY} <= set(columns.at) and not set(OBSERVED) & set(columns.at)
    return "kaggle" if joined or alone else "store"


def _digest(files: Sequence[RawFile]) -> str:
    # A file alone is its content, whatever it is called; of several, the names say which is which.
    names = [_member(raw.name) for raw in files] if len(files) > 1 else [""]
    parts = sorted(
        (name.encode("utf-8", "surrogateescape"), hashlib.sha256(raw.content).digest())
        for name, raw in zip(names, files, strict=True)
    )
    return hashlib.sha256(b"".join(name + b"\0" + digest for name, digest in parts)).hexdigest()


def read_sales(
    path: str | Path, *, sheet: str | None = None, dayfirst: bool | None = None, least_weeks: int = 2
) -> SalesData:
    """Read and check the sales at ``path``: a CSV, zip, XLSX or Parquet file, or a folder.

    ``sheet`` names the sheet of a workbook; ``dayfirst`` settles the order of day and month beforehand;
    ``least_weeks`` as in ``clean_rows``.
    Raises ``SalesRefusedError`` (a ``DataError``), all reasons in its ``findings``.
    """
    path = Path(path)
    table, others, used = _pick(path, open_files(path), sheet)
    columns, findings = name_columns(table.file, table.header)
    key = UNIQUE_ID if UNIQUE_ID in columns.at else STORE
    require(table.file, table.header, columns, table.header_line, (key, DS, Y))
    rows, more = parse_rows(table, columns)
    cleaned = clean_rows(rows, dayfirst=dayfirst, least_weeks=least_weeks)
    findings = [*findings, *more, *cleaned.findings]
    if cleaned.refused:
        raise SalesRefusedError(_located(findings, table.file))
    if others:
        cleaned = join_kaggle(cleaned, others, dayfirst)
        findings += [f for f in cleaned.findings if f not in findings]
    report = QualityReport.of(cleaned.panel, _located(findings, table.file))
    return SalesData(cleaned.panel, report, _shape(columns, bool(others)), _digest(used), cleaned.future)


def _located(findings: Sequence[Finding], file: str) -> list[Finding]:
    return [f if f.file else Finding(**{**f.__dict__, "file": file}) for f in findings]


class SalesFiles:
    """``SalesSource`` on files: how to read them is settled once."""

    def __init__(
        self, *, sheet: str | None = None, dayfirst: bool | None = None, least_weeks: int = 2
    ) -> None:
        self.sheet, self.dayfirst, self.least_weeks = sheet, dayfirst, least_weeks

    def read(self, path: str | Path) -> SalesData:
        """See ``read_sales``."""
        return read_sales(path, sheet=self.sheet, dayfirst=self.dayfirst, least_weeks=self.least_weeks)
