"""Zips, folders, workbooks and Parquet give the panel of the CSV inside; bad ones are refused."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from datetime import datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from storecast.forecasting.quality import SalesRefusedError
from storecast.stores.sales_files import containers, read_sales
from tests.stores.sales_files.worlds import HEADER, cells, expected, same, swapped, write

ROWS = cells(stores=2, weeks=60)
CLEAN = expected(ROWS)
TEXT = "\n".join(",".join(row) for row in [HEADER, *ROWS])


def refused(path: Path, kind: str, **options: str) -> SalesRefusedError:
    with pytest.raises(SalesRefusedError) as caught:
        read_sales(path, sheet=options.get("sheet"))
    assert caught.value.findings[0].kind == kind
    assert caught.value.remedy
    return caught.value


def packed(path: Path, members: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def moment(text: str) -> datetime:
    return pd.Timestamp("-".join(reversed(text.split("-")))).to_pydatetime()


def typed(row: list[str]) -> list[object]:
    return [int(row[0]), moment(row[1]), float(row[2]), int(row[3]), *map(float, row[4:])]


def book(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def test_zip_of_one_csv(tmp_path: Path) -> None:
    """A zip is read as the CSV in it, whatever folder it lies in and whatever a Mac adds; same digest."""
    plain = tmp_path / "sales.csv"
    plain.write_text(TEXT)
    path = packed(
        tmp_path / "sales.csv.zip",
        {"a/sales.csv": TEXT, "__MACOSX/a/._sales.csv": b"\0\1", "a/.DS_Store": b"\0"},
    )
    data = read_sales(path)
    same(data.panel, CLEAN)
    assert data.digest == read_sales(plain).digest


def test_digest_is_of_the_content(tmp_path: Path) -> None:
    """One changed digit changes the digest."""
    (tmp_path / "sales.csv").write_text(TEXT)
    one = read_sales(tmp_path / "sales.csv").digest
    assert len(one) == 64
    (tmp_path / "sales.csv").write_text(TEXT[:-1] + ("2" if TEXT[-1] != "2" else "3"))
    assert read_sales(tmp_path / "sales.csv").digest != one


NO_UTF8 = os.fsdecode(b"ums\xe4tze.csv")


def called(path: Path, name: str) -> Path:
    """The file under another name; a Mac takes only such as are UTF-8."""
    try:
        return path.rename(path.with_name(name))
    except OSError:
        pytest.skip(f"this file system takes no {name!r}")


@pytest.mark.parametrize("name", ["week 47.csv", "other.txt", "\u00fcmsatz.csv", NO_UTF8], ids=ascii)
def test_digest_of_a_file_leaves_its_name_out(tmp_path: Path, name: str) -> None:
    """A file that was renamed, even to a name that is no UTF-8, is the same data, in a folder or not."""
    (tmp_path / "sales.csv").write_text(TEXT)
    one = read_sales(tmp_path / "sales.csv")
    renamed = called(tmp_path / "sales.csv", name)
    for path in (renamed, tmp_path) if renamed.suffix == ".csv" else (renamed,):
        data = read_sales(path)
        same(data.panel, CLEAN)
        assert data.digest == one.digest


def test_digest_of_several_files_tells_them_apart(tmp_path: Path) -> None:
    """The parts of a data set may not change places unseen, also where a name is no UTF-8."""
    halves = [CLEAN[CLEAN["store"] == store] for store in ("1", "2")]
    digests = []
    for n, order in enumerate((halves, halves, halves[::-1])):
        folder = tmp_path / str(n)
        folder.mkdir()
        for name, half in zip(("a.parquet", "b.parquet"), order, strict=True):
            half.to_parquet(folder / name)
        called(folder / "a.parquet", NO_UTF8.replace("csv", "parquet"))
        data = read_sales(folder)
        same(data.panel, CLEAN)
        digests.append(data.digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_zip(tmp_path: Path, share: float) -> None:
    """A zip that was cut off anywhere is called damaged."""
    whole = packed(tmp_path / "whole.zip", {"sales.csv": TEXT}).read_bytes()
    (tmp_path / "cut.csv.zip").write_bytes(whole[: int(len(whole) * share)])
    refused(tmp_path / "cut.csv.zip", "zip_damaged")


def test_zip_with_a_flipped_byte(tmp_path: Path) -> None:
    """A damaged member does not pass for data."""
    content = bytearray(packed(tmp_path / "whole.zip", {"sales.csv": TEXT}).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "bad.zip").write_bytes(bytes(content))
    refused(tmp_path / "bad.zip", "zip_damaged")


def test_text_under_the_name_of_a_zip(tmp_path: Path) -> None:
    """A file that merely is called zip is refused as such."""
    (tmp_path / "sales.csv.zip").write_text(TEXT)
    refused(tmp_path / "sales.csv.zip", "zip_damaged")


def test_zip_bomb(tmp_path: Path) -> None:
    """A zip that unpacks to far more than sales do is refused, before and while it unpacks."""
    bomb = packed(tmp_path / "bomb.csv.zip", {"sales.csv": TEXT.encode() + b"\n" * (70 * 2**20)})
    assert bomb.stat().st_size < 2**20
    refused(bomb, "zip_too_big")


def test_zip_that_lies_about_its_size(tmp_path: Path) -> None:
    """A zip that claims a small size and holds a large one is refused, not unpacked."""
    content = bytearray(packed(tmp_path / "bomb.zip", {"sales.csv": b"0" * (70 * 2**20)}).read_bytes())
    size = struct.pack("<I", 70 * 2**20)
    assert content.count(size) == 2
    lie = bytes(content).replace(size, struct.pack("<I", 1000))
    (tmp_path / "lie.csv.zip").write_bytes(lie)
    refused(tmp_path / "lie.csv.zip", "zip_damaged")


def test_total_of_all_members_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds for all members together."""
    monkeypatch.setattr(containers, "MAX_UNPACKED", 3 * len(TEXT) // 2)
    refused(packed(tmp_path / "a.zip", {"train.csv": TEXT, "features.csv": TEXT}), "zip_too_big")


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "C:\\evil.csv", "a/../../evil.csv"])
def test_zip_with_names_like_paths(tmp_path: Path, name: str) -> None:
    """A member that points outside is refused by its name."""
    assert (
        name.split("evil")[0][:2].strip("/")
        in refused(packed(tmp_path / "a.zip", {name: TEXT}), "zip_path").what
    )


