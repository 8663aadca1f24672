"""Sample tables on files: in chunks as in one piece, all tables of a folder or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.stores.sample_files import SampleFiles


def chunk(first: int, rows: int = 3) -> pd.DataFrame:
    weeks = pd.date_range("2010-02-05", periods=rows, freq="7D")
    return pd.DataFrame({"unique_id": [str(first + i) for i in range(rows)], "ds": weeks, "y": 0.25})


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_chunks_follow_each_other_under_one_header(tmp_path: Path, kind: str) -> None:
    """A table written in chunks reads back as one, and its rows are counted."""
    path = tmp_path / f"a.{kind}"
    assert SampleFiles().table(str(path), (chunk(i) for i in (0, 3, 6))) == 9
    read = pd.read_parquet(path) if kind == "parquet" else pd.read_csv(path, dtype={"unique_id": str})
    assert list(read.columns) == ["unique_id", "ds", "y"]
    assert read["unique_id"].tolist() == [str(i) for i in range(9)]
    assert pd.to_datetime(read["ds"]).tolist() == pd.concat([chunk(0)] * 3)["ds"].tolist()


def test_chunks_are_made_only_where_they_can_be_written(tmp_path: Path) -> None:
    """A wrong ending is refused before the first chunk is asked for."""

    asked: list[int] = []

    def asking(i: int) -> pd.DataFrame:
        asked.append(i)
        return chunk(i)

    chunks = (asking(i) for i in range(3))
    with pytest.raises(RequestError, match="kind of file"):
        SampleFiles().table(str(tmp_path / "a.xlsx"), chunks)
    assert asked == []
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_fails_half_way_is_not_there(tmp_path: Path) -> None:
    """An error in the second chunk takes the first one with it."""

    def broken() -> Iterator[pd.DataFrame]:
        yield chunk(0)
        raise KeyError

    for kind in ("csv", "parquet"):
        with pytest.raises(KeyError):
            SampleFiles().table(str(tmp_path / f"a.{kind}"), broken())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_holds_all_tables(tmp_path: Path) -> None:
    """Each table is a CSV of its name, with NA for what is not known, as in the Kaggle files."""
    tables = {"train": chunk(0), "features": pd.DataFrame({"MarkDown1": [1.5, None]})}
    assert SampleFiles().folder(str(tmp_path / "k"), tables) == 5
    assert sorted(p.name for p in (tmp_path / "k").iterdir()) == ["features.csv", "train.csv"]
    assert (tmp_path / "k" / "features.csv").read_text(encoding="utf-8") == "MarkDown1\n1.5\nNA\n"


@pytest.mark.parametrize("name", ["train", "stores"])
def test_a_folder_is_not_half_written(tmp_path: Path, name: str) -> None:
    """Where one of the tables cannot be written, none is, and no scrap stays."""
    (tmp_path / f"{name}.csv").mkdir()
    with pytest.raises(RequestError, match=f"{name}\\.csv"):
        SampleFiles().folder(str(tmp_path), {"train": chunk(0), "stores": chunk(0)})
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{name}.csv"]
