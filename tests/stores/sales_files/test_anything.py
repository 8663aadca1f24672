"""Whatever bytes come in: a clean panel or one clear refusal, never another error."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storecast.forecasting.quality import SalesData, SalesRefusedError
from storecast.stores.sales_files import read_sales
from tests.stores.sales_files.worlds import HEADER, cells, write

ROWS = cells(stores=2, weeks=20)
TEXT = "\n".join(",".join(row) for row in [HEADER, *ROWS])
CELLS = [
    "",
    "NA",
    "0",
    "-1",
    "1e9",
    "inf",
    "x",
    '"',
    "05-02-2010",
    "2010-02-05",
    "12/11/10",
    "TRUE",
    "1,5",
    "\u00a0",
    "40214",
]


def sound(path: Path) -> SalesData | None:
    """The data if taken (then the panel holds what its docstring promises), None if refused with a remedy."""
    try:
        data = read_sales(path)
    except SalesRefusedError as error:
        if not (error.findings and error.remedy):
            pytest.fail(f"a refusal without its reasons: {error}")
        return None
    panel = data.panel
    assert len(panel) == data.report.rows > 0
    assert np.isfinite(panel["y"]).all()
    assert panel["ds"].notna().all()
    assert panel["ds"].dt.day_of_week.nunique() == 1
    assert not panel.duplicated(["unique_id", "ds"]).any()
    ordered = panel.sort_values(["unique_id", "ds"], ignore_index=True)
    pd.testing.assert_frame_equal(panel, ordered)
    return data


def kinds(tmp: Path) -> dict[str, bytes]:
    """The same sales as the bytes of a CSV, a zip, a workbook and a Parquet file."""
    (tmp / "a.csv").write_text(TEXT)
    with zipfile.ZipFile(tmp / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", TEXT)
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [HEADER, *ROWS]:
        book.active.append(list(row))
    book.save(tmp / "a.xlsx")
    pd.DataFrame(ROWS, columns=list(HEADER)).to_parquet(tmp / "a.parquet")
    return {kind: (tmp / f"a.{kind}").read_bytes() for kind in ("csv", "zip", "xlsx", "parquet")}


@pytest.mark.parametrize("kind", ["csv", "zip", "xlsx", "parquet"])
def test_damaged_bytes(tmp_path: Path, kind: str) -> None:
    """Cut off, flipped, repeated or zeroed bytes anywhere: a sound panel or a refusal."""
    content = kinds(tmp_path)[kind]
    rng = np.random.default_rng(7)
    for _ in range(80):
        data = bytearray(content)
        at, to = sorted(rng.integers(0, len(data), 2).tolist())
        match int(rng.integers(0, 5)):
            case 0:
                del data[at:]
            case 1:
                for place in rng.integers(0, len(data), 4):
                    data[place] = int(rng.integers(0, 256))
            case 2:
                data[at:at] = data[at:to]
            case 3:
                del data[at : at + 5]
            case _:
                data[at : at + 20] = bytes(20)
        path = tmp_path / f"bad.{kind}"
        path.write_bytes(bytes(data))
        sound(path)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(ROWS) - 1), st.integers(0, 7), st.sampled_from(CELLS)),
        min_size=1,
        max_size=12,
    ),
    moves=st.lists(st.tuples(st.integers(0, len(ROWS) - 1), st.integers(0, len(ROWS) - 1)), max_size=4),
)
def test_damaged_cells(
    tmp_path: Path, edits: list[tuple[int, int, str]], moves: list[tuple[int, int]]
) -> None:
    """Any cells overwritten and rows moved about: a sound panel or a refusal; other sales stay."""
    rows = [list(row) for row in ROWS]
    for row, column, text in edits:
        rows[row][column] = text
    for source, target in moves:
        rows.insert(target, rows.pop(source))
    data = sound(write(tmp_path / "a.csv", rows))
    if data is not None:
        touched = {ROWS[row][2] for row, _, _ in edits}
        known = {float(row[2]) for row in ROWS if row[2] not in touched}
        assert known <= set(data.panel["y"]) | {float(row[2]) for row in ROWS if row[2] in touched}


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    text=st.text(
        alphabet=st.sampled_from('abStore,Date;Weekly_Sales\t|"\n\r 0123456789.-/é\ufeff\x00'), max_size=200
    )
)
def test_any_text(tmp_path: Path, text: str) -> None:
    """Any text at all, below a header or not."""
    for head in ("", "Store,Date,Weekly_Sales\n"):
        path = tmp_path / "a.csv"
        path.write_bytes((head + text).encode())
        sound(path)
