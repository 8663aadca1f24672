"""The rows of a sales file, parsed but not yet trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.forecasting.panel import DEPT, DS, IS_HOLIDAY, STORE, UNIQUE_ID, Y
from storecast.forecasting.quality.readings import DateReadings, as_days

__all__ = ["SalesRows", "to_frame"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class SalesRows:
    """The n rows of a file as parsed: numbers are numbers, dates still have several readings.

    ``lines`` (n,) file lines; ``series`` (n,) codes into ``names`` (N,), which are sorted; ``columns``: name
    of the panel -> (n,) float, NaN = not given (``y`` among them; ``is_holiday`` 0 or 1; ``type``: codes into
    ``labels``); ``attributes``: ``store``, ``dept`` -> (N,) text; ``spelled``: name of the panel -> column as
    the file spells it.
    """

    file: str
    lines: Int
    series: Int
    names: NDArray[np.str_]
    dates: DateReadings
    columns: Mapping[str, Float]
    labels: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    attributes: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)

    def take(self, keep: NDArray[np.generic]) -> SalesRows:
        """The rows of a mask or index."""
        if keep.dtype == bool and keep.all():
            return self
        return replace(
            self,
            lines=self.lines[keep],
            series=self.series[keep],
            dates=replace(self.dates, codes=self.dates.codes[keep]),
            columns={name: values[keep] for name, values in self.columns.items()},
        )


def to_frame(rows: SalesRows, days: Int, keep: NDArray[np.bool_]) -> pd.DataFrame:
    """The long frame of the sorted rows in ``keep``."""
    series = rows.series[keep]
    # UNIQUE_ID stands first, as in the docstring of ``panel``.
    data: dict[str, object] = {
        UNIQUE_ID: pd.Series(rows.names.tolist(), dtype="str").take(series).array,
        DS: as_days(days[keep]).astype("datetime64[ns]"),
    }
    for name, values in rows.columns.items():
        column = values[keep]
        if name in rows.labels:
            words = pd.Series([*rows.labels[name].tolist(), ""], dtype="str")
            data[name] = words.take(np.where(np.isnan(column), len(words) - 1, column).astype(np.int64)).array
        else:
            data[name] = column.astype(bool) if name == IS_HOLIDAY else column
        if name == Y:
            for key in (STORE, DEPT):
                if key in rows.attributes:
                    data[key] = pd.Series(rows.attributes[key].tolist(), dtype="str").take(series).array
    return pd.DataFrame(data)
