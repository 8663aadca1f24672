"""Pseudonyms under a key: who and what an exported entry is about, without a name.

A pseudonym is HMAC-SHA256 of the name, and of what it is the name of, cut to 64 bits. The same key gives
the same one in every export, so that they can be joined; without the key nobody can try names out. Numbers,
weeks and the model's own words stay. Whatever text is not known to be such becomes a pseudonym too.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from storecast.errors import ConflictError, LogError
from storecast.ports import Entry
from storecast.stores.forecast_log.blobs import RowsBlob, columns_of

__all__ = ["Pseudonyms"]

_DIGITS = 16
# What answers and questions call their parts; a word that is not here might be anybody's.
_INPUTS = frozenset({"temperature", "fuel_price", "cpi", "unemployment", "holiday_flag", "size"})
_FIELDS = _INPUTS | {
    *("by", "cutoff", "given", "unused", "levels", "inputs", "horizon", "since"),
    *("series", "unique_id", "store", "dept", "ds", "storecast"),
    *("overrides", "id", "mode", "value", "model", "who", "why", "caller", "owner"),
    *("events", "kind", "first", "last", "lift"),
}
_FIELD = re.compile(r"(given_)?markdown[1-5]|storecast-(lo|hi)-\d{1,2}(\.\d+)?|\d{1,2}(\.\d+)?", re.ASCII)
_WEEK = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_SERIES, _PEOPLE = ("unique_id", "series"), ("caller", "who", "owner")
_ONE = {"store": "store", "dept": "dept", "request": "request"}
_WORDS = {
    "by": frozenset({"series", "store", "dept", "total"}),
    "mode": frozenset({"value", "difference", "percent"}),
    "given": _INPUTS,
    "unused": _INPUTS,
    "kind": frozenset({"closure", "opening", "promotion", "holiday"}),
}
_DATED = frozenset({"ds", "cutoff", "first", "last"})


class Pseudonyms:
    """Under ``key``, 32 bytes. Remembers whose they are, for ``write_mapping``."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._made: dict[tuple[str, str], str] = {}

    def of(self, kind: str, name: str) -> str:
        """The pseudonym of a ``store``, ``dept``, ``person``, ``request`` or ``text``; none for no name."""
        if not name:
            return name
        found = self._made.get((kind, name))
        if found is None:
            told = f"{kind}\0{name}".encode("utf-8", "surrogatepass")
            digest = hmac.new(self._key, told, hashlib.sha256).hexdigest()
            found = self._made[kind, name] = f"{kind[0]}-{digest[:_DIGITS]}"
        return found

    def series(self, unique_id: str) -> str:
        """Of the key of a series: its store's, and its department's where it has one."""
        store, cut, dept = unique_id.partition("_")
        return self.of("store", store) + (f"{cut}{self.of('dept', dept)}" if cut else "")

    def entry(self, entry: Entry) -> Entry:
        """``entry`` by pseudonyms, its rows and their digest too."""
        digest, blob = entry.rows_digest, entry.rows_blob
        if blob is not None:
            rows = RowsBlob()
            for columns in columns_of(blob):
                rows.add({self._field(name): self._column(name, values) for name, values in columns.items()})
            _, digest, blob = rows.finish()
        elif digest is not None:
            digest = self.of("text", digest)
        return entry._replace(
            caller=self.of("person", entry.caller),
            series=self.series(entry.series),
            inputs=self._json(entry.inputs),
            forecast=self._json(entry.forecast),
            bands=self._json(entry.bands),
            request=self.of("request", entry.request),
            rows_digest=digest,
            rows_blob=blob,
        )

    def of_all(self, entries: Callable[[], Iterable[Entry]]) -> Callable[[], Iterator[Entry]]:
        """What gives the same entries each time, giving them by pseudonyms."""
        return lambda: map(self.entry, entries())

    def check_new(self, path: Path) -> None:
        """Raise ``ConflictError`` where there is a file already: a mapping is never written over."""
        if os.path.lexists(path):
            raise ConflictError(
                "a mapping is never written over", where=str(path), remedy="name another file, or remove this"
            )

    def write_mapping(self, path: Path) -> None:
        """Write whose the pseudonyms are: CSV of kind, pseudonym and name, for its owner's eyes alone."""
        self.check_new(path)
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with open(handle, "w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["kind", "pseudonym", "name"])
                writer.writerows((kind, made, name) for (kind, name), made in sorted(self._made.items()))
        except OSError as error:
            raise LogError(
                "the mapping cannot be written", where=str(path), found=error.strerror or str(error)
            ) from error

    def _json(self, text: str) -> str:
        if not text:
            return text
        try:
            found = msgspec.json.decode(text)
        except msgspec.DecodeError:  # whatever it is, it is nobody's to read
            return msgspec.json.encode(self.of("text", text)).decode()
        return msgspec.json.encode(self._value("", found)).decode()

    def _value(self, field: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._field(key): self._value(key, inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(field, inner) for inner in value]
        return self._text(field, value) if isinstance(value, str) else value

    def _text(self, field: str, text: str) -> str:
        if field in _SERIES:
            return self.series(text)
        if field in _PEOPLE:
            return self.of("person", text)
        if field in _ONE:
            return self.of(_ONE[field], text)
        plain = (
            text in _WORDS.get(field, ())
            or (field in ("given", "unused") and _FIELD.fullmatch(text))
            or (field in _DATED and _WEEK.fullmatch(text))
            or (field in ("id", "since") and _UUID.fullmatch(text))
        )
        return text if plain else self.of("text", text)

    def _field(self, name: str) -> str:
        known = name in _FIELDS or name.removeprefix("given_") in _FIELDS
        return name if known or _FIELD.fullmatch(name) or _WEEK.fullmatch(name) else self.of("text", name)

    def _column(self, name: str, values: Any) -> Any:
        if not isinstance(values, list):  # an array of numbers or dates
            return values
        return [None if value is None else self._text(name, value) for value in values]
