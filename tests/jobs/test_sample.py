"""Sample data as files: every shape reads back, and the same seed gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from storecast.errors import RequestError
from storecast.forecasting.sample import SampleSpec, make_sample
from storecast.jobs.sample import write_sample
from storecast.stores.sample_files import SampleFiles
from tests.jobs.worlds import SALES

SMALL = SampleSpec(stores=3, weeks=60)
DEPTS = SampleSpec(stores=3, weeks=60, departments=4)


@pytest.mark.parametrize(
    ("shape", "spec", "name", "read_as"),
    [
        ("store", SMALL, "a.csv", "store"),
        ("long", SMALL, "a.csv", "long"),
        ("long", SMALL, "a.parquet", "long"),
        ("store", DEPTS, "a.csv", "long"),
        ("kaggle", DEPTS, "folder", "kaggle"),
    ],
)
def test_every_shape_reads_back(
    tmp_path: Path, shape: str, spec: SampleSpec, name: str, read_as: str
) -> None:
    """What was written is read without a word of complaint, all sales of the sample in it."""
    path = tmp_path / name
    rows = write_sample(SampleFiles(), str(path), spec, shape)
    data = SALES.read(str(path))
    made = make_sample(spec)
    assert (data.shape, data.report.status) == (read_as, "ok")
    assert data.report.series == made["unique_id"].nunique()
    assert data.report.sales_total == pytest.approx(made["y"].sum(), abs=0.01 * len(made))
    assert rows >= data.report.rows == len(made)


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    """Byte for byte; another seed gives another."""
    texts = []
    for i, seed in enumerate((4, 4, 5)):
        write_sample(
            SampleFiles(), str(tmp_path / f"{i}.csv"), SampleSpec(stores=2, weeks=30, seed=seed), "store"
        )
        texts.append((tmp_path / f"{i}.csv").read_bytes())
    assert texts[0] == texts[1] != texts[2]


def test_many_plain_series(tmp_path: Path) -> None:
    """So many series of so many weeks are written, in the long shape."""
    rows = write_sample(
        SampleFiles(), str(tmp_path / "a.parquet"), SampleSpec(weeks=20), "store", series=3000
    )
    data = SALES.read(str(tmp_path / "a.parquet"))
    assert rows == len(data.panel)
    assert data.panel["unique_id"].nunique() == 3000


@pytest.mark.parametrize(("spec", "series"), [(SMALL, 0), (DEPTS, 3000)])
def test_what_the_kaggle_shape_cannot_hold(tmp_path: Path, spec: SampleSpec, series: int) -> None:
    """Stores alone or plain series are refused with what to add or leave out, and nothing is written."""
    with pytest.raises(RequestError, match="remedy"):
        write_sample(SampleFiles(), str(tmp_path / "k"), spec, "kaggle", series)
    assert list(tmp_path.iterdir()) == []
