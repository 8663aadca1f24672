"""Forms with a file (``multipart/form-data``), read piece by piece: the file is never whole in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from storecast.service.calls import body_chunks
from storecast.service.problems import Problem, Wrong, invalid

__all__ = ["FORM", "FileForm"]

FORM = "multipart/form-data"
_FILE = "file"
_LONGEST = 1000  # characters of a field
_MOST = 20  # parts


class FileForm:
    """A form whose part ``file`` is the upload.

    While ``file`` is iterated over, ``fields`` fills with the other parts; ``name`` and ``kind`` are the
    file's own, as its sender calls them. Raises 400 for what is no form, 422 for one without a file or with
    other parts than ``known``.
    """

    def __init__(self, request: Request, known: tuple[str, ...] = ()) -> None:
        self._request, self._known = request, known
        self.fields: dict[str, str] = {}
        self.name = self.kind = ""
        self._header: list[bytes] = [b"", b""]
        self._headers: dict[bytes, bytes] = {}
        self._part, self._value = "", b""
        self._parts = self._files = 0
        self._ready: list[bytes] = []
        self._whole = False

    def _parser(self) -> MultipartParser:
        _, options = parse_options_header(self._request.headers.get("content-type", ""))
        boundary = options.get(b"boundary", b"")
        if not 0 < len(boundary) <= 70:
            raise _malformed("The content-type names no boundary.")
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._open,
                "on_part_data": lambda data, start, end: self._data(data[start:end]),
                "on_part_end": self._end,
                "on_end": self._finished,
            },
        )

    async def file(self, limit: int) -> AsyncIterator[bytes]:
        """The file in pieces; a body of at most ``limit`` bytes."""
        parser = self._parser()
        async for piece in body_chunks(self._request, limit):
            try:
                parser.write(piece)
            except FormParserError as error:
                raise _malformed(str(error)[:200]) from error
            for ready in self._ready:
                yield ready
            self._ready.clear()
        if not self._whole:
            raise _malformed("It ends before its last boundary.")
        if not self._files:
            raise invalid([Wrong(_FILE, "the form has no part of this name")])

    def _begin(self) -> None:
        self._headers, self._header = {}, [b"", b""]
        self._parts += 1
        if self._parts > _MOST:
            raise _malformed(f"It has more than {_MOST} parts.")

    def _add(self, which: int, data: bytes) -> None:
        self._header[which] += data

    def _end_header(self) -> None:
        self._headers[self._header[0].strip().lower()] = self._header[1].strip()
        self._header = [b"", b""]

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._part, self._value = options.get(b"name", b"").decode("utf-8", "replace"), b""
        if self._part == _FILE:
            self._files += 1
            if self._files > 1:
                raise invalid([Wrong(_FILE, "given more than once")])
            self.name = options.get(b"filename", b"").decode("utf-8", "replace")
            kind, _ = parse_options_header(self._headers.get(b"content-type", b""))
            self.kind = kind.decode("latin-1").lower()
        elif self._part not in self._known:
            known = ", ".join((_FILE, *self._known))
            raise invalid([Wrong(self._part[:80] or "body", f"there is no such field; known are {known}")])
        elif self._part in self.fields:
            raise invalid([Wrong(self._part, "given more than once")])

    def _data(self, data: bytes) -> None:
        if self._part == _FILE:
            self._ready.append(data)
            return
        self._value += data
        if len(self._value) > _LONGEST:
            raise invalid([Wrong(self._part, f"longer than {_LONGEST} characters")])

    def _end(self) -> None:
        if self._part != _FILE:
            try:
                self.fields[self._part] = self._value.decode()
            except UnicodeDecodeError as error:
                raise invalid([Wrong(self._part, "not in UTF-8")]) from error

    def _finished(self) -> None:
        self._whole = True


def _malformed(detail: str) -> Problem:
    return Problem(
        400,
        "malformed-form",
        "The body is not the form that its type says",
        detail,
        "Send multipart/form-data with a part named file, as `curl -F file=@rows.csv` does.",
    )
