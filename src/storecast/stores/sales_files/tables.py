"""A file's content as a table: a header, columns and the file line of every row."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from storecast.forecasting.quality import Finding, counted, refuse
from storecast.stores.sales_files.containers import RawFile
from storecast.stores.sales_files.headers import known_columns
from storecast.stores.sales_files.text import decode

__all__ = ["Table", "find_header", "read_csv", "read_parquet"]

_DELIMITERS = ",;\t|"
_HEADER_WITHIN = 30  # lines of titles and blanks before the header
_MOST_CELLS = 2 * 10**9
_LONGEST_FIELD = 2**20


@dataclass(frozen=True)
class Table:
    """``header`` (k,) as spelled; ``columns`` k pyarrow arrays (n,), text or typed; ``lines`` (n,)."""

    file: str
    header: tuple[str, ...]
    columns: tuple[Any, ...]
    lines: NDArray[np.int64]
    header_line: int
    delimiter: str
    findings: tuple[Finding, ...] = ()


def find_header(rows: list[list[str]]) -> int:
    """Position of the row that names most columns of a sales table; if none does, the first filled one."""
    scores = [known_columns(row) for row in rows]
    if scores and max(scores) > 1:
        return scores.index(max(scores))
    return next((i for i, row in enumerate(rows) if any(cell.strip() for cell in row)), 0)


def _sniff(name: str, text: bytes) -> tuple[str, int, list[str]]:
    """Delimiter, position of the header among the lines, header cells."""
    head = text[: 64 * 2**10].decode(errors="ignore").split("\n")[:_HEADER_WITHIN]
    best: tuple[int, int, str, int, list[str]] | None = None
    for delimiter in _DELIMITERS:
        try:
            # Line by line: a title with a lone quote must not swallow the header.
            rows = [next(csv.reader([line], delimiter=delimiter), []) for line in head]
        except csv.Error:
            continue
        at = find_header(rows)
        key = (known_columns(rows[at]), len(rows[at]))
        if best is None or key > best[:2]:
            best = (*key, delimiter, at, rows[at])
    if best is None:
        raise refuse("not_a_table", f"{name} is not a table.", "give a CSV, XLSX or Parquet file", file=name)
    return best[2], best[3], best[4]


def _slow_rows(
    name: str, text: bytes, delimiter: str, skip: int, width: int, known: int
) -> tuple[list[list[str]], list[int]]:
    """Rows and lines by Python's own reader: for blank lines, cells of several lines, uneven rows."""
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text.decode(), newline="\n"), delimiter=delimiter)
    rows: list[list[str]] = []
    lines: list[int] = []
    uneven: list[tuple[int, int]] = []
    start = 0
    try:
        for row in reader:
            line, start = start + 1, reader.line_num
            if line <= skip + 1 or not any(cell.strip() for cell in row):
                continue
            if len(row) != width and any(cell.strip() for cell in row[width:]) | (len(row) < width):
                uneven.append((line, len(row)))
            rows.append(row[:width])
            lines.append(line)
    except csv.Error as error:
        raise refuse(
            "damaged_row",
            f"{name} cannot be read as a table: {error}",
            "correct this row (look for a lone quotation mark)",
            file=name,
            rows=[reader.line_num],
        ) from error
    if uneven and not known:
        raise refuse(
            "not_a_table",
            f"{name} is not a table of sales: no known column in its first rows, and rows of uneven length.",
            "give a CSV, XLSX or Parquet file with Store, Date, Weekly_Sales or unique_id, ds, y",
            file=name,
        )
    if uneven:
        at = [line for line, _ in uneven]
        raise refuse(
            "uneven_rows",
            f"{counted(len(at), 'row')} of {name} with another number of fields than the header: {{rows}}.",
            "put quotation marks around fields that contain the delimiter, or complete a cut-off file",
            file=name,
            rows=at,
            expected=f"{width} fields",
            found=f"{uneven[0][1]} fields in row {at[0]}",
        )
    return rows, lines


def read_csv(raw: RawFile) -> Table:
    """Text of any common delimiter, encoding and line end; every column as text."""
    text, findings = decode(raw.name, raw.content)
    delimiter, skip, header = _sniff(raw.name, text)
    width = len(header)
    while width and not header[width - 1].strip():
        width -= 1  # a delimiter at the end of the header line
    breaks = text.count(b"\n")
    if breaks <= skip:
        raise refuse(
            "no_rows",
            f"{raw.name} has a header and no rows.",
            "give a file with sales in it",
            file=raw.name,
            expected="one row a series and week",
            found=", ".join(header),
        )
    names = [f"c{i}" for i in range(len(header))]
    try:
        table = pacsv.read_csv(
            pa.py_buffer(text),
            read_options=pacsv.ReadOptions(column_names=names, skip_rows=skip + 1),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, newlines_in_values=False, ignore_empty_lines=True
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={n: pa.string() for n in names}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        table = None
    # One line feed a row, or the rows are not the lines of the file.
    if table is not None and table.num_rows == breaks - skip:
        columns = tuple(table.column(i) for i in range(width))
        lines = np.arange(table.num_rows, dtype=np.int64) + skip + 2
    else:
        rows, numbers = _slow_rows(raw.name, text, delimiter, skip, width, known_columns(header))
        columns = tuple(pa.array(column, pa.string()) for column in zip(*rows, strict=True))
        lines = np.array(numbers, dtype=np.int64)
        if not rows:
            raise refuse(
                "no_rows",
                f"{raw.name} has a header and no rows.",
                "give a file with sales in it",
                file=raw.name,
                expected="one row a series and week",
                found=", ".join(header),
            )
    return Table(raw.name, tuple(header[:width]), columns, lines, skip + 1, delimiter, tuple(findings))


def read_parquet(raws: list[RawFile]) -> Table:
    """Parquet, or the parts of one; row numbers count as if the column names stood in line 1."""
    parts = []
    for raw in raws:
        try:
            file = pq.ParquetFile(pa.BufferReader(raw.content))
            cells = file.metadata.num_rows * file.metadata.num_columns
            if cells > _MOST_CELLS:
                raise refuse(
                    "too_big",
                    f"{raw.name} claims {cells:,} cells.",
                    "give the sales columns alone",
                    file=raw.name,
                )
            part = file.read()
            part.validate(full=True)  # pages carry no checksums: damaged text shows only here
            parts.append(part)
        except (pa.ArrowException, OSError) as error:
            raise refuse(
                "damaged_parquet",
                f"{raw.name} cannot be read as Parquet: {error}",
                "write or copy the file again",
                file=raw.name,
            ) from error
    try:
        table = pa.concat_tables(parts, promote_options="default")
    except pa.ArrowException as error:
        raise refuse(
            "different_parts",
            f"The Parquet files do not hold the same columns: {error}",
            "give one file or one folder of like parts",
            file=raws[0].name,
        ) from error
    if not table.num_rows:
        raise refuse(
            "no_rows", f"{raws[0].name} has no rows.", "give a file with sales in it", file=raws[0].name
        )
    flat = [i for i, f in enumerate(table.schema) if not pa.types.is_nested(f.type)]
    return Table(
        raws[0].name,
        tuple(table.column_names[i] for i in flat),
        tuple(table.column(i) for i in flat),
        np.arange(table.num_rows, dtype=np.int64) + 2,
        1,
        ",",
    )
