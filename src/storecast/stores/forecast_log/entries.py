"""What may enter the log: checked before an entry waits together with others."""

from __future__ import annotations

from storecast.errors import RequestError
from storecast.ports import Entry

__all__ = ["size_of"]


def _texts(entry: Entry) -> tuple[str, ...]:
    e = entry
    return (
        e.id,
        e.kind,
        e.caller,
        e.model,
        e.digest,
        e.series,
        e.inputs,
        e.forecast,
        e.bands,
        e.request,
        e.rows_digest or "",
    )


def _cannot_be_stored(found: str, entry: Entry) -> RequestError:
    return RequestError(
        "this cannot be written to the forecast log",
        where=f"entry {entry.id!r}",
        expected="valid Unicode without NUL characters, and numbers that a column holds",
        found=found,
        remedy="remove it from the request",
    )


def size_of(entry: Entry) -> int:
    """Bytes of ``entry``, about; ``RequestError`` where no database could hold it."""
    text = "".join(_texts(entry))
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise _cannot_be_stored("text that is no Unicode", entry) from error
    if "\0" in text:
        raise _cannot_be_stored("a NUL character", entry)
    if not (0 <= entry.rows < 1 << 31 and 0 <= entry.version < 1 << 31):
        raise _cannot_be_stored("a number of more than 31 bits", entry)
    if not (0 <= entry.at < 1 << 63 and 0 <= entry.latency < 1 << 63):
        raise _cannot_be_stored("a time of more than 63 bits", entry)
    return size + len(entry.rows_blob or b"")
