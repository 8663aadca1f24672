"""Bytes of unknown encoding and line ends to UTF-8 text with plain line feeds."""

from __future__ import annotations

import codecs

from storecast.forecasting.quality import Finding, refuse

__all__ = ["decode"]

_SAVE = "save the file as CSV UTF-8 and try again"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BINARY = {
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls)",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip file",
    b"7z\xbc\xaf": "a 7-Zip file",
    b"SQLite": "a database",
    b"\x89PNG": "a picture",
    b"Rar!": "a RAR file",
}


def _wrong(name: str, found: str, rows: list[int] | None = None) -> Exception:
    return refuse(
        "wrong_encoding",
        f"{name} is not text in an encoding that can be told.",
        _SAVE,
        file=name,
        rows=rows or [],
        expected="UTF-8, UTF-16 or Windows-1252 text",
        found=found,
    )


def _by_mark(name: str, data: bytes) -> bytes | None:
    """The text of data with a byte order mark, or with the zero bytes of UTF-16; None for neither."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding).encode()
            except UnicodeDecodeError as error:
                raise _wrong(name, f"{encoding} with an error at byte {error.start:,}") from error
    head = data[:2000]
    if b"\0" not in head:
        return None
    guess = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    try:
        text = data.decode(guess)
    except UnicodeDecodeError as error:
        raise _wrong(name, "zero bytes") from error
    if not text[:2000].isprintable() and any(c < " " and c not in "\t\r\n" for c in text[:2000]):
        raise _wrong(name, "zero bytes")
    return text.encode()


def decode(name: str, data: bytes) -> tuple[bytes, list[Finding]]:
    """UTF-8 text with plain line feeds; raises ``SalesRefusedError`` for what is not text.

    Without a mark it is UTF-8 if that can be, else Windows-1252, which is told.
    """
    kind = next((word for magic, word in _BINARY.items() if data.startswith(magic)), None)
    if kind:
        raise refuse(
            "not_a_table",
            f"{name} is {kind}.",
            "save it as CSV or XLSX and give that",
            file=name,
            expected="CSV, XLSX or Parquet",
            found=kind,
        )
    findings: list[Finding] = []
    text = _by_mark(name, data)
    if text is None:
        try:
            data.decode()
            text = data
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            if any(ord(c) > 127 for c in data.decode(errors="ignore")):
                raise _wrong(
                    name, f"a mixture of UTF-8 and something else, first in row {line}", [line]
                ) from error
            try:
                text = data.decode("cp1252").encode()
            except UnicodeDecodeError as wrong:
                raise _wrong(name, f"byte {data[wrong.start]:#04x} in row {line}", [line]) from wrong
            findings.append(
                Finding(
                    "info",
                    "encoding",
                    line,
                    None,
                    "The text is not UTF-8 and was read as Windows-1252.",
                    _SAVE,
                    rows=(line,),
                    file=name,
                )
            )
    if b"\0" in text:
        raise _wrong(name, "zero bytes")
    if b"\r" in text:
        text = text.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text.rstrip(b"\n \t\x1a"), findings
