"""The log as Parquet, for people who would rather ask it with other tools."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from storecast.errors import LogError
from storecast.ports import Entry
from storecast.stores.forecast_log.blobs import columns_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Exported", "export", "pieces"]

_GROUP = 20_000  # rows gathered before they are written
_ABOUT = ("id", "at", "kind", "caller", "model", "version", "digest")  # repeated with each row


class Exported(NamedTuple):
    """How many entries and rows of forecasts were written."""

    entries: int
    rows: int


def pieces(forecast: str, bands: str, blob: bytes | None, where: str) -> Iterator[Mapping[str, Any]]:
    """The columns of an answer, by the contract of ``ports.Entry``; none where it has none."""
    if blob is not None:
        yield from columns_of(blob)
        return
    columns: dict[str, Any] = {}
    for text in (forecast, bands):
        found = msgspec.json.decode(text) if text else {}
        if not isinstance(found, dict) or not all(isinstance(values, list) for values in found.values()):
            raise LogError("the answer of an entry is not in columns", where=where)
        columns |= found
    if columns:
        yield columns


def _pieces(entry: Entry) -> Iterator[Mapping[str, Any]]:
    return pieces(entry.forecast, entry.bands, entry.rows_blob, f"entry {entry.id}")


def _kind(values: Any) -> str:
    """``text``, ``date``, ``bool``, ``int``, ``float``, or ``none`` where nothing is known."""
    if isinstance(values, np.ndarray):
        return {"M": "date", "b": "bool", "i": "int", "u": "int", "f": "float"}[values.dtype.kind]
    types = {type(value) for value in values} - {type(None)}
    names = {str: "text", bool: "bool", int: "int", float: "float"}
    kinds = {names.get(kind, "text") for kind in types}
    return "none" if not kinds else kinds.pop() if len(kinds) == 1 else _wider(*sorted(kinds)[:2])


def _wider(one: str, other: str) -> str:
    if one == other or other == "none":
        return one
    if one == "none":
        return other
    return "float" if {one, other} == {"int", "float"} else "text"


def _schema(entries: Iterable[Entry]) -> tuple[dict[str, str], pa.Schema]:
    import pyarrow as pa

    kinds: dict[str, str] = {}
    for entry in entries:
        for columns in _pieces(entry):
            for name, values in columns.items():
                kinds[name] = _wider(kinds.get(name, "none"), _kind(values))
    kinds = {"unique_id": "text", "ds": "date"} | {
        name: kind for name, kind in kinds.items() if name not in ("unique_id", "ds", *_ABOUT)
    }
    types = {"text": pa.string(), "none": pa.string(), "date": pa.date32(), "bool": pa.bool_()}
    types |= {"int": pa.int64(), "float": pa.float64()}
    about = [(name, pa.int32() if name == "version" else pa.string()) for name in _ABOUT]
    about[1] = ("at", pa.timestamp("us", tz="UTC"))
    return kinds, pa.schema(about + [(name, types[kind]) for name, kind in kinds.items()])


def _table(schema: pa.Schema, kinds: Mapping[str, str], gathered: Sequence[tuple[Entry, Any]]) -> pa.Table:
    import pyarrow as pa

    arrays: dict[str, list[Any]] = {name: [] for name in schema.names}
    for entry, columns in gathered:
        length = len(next(iter(columns.values())))
        for name in _ABOUT:
            arrays[name].append(pa.array([getattr(entry, name)] * length).cast(schema.field(name).type))
        given: dict[str, Any] = {"unique_id": [entry.series] * length} | dict(columns)
        for name, kind in kinds.items():
            values: Any = given.get(name, [None] * length)
            if kind == "text":
                values = [
                    value if value is None or isinstance(value, str) else str(value) for value in values
                ]
            elif kind == "date" and not isinstance(values, np.ndarray):
                values = np.array([value or "NaT" for value in values], dtype="datetime64[D]")
            arrays[name].append(pa.array(values).cast(schema.field(name).type))
    return pa.table({name: pa.chunked_array(parts) for name, parts in arrays.items()}, schema=schema)


@contextmanager
def _written(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """A Parquet file that appears under its name when it is whole."""
    from pyarrow import parquet

    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with parquet.ParquetWriter(partial, schema, compression="zstd") as writer:
            yield writer.write_table
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _write_entries(path: Path, entries: Iterable[Entry]) -> int:
    import pyarrow as pa

    numbers = {"at": pa.timestamp("us", tz="UTC"), "version": pa.int32(), "rows": pa.int32()}
    numbers["latency"] = pa.int64()
    schema = pa.schema([(name, numbers.get(name, pa.string())) for name in Entry._fields[:-1]])
    count = 0

    def table(gathered: Sequence[Entry]) -> pa.Table:
        columns = list(zip(*gathered, strict=True))[:-1]
        return pa.table(
            {
                field.name: pa.array(values).cast(field.type)
                for field, values in zip(schema, columns, strict=True)
            },
            schema=schema,
        )

    with _written(path, schema) as write:
        gathered: list[Entry] = []
        for entry in entries:
            gathered.append(entry._replace(rows_blob=None))
            count += 1
            if len(gathered) >= _GROUP:
                write(table(gathered))
                gathered = []
        if gathered:
            write(table(gathered))
    return count


def _write_rows(path: Path, entries: Callable[[], Iterable[Entry]]) -> int:
    kinds, schema = _schema(entries())
    rows = waiting = 0
    gathered: list[tuple[Entry, Any]] = []
    with _written(path, schema) as write:
        for entry in entries():
            for columns in _pieces(entry):
                gathered.append((entry, columns))
                length = len(next(iter(columns.values())))
                rows, waiting = rows + length, waiting + length
                if waiting >= _GROUP:
                    write(_table(schema, kinds, gathered))
                    gathered, waiting = [], 0
        if gathered:
            write(_table(schema, kinds, gathered))
    return rows


def export(entries: Callable[[], Iterable[Entry]], folder: Path) -> Exported:
    """Write ``forecasts.parquet``, a row an entry, and ``rows.parquet``, a row a week, to ``folder``.

    ``entries`` gives the same entries each time it is called, oldest first; they are read three times and
    never held together. ``rows.parquet`` repeats what identifies the entry and has the answer's columns:
    ``unique_id, ds, storecast`` and every band that was answered. Raises ``LogError`` where the folder
    cannot be written or an entry is damaged.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Exported(
            _write_entries(folder / "forecasts.parquet", entries()),
            _write_rows(folder / "rows.parquet", entries),
        )
    except OSError as error:
        raise LogError(
            "the log cannot be exported",
            where=str(folder),
            found=str(error),
            remedy="check the permissions and the free space of this folder",
        ) from error
