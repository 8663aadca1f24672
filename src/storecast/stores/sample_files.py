"""Sample tables as files."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from storecast.stores.frames import beside, check_target

__all__ = ["SampleFiles"]


class SampleFiles:
    """Writes sample tables as CSV or Parquet; a large one chunk by chunk, so that memory stays flat."""

    def table(self, path: str, frames: Iterable[pd.DataFrame]) -> int:
        """Write ``frames`` one after the other as one file; the number of rows."""
        target, rows = Path(path), 0
        check_target(target)
        with beside(target) as file:
            if target.suffix.lower() == ".parquet":
                return _parquet(frames, file)
            for i, frame in enumerate(frames):
                frame.to_csv(file, mode="a", header=i == 0, index=False, date_format="%Y-%m-%d")
                rows += len(frame)
        return rows

    def folder(self, path: str, tables: dict[str, pd.DataFrame]) -> int:
        """Write each table as ``name.csv`` in a folder, missing values as NA, all of them or none; the number
        of rows of all."""
        targets = {name: Path(path, f"{name}.csv") for name in tables}
        for target in targets.values():
            check_target(target)
        with ExitStack() as files:
            for name, frame in tables.items():
                file = files.enter_context(beside(targets[name]))
                frame.to_csv(file, index=False, date_format="%Y-%m-%d", na_rep="NA")
        return sum(len(frame) for frame in tables.values())


def _parquet(frames: Iterable[pd.DataFrame], file: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    rows, writer = 0, None
    try:
        for frame in frames:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            writer = writer or parquet.ParquetWriter(file, table.schema)
            writer.write_table(table)
            rows += len(frame)
    finally:
        if writer is not None:
            writer.close()
    return rows
