"""Write sample data in one of the input shapes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from storecast.errors import RequestError
from storecast.forecasting.sample import (
    SampleSpec,
    make_large,
    make_sample,
    to_kaggle_files,
    to_long,
    to_store_file,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SampleWriter", "write_sample"]


class SampleWriter(Protocol):
    """Where sample tables go."""

    def table(self, path: str, frames: Iterable[pd.DataFrame]) -> int:
        """Write ``frames`` one after the other as one file; the number of rows."""
        ...

    def folder(self, path: str, tables: dict[str, pd.DataFrame]) -> int:
        """Write each table as ``name.csv`` in a folder; the number of rows of all."""
        ...


def write_sample(writer: SampleWriter, path: str, spec: SampleSpec, shape: str, series: int = 0) -> int:
    """Write the sample of ``spec`` as ``shape`` (store, kaggle or long), or ``series`` plain series in the
    long shape where that is not 0; returns the number of rows. Raises RequestError where they do not go
    together."""
    if series:
        if shape == "kaggle":
            raise RequestError(
                "Plain series cannot be written in the Kaggle shape.",
                where="--series",
                expected="--shape long",
                found="--shape kaggle",
                remedy="Leave out --shape.",
            )
        return writer.table(path, make_large(series, spec.weeks, spec.seed, first_week=spec.first_week))
    if shape == "kaggle" and not spec.departments:
        raise RequestError(
            "The Kaggle shape holds departments.",
            where="--departments",
            expected="1 or more",
            found="0",
            remedy="Add --departments 20.",
        )
    frame = make_sample(spec)
    if shape == "kaggle":
        return writer.folder(path, to_kaggle_files(frame))
    if shape == "store" and not spec.departments:
        return writer.table(path, [to_store_file(frame)])
    return writer.table(path, [frame if spec.departments else to_long(frame)])
