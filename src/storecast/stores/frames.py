"""Result files: checked before the work, written whole or not at all after it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from storecast.errors import RequestError

__all__ = ["FrameFiles", "beside", "check_folder", "check_kind", "check_target", "write_bytes", "write_frame"]

_KINDS = (".csv", ".parquet")
_DAY = "%Y-%m-%d"
_MANY_ROWS = 10_000  # from which the time to write is felt


def check_kind(path: Path, kinds: tuple[str, ...] = _KINDS) -> None:
    """Raise RequestError where the name's ending is none of ``kinds``."""
    if path.suffix.lower() not in kinds:
        raise RequestError(
            "The kind of file to write cannot be told.",
            where=str(path),
            expected=f"a name ending in {' or '.join(kinds)}",
            found=path.suffix or "no ending",
            remedy="Give the file such a name.",
        )


def check_target(path: Path, kinds: tuple[str, ...] = _KINDS) -> None:
    """Raise RequestError where ``path`` could not be written after the work; nothing is left behind."""
    check_kind(path, kinds)
    if path.is_dir():
        raise _refused("The file cannot be written.", path, "a folder of this name")
    check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """Raise RequestError where no file could be written into ``folder``, which need not be there yet."""
    there = folder
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    try:
        # The one question that permissions, read-only disks and special folders all answer.
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise _refused(
            "Nothing can be written into this folder.", folder, f"{there}: {error.strerror}"
        ) from error


def write_frame(frame: pd.DataFrame, path: Path, *, missing: str = "") -> None:
    """Write ``frame`` as CSV or Parquet by the name's ending; raises RequestError where it cannot be
    written."""
    check_kind(path)
    with beside(path) as file:
        if path.suffix.lower() == ".parquet":
            frame.to_parquet(file, index=False)
        elif missing or len(frame) < _MANY_ROWS or not _write_fast(frame, file):
            frame.to_csv(file, index=False, date_format=_DAY, na_rep=missing)


def _plain(frame: pd.DataFrame) -> bool:
    """Whether Arrow writes these columns as pandas does: texts, days, numbers."""
    kinds = frame.dtypes
    return all(isinstance(k, pd.StringDtype) or k.kind in "fiM" for k in kinds) and all(
        (frame[c].dt.normalize() == frame[c]).all() for c in frame.columns[[k.kind == "M" for k in kinds]]
    )


def _write_fast(frame: pd.DataFrame, file: Path) -> bool:
    """Write the same table by Arrow, in a fifth of the time; whether it could: quotes are left to pandas, for
    Arrow has them around all texts or around none."""
    import pyarrow as pa
    from pyarrow import csv

    if not _plain(frame):
        return False
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for i, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.date32()))
    with file.open("wb") as out:
        out.write(frame.iloc[:0].to_csv(index=False).encode())
        try:
            csv.write_csv(table, out, csv.WriteOptions(include_header=False, quoting_style="none"))
        except pa.ArrowInvalid:  # a text with a comma, a quote or a line's end
            return False
    return True


def write_bytes(content: bytes, path: Path) -> None:
    """Write ``content`` whole or not at all."""
    with beside(path) as file:
        file.write_bytes(content)


class FrameFiles:
    """The port of result tables, on files."""

    def check(self, folder: str) -> None:
        """Raise RequestError where no file could be written into ``folder``."""
        check_folder(Path(folder))

    def write(self, frame: pd.DataFrame, path: str) -> None:
        """Write ``frame`` whole or not at all, by the name's ending."""
        write_frame(frame, Path(path))

    def remove(self, path: str) -> None:
        """Remove what an earlier run wrote to ``path``, if it did; raises RequestError where it may not."""
        try:
            Path(path).unlink(missing_ok=True)
        except OSError as error:
            raise _refused("An older file cannot be removed.", Path(path), str(error.strerror)) from error


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place when the block ends well, and goes when it does
    not. Raises RequestError where the disk refuses."""
    file: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        os.close(handle)
        file = Path(name)
        yield file
        file.chmod(0o644)
        file.replace(path)
    except OSError as error:
        raise _refused("The file cannot be written.", path, error.strerror or str(error)) from error
    finally:
        if file is not None:
            file.unlink(missing_ok=True)


def _refused(what: str, path: Path, found: str) -> RequestError:
    return RequestError(
        what,
        where=str(path),
        expected="a place that can be written to",
        found=found,
        remedy="Choose another, or free this one.",
    )
