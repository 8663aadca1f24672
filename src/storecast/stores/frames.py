"""Result tables written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from storecast.errors import RequestError

__all__ = ["FrameFiles", "beside", "check_kind", "write_bytes", "write_frame"]

_KINDS = (".csv", ".parquet")


def check_kind(path: Path) -> None:
    """Raise RequestError where the name's ending is neither .csv nor .parquet."""
    if path.suffix.lower() not in _KINDS:
        raise RequestError(
            "The kind of file to write cannot be told.",
            where=str(path),
            expected="a name ending in .csv or .parquet",
            found=path.suffix or "no ending",
            remedy="Give the file such a name.",
        )


def write_frame(frame: pd.DataFrame, path: Path, *, missing: str = "") -> None:
    """Write ``frame`` as CSV or Parquet by the name's ending; raises RequestError where it cannot be
    written."""
    check_kind(path)
    with beside(path) as file:
        if path.suffix.lower() == ".parquet":
            frame.to_parquet(file, index=False)
        else:
            frame.to_csv(file, index=False, date_format="%Y-%m-%d", na_rep=missing)


def write_bytes(content: bytes, path: Path) -> None:
    """Write ``content`` whole or not at all."""
    with beside(path) as file:
        file.write_bytes(content)


class FrameFiles:
    """The port of result tables, on files."""

    def write(self, frame: pd.DataFrame, path: str) -> None:
        """Write ``frame`` whole or not at all, by the name's ending."""
        write_frame(frame, Path(path))


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place when the block ends well, and goes when it does
    not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise RequestError(
            "The file cannot be written.",
            where=str(path),
            found=error.strerror or str(error),
            remedy="Choose a folder that can be written to.",
        ) from error
    os.close(handle)
    file = Path(name)
    try:
        yield file
        file.chmod(0o644)
        file.replace(path)
    finally:
        file.unlink(missing_ok=True)