@pytest.mark.parametrize("members", [{}, {"readme.md": "hello"}])
def test_zip_without_data(tmp_path: Path, members: dict[str, bytes | str]) -> None:
    """A zip with no data file is refused with what it holds."""
    refused(packed(tmp_path / "a.zip", members), "zip_without_data")


def test_zip_with_two_sales_files(tmp_path: Path) -> None:
    """Two data files and no train.csv: nobody guesses which."""
    assert (
        "b.csv" in refused(packed(tmp_path / "a.zip", {"a.csv": TEXT, "b.csv": TEXT}), "several_files").found
    )


def test_path_that_is_not_there(tmp_path: Path) -> None:
    """A missing path is told with the names that come near, a missing folder as such."""
    write(tmp_path / "Walmart_Sales.csv", ROWS)
    assert "Walmart_Sales.csv" in refused(tmp_path / "Walmart_Sale.csv", "no_such_path").found
    assert "nowhere" in refused(tmp_path / "nowhere" / "a.csv", "no_such_path").found


def test_folders(tmp_path: Path) -> None:
    """A folder with one sales file is that file; with none, or with several, it is refused."""
    folder = tmp_path / "data"
    folder.mkdir()
    refused(folder, "folder_without_data")
    (folder / "notes.md").write_text("hello")
    assert "notes.md" in refused(folder, "folder_without_data").found
    write(folder / "sales.csv", ROWS)
    same(read_sales(folder).panel, CLEAN)
    write(folder / "more.csv", ROWS)
    refused(folder, "several_files")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "not_a_table"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1" + bytes(1000), "not_a_table"),
        ("a.csv", b"%PDF-1.7 ...", "not_a_table"),
        ("a.csv", bytes(range(256)) * 20, "wrong_encoding"),
        ("a.csv", TEXT.encode("utf-16")[:2] + b"\x00\xd8" * 3 + b"x", "wrong_encoding"),
        (
            "a.csv",
            b"Store,Date,Weekly_Sales\nZ\xc3\xbcrich,2010-02-05,1\nZ\xfcrich,2010-02-12,2",
            "wrong_encoding",
        ),
        ("a.csv", b"Store,Date,Weekly_Sales\n\x81\x8d,2010-02-05,1", "wrong_encoding"),
        ("a.parquet", b"PAR1" + bytes(100), "damaged_parquet"),
        ("a.txt", b"hello world, this is a letter\nto you\n", "not_a_table"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    """Pictures, old workbooks, mixed encodings, damaged Parquet: refused for what they are."""
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, kind)


