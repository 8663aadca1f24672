"""Entries whose content the database refuses: set aside in a file beside the spool until somebody has put
right why, then put into the database after all.

A line of JSON each. ``parked.jsonl`` is only ever appended to and emptied, under its lock and for a moment,
so that a service may park while its entries are taken up: they are moved into a file of their own first.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from storecast.ports import Entry
from storecast.stores.disk import sync_folder, write_all
from storecast.stores.forecast_log.database import Database, first_line
from storecast.stores.forecast_log.sinks import Sink, driver_errors, is_refusal, open_sink

__all__ = ["Parked", "Unparked"]

_NAME = "parked.jsonl"
_FILES = "*parked*.jsonl"  # those that are being taken up, and those that a backup has brought, too
_PIECE = 1024 * 1024  # bytes read at a time
_GROUP = 200  # entries a transaction


class _Line(msgspec.Struct):
    why: str
    entry: dict[str, msgspec.Raw]


class _Counted(NamedTuple):
    inode: int
    size: int
    lines: int


@dataclass(frozen=True)
class Unparked:
    """What became of parked entries: ``taken`` into the database, and ``left``, with the first ``reason``."""

    taken: int
    left: int
    reason: str = ""


class Parked:
    """The entries set aside in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counted: dict[Path, _Counted] = {}

    def add(self, entry: Entry, why: str) -> None:
        """Set one aside; on disk when this returns. Raises OSError where the disk refuses."""
        self._append(_line(why, entry._asdict()))

    def _append(self, line: bytes) -> None:
        handle = os.open(self._folder / _NAME, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            torn = size and os.pread(handle, 1, size - 1) != b"\n"
            try:
                write_all(handle, b"\n" + line if torn else line)
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)
        sync_folder(self._folder)

    def count(self) -> int:
        """How many there are; of a file that has grown only what is new is read, and of one that cannot be
        read what was known of it stands."""
        counted = {}
        for path in self._folder.glob(_FILES):
            known = self._counted.get(path)
            try:
                counted[path] = _count(path, known)
            except FileNotFoundError:
                continue  # taken up at this moment
            except OSError:
                if known is not None:
                    counted[path] = known
        self._counted = counted
        return sum(found.lines for found in counted.values())

    def take_up(self, database: Database) -> Unparked:
        """Put them into ``database``, each once; those that it refuses again stay, with the new reason.

        Raises LogError where the database is away, OSError where the disk refuses; then nothing is lost, and
        the next call goes on. What another process takes up at the same time is left to it.
        """
        self._move()
        taken, reasons = 0, list[str]()
        for path in sorted(self._folder.glob(_FILES)):
            if path.name == _NAME:
                continue
            with _owned(path) as handle:
                if handle is None:
                    continue
                with _sink(database) as sink, open(handle, "rb", closefd=False) as file:
                    while lines := list(islice(file, _GROUP)):
                        refused = _inserted(database, sink, lines)
                        taken += len(lines) - len(refused)
                        for why, line in refused:
                            reasons.append(why)
                            self._append(_again(why, line))
                path.unlink()
                sync_folder(self._folder)
        return Unparked(taken, len(reasons), reasons[0] if reasons else "")

    def _move(self) -> None:
        """Into a file of their own; a death in between leaves them in both, and they enter once."""
        try:
            handle = os.open(self._folder / _NAME, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not os.fstat(handle).st_size:
                return
            target = self._folder / f"parked-{secrets.token_hex(6)}.jsonl"
            fresh = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                for piece in _pieces(handle, 0):
                    write_all(fresh, piece)
                os.fsync(fresh)
            except OSError:
                target.unlink()
                raise
            finally:
                os.close(fresh)
            sync_folder(self._folder)
            os.ftruncate(handle, 0)
            os.fsync(handle)
        finally:
            os.close(handle)


def _line(why: str, entry: Any) -> bytes:
    return msgspec.json.encode({"why": why, "entry": entry}) + b"\n"


def _pieces(handle: int, start: int) -> Iterator[bytes]:
    while piece := os.pread(handle, _PIECE, start):
        yield piece
        start += len(piece)


def _count(path: Path, known: _Counted | None) -> _Counted:
    about = path.stat()
    if known is None or known.inode != about.st_ino or known.size > about.st_size:
        known = _Counted(about.st_ino, 0, 0)
    if known.size == about.st_size:
        return known
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size, lines = known.size, known.lines
        for piece in _pieces(handle, known.size):
            size, lines = size + len(piece), lines + piece.count(b"\n")
    finally:
        os.close(handle)
    return _Counted(about.st_ino, size, lines)


@contextmanager
def _owned(path: Path) -> Iterator[int | None]:
    """The file, locked until the end of the block; None where another process has it or has ended it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield handle if os.fstat(handle).st_nlink else None
    finally:
        os.close(handle)


@contextmanager
def _sink(database: Database) -> Iterator[Sink]:
    away: tuple[type[Exception], ...] = (SQLAlchemyError, *driver_errors())
    try:
        sink = open_sink(database)
    except away as error:
        raise database.failure(error) from error
    try:
        yield sink
    finally:
        sink.close()


def _inserted(database: Database, sink: Sink, lines: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """Those of ``lines`` that did not enter, each with why. Raises LogError where the database is away."""
    try:
        sink.insert([_entry(line) for line in lines])
    except Exception as error:
        unreadable = isinstance(error, (msgspec.DecodeError, UnicodeDecodeError))
        if not unreadable and not is_refusal(error):
            if isinstance(error, driver_errors()):
                raise database.failure(error) from error
            raise
        if len(lines) == 1:
            return [(f"the line cannot be read: {error}" if unreadable else first_line(error), lines[0])]
        return [refused for line in lines for refused in _inserted(database, sink, [line])]
    return []


def _entry(line: bytes) -> Entry:
    """Raises msgspec.DecodeError (ValidationError is one) or UnicodeDecodeError where the line holds none."""
    named = msgspec.json.decode(line, type=_Line).entry
    defaults = Entry._field_defaults
    values = [named.get(name, msgspec.Raw(msgspec.json.encode(defaults.get(name)))) for name in Entry._fields]
    return msgspec.json.decode(msgspec.json.encode(values), type=Entry)


def _again(why: str, line: bytes) -> bytes:
    """The line with the reason of now; as it is where it cannot be read."""
    try:
        return _line(why, msgspec.json.decode(line, type=_Line).entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return line if line.endswith(b"\n") else line + b"\n"
