"""Thousands of answered rows as one value: columns, compressed piece by piece.

A blob is a sequence of pieces, each a length (4 bytes, little endian) and zlib data; inside is MessagePack:
the columns of the piece by name, texts as a list, numbers and dates as [dtype, bytes].
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from storecast.errors import LogError

__all__ = ["RowsBlob", "blob_digest", "columns_of"]

_LENGTH = struct.Struct("<I")
_KINDS = "fiubM"
Column = NDArray[np.generic] | Sequence[str | None]


def _packed(column: Column) -> object:
    if isinstance(column, np.ndarray):
        little = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
        if little.dtype.kind not in _KINDS:
            raise TypeError(f"a column of {column.dtype} is no column of numbers or dates")
        return [little.dtype.str, little.tobytes()]
    return {"texts": list(column)}


def _unpacked(value: object) -> Column:
    if isinstance(value, dict):
        texts: list[str | None] = value["texts"]
        return texts
    assert isinstance(value, list)
    dtype, data = value
    return np.frombuffer(data, dtype=np.dtype(dtype))


class RowsBlob:
    """Gathers the rows of one answer, piece by piece; ``finish`` gives (rows, digest, blob)."""

    def __init__(self) -> None:
        self._rows = 0
        self._digest = hashlib.sha256()
        self._pieces: list[bytes] = []

    def add(self, columns: Mapping[str, Column]) -> None:
        """One piece: columns of equal length; arrays of numbers or dates, or lists of texts."""
        lengths = {len(column) for column in columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of one length are expected, found lengths {sorted(lengths)}")
        content = msgspec.msgpack.encode({name: _packed(column) for name, column in columns.items()})
        self._digest.update(content)
        piece = zlib.compress(content, 1)
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
