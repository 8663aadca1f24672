"""Thousands of answered rows as one value: columns, compressed piece by piece.

A blob is a sequence of pieces, each a length (4 bytes, little endian) and zlib data; inside is MessagePack:
the columns of the piece by name. Texts are {"texts": list}, or with "at", a column of numbers, each distinct
one once. Numbers and dates are {"type": dtype, "planes": bytes}: the first byte of every number, then the
second, and so on, which leaves the compression less to look for; with "per" they are whole and count parts
of 1, as cents do. Before there were planes numbers were [dtype, bytes]; those are read as well.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from storecast.errors import LogError

__all__ = ["Coded", "RowsBlob", "blob_digest", "columns_of"]

_LENGTH = struct.Struct("<I")
_KINDS = "fiubM"
_PER = (100.0, 1000.0)  # parts of 1 that numbers are looked at as
_CODE = {1: np.uint8, 2: np.uint16, 4: np.uint32}
_DOUBLE = np.dtype("<f8")


class Coded(NamedTuple):
    """A column of texts: row r is ``texts[at[r]]``."""

    texts: Sequence[str]
    at: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.at)


Column = NDArray[np.generic] | Sequence[str | None]


def _whole(values: NDArray[Any], per: float) -> NDArray[np.int32] | None:
    """``values`` as whole parts of 1; None where that would not give back the same bits."""
    with np.errstate(invalid="ignore", over="ignore"):
        whole = np.rint(values * per).astype("<i4")  # what does not fit in gives other bits back
    return whole if (whole / per).tobytes() == values.tobytes() else None


def _numbers(column: NDArray[Any]) -> dict[str, object]:
    little = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
    if little.dtype.kind not in _KINDS:
        raise TypeError(f"a column of {column.dtype} is no column of numbers or dates")
    more = {}
    if little.dtype == _DOUBLE:
        for per in _PER:
            if (whole := _whole(little, per)) is not None:
                little, more = whole, {"per": per}
                break
    planes = little.view(np.uint8).reshape(-1, little.dtype.itemsize).T
    return {"type": little.dtype.str, "planes": planes.tobytes(), **more}


def _packed(column: Column | Coded) -> object:
    if isinstance(column, np.ndarray):
        return _numbers(column)
    if isinstance(column, Coded):
        used, codes = np.unique(column.at, return_inverse=True)
        size = next(size for size in _CODE if len(used) <= 1 << 8 * size)
        return {"texts": [column.texts[i] for i in used.tolist()], "at": _numbers(codes.astype(_CODE[size]))}
    return {"texts": list(column)}


def _read(value: Mapping[str, Any]) -> NDArray[np.generic]:
    dtype = np.dtype(value["type"])
    planes = np.frombuffer(value["planes"], dtype=np.uint8).reshape(dtype.itemsize, -1)
    numbers: NDArray[Any] = np.ascontiguousarray(planes.T).view(dtype).ravel()
    if "per" in value:
        numbers = numbers / value["per"]
    return numbers


def _unpacked(value: object) -> Column:
    if isinstance(value, dict):
        if "texts" not in value:
            return _read(value)
        texts: list[str | None] = value["texts"]
        return [texts[i] for i in _read(value["at"]).tolist()] if "at" in value else texts
    assert isinstance(value, list)
    dtype, data = value
    return np.frombuffer(data, dtype=np.dtype(dtype))


class RowsBlob:
    """Gathers the rows of one answer, piece by piece; ``finish`` gives (rows, digest, blob)."""

    def __init__(self) -> None:
        self._rows = 0
        self._digest = hashlib.sha256()
        self._pieces: list[bytes] = []

    def add(self, columns: Mapping[str, Column | Coded]) -> None:
        """One piece: columns of equal length; arrays of numbers or dates, texts coded or as lists."""
        lengths = {len(column) for column in columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of one length are expected, found lengths {sorted(lengths)}")
        content = msgspec.msgpack.encode({name: _packed(column) for name, column in columns.items()})
        self._digest.update(content)
        deflate = zlib.compressobj(1, memLevel=9)  # with more memory it takes three quarters of the time
        piece = deflate.compress(content) + deflate.flush()
        self._pieces += [_LENGTH.pack(len(piece)), piece]
        self._rows += lengths.pop()

    def finish(self) -> tuple[int, str, bytes]:
        """Rows, SHA-256 of what was added, and the blob."""
        return self._rows, self._digest.hexdigest(), b"".join(self._pieces)


def _contents(blob: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(blob):
        (length,) = _LENGTH.unpack_from(blob, at)
        at += _LENGTH.size + length
        if at > len(blob):
            raise struct.error("a piece goes on after the end")
        yield zlib.decompress(blob[at - length : at])


def blob_digest(blob: bytes) -> str:
    """The digest that ``RowsBlob`` gave for it; ``LogError`` where it is damaged."""
    digest = hashlib.sha256()
    try:
        for content in _contents(blob):
            digest.update(content)
    except (zlib.error, struct.error) as error:
        raise LogError("the rows of a logged answer are damaged", found=str(error)) from error
    return digest.hexdigest()


def columns_of(blob: bytes) -> Iterator[dict[str, Column]]:
    """The pieces of a blob as they were added."""
    for content in _contents(blob):
        yield {name: _unpacked(value) for name, value in msgspec.msgpack.decode(content).items()}
