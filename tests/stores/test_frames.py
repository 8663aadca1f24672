"""Result files appear whole or not at all, and what cannot be written is refused before the work."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.stores.frames import FrameFiles, beside, check_folder, check_target, write_bytes, write_frame

FRAME = pd.DataFrame(
    {
        "unique_id": ["1", "2_07"],
        "ds": pd.to_datetime(["2012-11-02", "2012-11-09"]),
        "storecast": [1234.5, np.nan],
        "note": ["", 'with "quotes", commas'],
    }
)


def listing(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    """Both kinds give back the frame; CSV has plain dates, and nothing where nothing is known."""
    write_frame(FRAME, tmp_path / "a.csv")
    write_frame(FRAME, tmp_path / "a.PARQUET")
    text = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert text[1] == "1,2012-11-02,1234.5,"
    assert text[2] == '2_07,2012-11-09,,"with ""quotes"", commas"'
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.PARQUET"), FRAME)


@pytest.mark.parametrize("note", ["", "plain", 'with "quotes", commas', "two\nlines"])
def test_many_rows_are_written_as_few_are(tmp_path: Path, note: str) -> None:
    """A large table reads back as it was, with the same dates, gaps and texts as a small one's."""
    count = 30_000
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "unique_id": [f"{i % 7}_é{i}" for i in range(count)],
            "ds": pd.to_datetime("2012-11-02") + pd.to_timedelta(7 * (np.arange(count) % 52), unit="D"),
            "storecast": np.where(
                rng.random(count) < 0.1, np.nan, 10.0 ** rng.uniform(-2, 8, count).round(2)
            ),
            "h": np.arange(count),
            "note": [note if i % 3 == 0 else "" for i in range(count)],
        }
    )
    write_frame(frame, tmp_path / "many.csv")
    text = (tmp_path / "many.csv").read_text(encoding="utf-8")
    assert text.startswith("unique_id,ds,storecast,h,note\n0_é0,2012-11-02,")
    kinds = {"unique_id": "str", "note": "str"}
    found = pd.read_csv(tmp_path / "many.csv", dtype=kinds, parse_dates=["ds"], keep_default_na=False,
                        na_values={"storecast": [""]})  # fmt: skip
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)


def test_folders_are_made_and_files_replaced(tmp_path: Path) -> None:
    """A file goes where it is wanted, in place of the one before, readable by others, with nothing beside."""
    for content in (b"old", b"new"):
        write_bytes(content, tmp_path / "deep" / "er" / "a.png")
    assert (tmp_path / "deep" / "er" / "a.png").read_bytes() == b"new"
    assert listing(tmp_path) == ["deep", "deep/er", "deep/er/a.png"]
    assert os.stat(tmp_path / "deep" / "er" / "a.png").st_mode & 0o777 == 0o644


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    """What was there stays as it was, and the half that was written goes."""
    (tmp_path / "a.csv").write_text("old", encoding="utf-8")

    def half() -> None:
        with beside(tmp_path / "a.csv") as file:
            file.write_text("half", encoding="utf-8")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert listing(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "old"


def test_a_full_disk_is_a_refusal(tmp_path: Path) -> None:
    """What the disk says while a file is written is told with the file's name, and nothing stays."""

    def fill() -> None:
        with beside(tmp_path / "a.csv"), open("/dev/full", "wb") as full:
            full.write(b"x" * 100_000)

    with pytest.raises(RequestError, match="No space left") as told:
        fill()
    assert told.value.where == str(tmp_path / "a.csv")
    assert listing(tmp_path) == []


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.csv.gz", ".csv"])
def test_other_kinds_are_refused(tmp_path: Path, name: str) -> None:
    """Only .csv and .parquet can be written, and nothing is written for any other name."""
    for refuse in (check_target, lambda path: write_frame(FRAME, path)):
        with pytest.raises(RequestError, match=r"\.csv or \.parquet"):
            refuse(tmp_path / name)
    assert listing(tmp_path) == []


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    """A folder of the file's name, a file instead of a folder and a folder the system keeps for itself are
    refused before the work as after it, and nothing is made."""
    (tmp_path / "there.csv").mkdir()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    before = listing(tmp_path)
    for path in ("there.csv", "file/a.csv", "file/deeper/a.csv", "/proc/none/a.csv"):
        with pytest.raises(RequestError, match=r"(cannot|can) be written") as early:
            check_target(tmp_path / path)
        with pytest.raises(RequestError, match="cannot be written"):
            write_frame(FRAME, tmp_path / path)
        assert early.value.remedy
    assert listing(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write(tmp_path: Path) -> None:
    """The rights of a folder are asked before the work."""
    tmp_path.chmod(0o500)
    with pytest.raises(RequestError, match="Permission denied"):
        check_target(tmp_path / "a.csv")


def test_a_check_leaves_nothing_behind(tmp_path: Path) -> None:
    """Asking whether a file could be written neither makes folders nor touches the file."""
    (tmp_path / "a.csv").write_text("old", encoding="utf-8")
    check_target(tmp_path / "a.csv")
    check_target(tmp_path / "new" / "folder" / "a.parquet")
    check_folder(tmp_path / "other")
    FrameFiles().check(str(tmp_path / "out"))
    assert listing(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "old"


def test_an_older_file_goes(tmp_path: Path) -> None:
    """What is removed is gone, what is not there is no fault, and a folder in its place is told."""
    (tmp_path / "a.csv").write_text("old", encoding="utf-8")
    for _ in range(2):
        FrameFiles().remove(str(tmp_path / "a.csv"))
    assert listing(tmp_path) == []
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(RequestError, match="cannot be removed"):
        FrameFiles().remove(str(tmp_path / "a.csv"))


def test_a_file_of_the_folder_that_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name means the folder one is in."""
    monkeypatch.chdir(tmp_path)
    check_target(Path("a.csv"))
    FrameFiles().write(FRAME, "a.csv")
    assert listing(tmp_path) == ["a.csv"]
