"""The spool: a local file that takes entries durably while the database is away.

A record is a magic word, the payload's length, CRC-32 and number of entries (little endian), and the
payload: the entries of one group in MessagePack. A record cut short by a crash was never acknowledged and
is dropped; records behind a damaged one are found again by their magic word.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from storecast.errors import LogError
from storecast.ports import Entry
from storecast.stores.disk import sync_folder, write_all

__all__ = ["Spool", "count", "left_behind", "records"]

_MAGIC = b"\x93SClog1\n"
_HEAD = struct.Struct("<8sIII")
_DECODER = msgspec.msgpack.Decoder(list[Entry])
_ROOM = bytes(256 * 1024)  # more than a group under load usually takes


def _payload_at(data: mmap.mmap, at: int, end: int) -> tuple[bytes, int] | None:
    if at + _HEAD.size > end:
        return None
    magic, length, checksum, _ = _HEAD.unpack_from(data, at)
    body = at + _HEAD.size
    if magic != _MAGIC or body + length > end:
        return None
    payload = data[body : body + length]
    return (payload, body + length) if zlib.crc32(payload) == checksum else None


def records(handle: int, start: int, end: int) -> Iterator[tuple[list[Entry], int, int]]:
    """The whole records of an open spool file between two offsets: (entries, offset behind the record,
    bytes skipped before it because they are damaged). What is torn at the end is left out."""
    if end <= start:
        return
    with mmap.mmap(handle, end, access=mmap.ACCESS_READ) as data:
        at = start
        while at < end:
            found, sought = _payload_at(data, at, end), at
            while found is None:
                sought = data.find(_MAGIC, sought + 1, end)
                if sought < 0:
                    return
                found = _payload_at(data, sought, end)
            payload, behind = found
            yield _DECODER.decode(payload), behind, sought - at
            at = behind


def count(handle: int) -> int:
    """Entries of an open spool file, by the heads of its records alone."""
    total = at = 0
    end = os.fstat(handle).st_size
    while at + _HEAD.size <= end:
        magic, length, _, entries = _HEAD.unpack(os.pread(handle, _HEAD.size, at))
        at += _HEAD.size + length
        if magic != _MAGIC or at > end:
            break
        total += entries
    return total


class Spool:
    """This process's own spool file, locked for as long as the process lives.

    ``end``: bytes of whole records; ``entries``: how many they hold. Only one thread appends.
    """

    def __init__(self, folder: Path, name: str, *, limit: int) -> None:
        self.path = folder / f"{name}.spool"
        self._limit = limit
        self.end = self.entries = 0
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Readable by the owner alone: it holds what callers asked. It is locked before it has the name by
        # which others look for spools that are left behind.
        fresh = self.path.with_suffix(".new")
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
        self.handle = os.open(fresh, flags, 0o600)
        fcntl.flock(self.handle, fcntl.LOCK_EX)
        fresh.rename(self.path)
        sync_folder(folder)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write one record; it is on disk when this returns.

        Raises ``LogError`` where the spool is full; ``OSError`` where the disk refuses. In both cases
        nothing of it remains.
        """
        payload = msgspec.msgpack.encode(entries)
        data = _HEAD.pack(_MAGIC, len(payload), zlib.crc32(payload), len(entries)) + payload
        self._check_limit(len(data))
        try:
            os.lseek(self.handle, self.end, os.SEEK_SET)
            write_all(self.handle, data)
            os.fdatasync(self.handle)
        except OSError:
            os.ftruncate(self.handle, self.end)
            raise
        self.end += len(data)
        self.entries += len(entries)

    def _check_limit(self, more: int) -> None:
        if self.end + more > self._limit:
            raise LogError(
                "the database of the forecast log is away, and its spool is full",
                where=str(self.path),
                expected=f"at most {self._limit} bytes",
                remedy="start the database again: the spool then empties by itself",
            )

    def check_room(self) -> None:
        """Raise as ``append`` would for a group of some size; leaves nothing behind."""
        self._check_limit(len(_ROOM))
        path = self.path.with_suffix(".room")
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            path.unlink()
            write_all(handle, _ROOM)
            os.fdatasync(handle)
        finally:
            os.close(handle)

    def clear(self) -> None:
        """Forget everything: it is in the database."""
        os.ftruncate(self.handle, 0)
        os.fdatasync(self.handle)
        self.end = self.entries = 0

    def close(self) -> None:
        """Let go of the file; an empty one is removed, another waits for the next process."""
        if not self.end:
            self.path.unlink(missing_ok=True)
        os.close(self.handle)


def left_behind(folder: Path) -> Iterator[tuple[Path, int]]:
    """Spool files whose process has ended, oldest first, each locked and open until the next is asked for.

    Names are time-ordered. The caller removes a file once its records are in the database.
    """
    for path in sorted(folder.glob("*.spool")):
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise
                continue  # its process lives
            if path.exists():  # else another process was faster
                yield path, handle
        finally:
            os.close(handle)