def test_truncated_utf16(tmp_path: Path) -> None:
    """Half a character at the end is an encoding error with its place."""
    (tmp_path / "a.csv").write_bytes(TEXT.encode("utf-16")[:-1])
    assert "byte" in refused(tmp_path / "a.csv", "wrong_encoding").found


def test_workbook(tmp_path: Path) -> None:
    """The sheet that holds sales is found among others, below titles, with typed cells."""
    rows: list[list[object]] = [["Sales report"], [], list(HEADER), *[typed(row) for row in ROWS], []]
    path = book(tmp_path / "a.xlsx", {"About": [["Date", "of", "issue"]], "Data": rows, "Empty": []})
    data = read_sales(path)
    same(data.panel, CLEAN)
    assert data.report.status == "ok"


def test_workbook_with_swapped_dates(tmp_path: Path) -> None:
    """Real dates with day and month swapped beside dates left as text, as a spreadsheet makes them."""
    rows: list[list[object]] = [list(HEADER)]
    for row in ROWS:
        other = swapped(row[1])
        rows.append(
            [int(row[0]), moment(other) if int(row[1][:2]) <= 12 else row[1], float(row[2]), *row[3:]]
        )
    data = read_sales(book(tmp_path / "a.xlsx", {"Data": rows}))
    same(data.panel, CLEAN)
    assert data.report.status == "repaired"


def test_workbook_with_several_sheets_of_sales(tmp_path: Path) -> None:
    """Several sheets of sales are refused by name; --sheet picks one; an unknown sheet is told."""
    rows: list[list[object]] = [list(HEADER), *[typed(row) for row in ROWS]]
    path = book(tmp_path / "a.xlsx", {"2010": rows, "2011": rows[:20]})
    error = refused(path, "several_sheets")
    assert error.found == "2010, 2011"
    assert "--sheet" in error.remedy
    same(read_sales(path, sheet="2010").panel, CLEAN)
    assert len(read_sales(path, sheet="2011").panel) == 19
    assert refused(path, "no_such_sheet", sheet="2012").expected == "2010, 2011"


def test_workbooks_that_cannot_be_read(tmp_path: Path) -> None:
    """An empty workbook, one without sales, and a damaged one."""
    refused(book(tmp_path / "empty.xlsx", {"A": []}), "empty_file")
    refused(book(tmp_path / "other.xlsx", {"A": [["Name", "Age"], ["x", 3]]}), "missing_column")
    refused(book(tmp_path / "bare.xlsx", {"A": [list(HEADER)]}), "no_rows")
    damaged = packed(tmp_path / "bad.xlsx", {"xl/workbook.xml": "<workbook", "[Content_Types].xml": "<x"})
    refused(damaged, "damaged_workbook")


@pytest.mark.parametrize("as_text", [False, True])
def test_parquet(tmp_path: Path, as_text: bool) -> None:
    """Parquet with typed or text columns, also as a folder of parts."""
    frame = pd.DataFrame([r if as_text else typed(r) for r in ROWS], columns=list(HEADER))
    frame.to_parquet(tmp_path / "a.parquet")
    same(read_sales(tmp_path / "a.parquet").panel, CLEAN)
    parts = tmp_path / "parts"
    parts.mkdir()
    frame[:50].to_parquet(parts / "p0.parquet")
    frame[50:].to_parquet(parts / "p1.parquet")
    same(read_sales(parts).panel, CLEAN)


def test_parquet_of_a_panel_frame(tmp_path: Path) -> None:
    """What was read goes out to Parquet and comes back the same, as the long form."""
    CLEAN.assign(type=pd.Categorical(["A"] * len(CLEAN))).to_parquet(tmp_path / "a.parquet")
    data = read_sales(tmp_path / "a.parquet")
    assert data.shape == "long"
    same(data.panel, CLEAN.assign(type="A"))


def test_workbook_in_memory_is_not_a_zip_of_data() -> None:
    """A workbook is told from a plain zip by what lies in it."""
    buffer = io.BytesIO()
    openpyxl.Workbook().save(buffer)
    assert containers.is_workbook(buffer.getvalue())
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("a.csv", TEXT)
    assert not containers.is_workbook(plain.getvalue())
    assert not containers.is_workbook(b"PK\3\4 broken")
