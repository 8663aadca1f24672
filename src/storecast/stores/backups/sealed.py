"""A stream in sealed chunks, so that an archive of any size is checked with one chunk in memory.

    magic          16 bytes
    header         32 bytes of salt, 8 bytes that name the key (zeros without one)
    chunk          4 bytes of length (big endian), the data, its seal; the last one may be empty

Chunk k is sealed with the number k and with whether it is the last, so that chunks can be neither changed
nor left out, moved, repeated or cut off. With a key: AES-256-GCM under a key that HKDF-SHA256 derives from it
and the salt, so that no nonce is used twice under one key; magic and header are authenticated with each one.
Without: SHA-256 over magic, header, number and data, which shows damage but proves no sender.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from typing import BinaryIO, Protocol

from storecast.errors import BackupError
from storecast.stores.hex_keys import read_hex_key

__all__ = ["SealedReader", "SealedWriter", "read_backup_key"]

_MAGIC = b"storecast-bak-1\n"
_SALT, _ID, _SEAL_SHA, _SEAL_GCM = 32, 8, 32, 16
_CHUNK = 1 << 20
_LENGTH = struct.Struct(">I")
_REMEDY = "use another backup: `storecast backup list` shows them; `storecast backup verify` tries one"


def read_backup_key(path: str) -> bytes | None:
    """The 32 bytes of the key in a file of 64 hex digits; None without a path. Raises ``SetupError``."""
    return read_hex_key(path, "the key of the backups", "keep a copy apart from the backups")


class _Seal(Protocol):
    extra: int

    def close(self, number: int, last: bool, data: bytes) -> bytes: ...

    def open(self, number: int, last: bool, data: bytes) -> bytes | None: ...


class _Plain:
    extra = _SEAL_SHA

    def __init__(self, head: bytes) -> None:
        self._head = head

    def close(self, number: int, last: bool, data: bytes) -> bytes:
        return data + hashlib.sha256(self._head + _nonce(number, last) + data).digest()

    def open(self, number: int, last: bool, data: bytes) -> bytes | None:
        body = data[:-_SEAL_SHA]
        return body if self.close(number, last, body) == data else None


class _Encrypted:
    extra = _SEAL_GCM

    def __init__(self, head: bytes, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        salt = head[len(_MAGIC) : len(_MAGIC) + _SALT]
        self._head, self._cipher = head, AESGCM(_derived(key, salt, b"storecast backup"))

    def close(self, number: int, last: bool, data: bytes) -> bytes:
        return self._cipher.encrypt(_nonce(number, last), data, self._head)

    def open(self, number: int, last: bool, data: bytes) -> bytes | None:
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(_nonce(number, last), data, self._head)
        except InvalidTag:
            return None


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _derived(key: bytes, salt: bytes, what: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt, what).derive(key)


def _key_id(key: bytes | None) -> bytes:
    return bytes(_ID) if key is None else _derived(key, b"", b"storecast backup key id")[:_ID]


class SealedWriter(io.RawIOBase):
    """Takes bytes and writes sealed chunks to ``target``, which stays open; ``close`` writes the last one."""

    def __init__(self, target: BinaryIO, key: bytes | None) -> None:
        head = _MAGIC + os.urandom(_SALT) + _key_id(key)
        self._target, self._number, self._waiting = target, 0, bytearray()
        self._seal: _Seal = _Plain(head) if key is None else _Encrypted(head, key)
        target.write(head)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object) -> int:
        """All of it, as a file does."""
        given = memoryview(data)  # type: ignore[arg-type]
        self._waiting += given
        while len(self._waiting) > _CHUNK:
            self._put(bytes(self._waiting[:_CHUNK]), last=False)
            del self._waiting[:_CHUNK]
        return given.nbytes

    def finish(self) -> None:
        """Write what waits as the last chunk: without it nobody takes the archive for whole."""
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _put(self, data: bytes, *, last: bool) -> None:
        sealed = self._seal.close(self._number, last, data)
        self._target.write(_LENGTH.pack(len(sealed) | (0x8000_0000 if last else 0)))
        self._target.write(sealed)
        self._number += 1


class SealedReader(io.RawIOBase):
    """Gives the bytes back, each chunk after it was checked; raises ``BackupError`` at the first that is not
    as it was written. ``where`` names the archive."""

    def __init__(self, source: BinaryIO, key: bytes | None, where: str) -> None:
        self._source, self._where, self._number = source, where, 0
        self._chunk, self._at, self._last = b"", 0, False
        head = _exactly(source, len(_MAGIC) + _SALT + _ID)
        if len(head) < len(_MAGIC) + _SALT + _ID or not head.startswith(_MAGIC):
            raise self._refused("this is no backup", "the first bytes of one", "others")
        named, own = head[-_ID:], _key_id(key)
        if named != own:
            raise self._other_key(named, own)
        self._seal: _Seal = _Plain(head) if key is None else _Encrypted(head, key)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: object) -> int:
        """As many bytes as are there, of one chunk."""
        while self._at == len(self._chunk) and not self._last:
            self._next()
        view = memoryview(buffer)  # type: ignore[arg-type]
        piece = self._chunk[self._at : self._at + view.nbytes]
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _next(self) -> None:
        raw = _exactly(self._source, _LENGTH.size)
        marked = _LENGTH.unpack(raw)[0] if len(raw) == _LENGTH.size else 0
        length, last = marked & 0x7FFF_FFFF, bool(marked >> 31)
        if not self._seal.extra <= length <= _CHUNK + self._seal.extra:
            raise self._damaged()
        sealed = _exactly(self._source, length)
        opened = self._seal.open(self._number, last, sealed) if len(sealed) == length else None
        if opened is None or (last and self._source.read(1)):
            raise self._damaged()
        self._chunk, self._at, self._last = opened, 0, last
        self._number += 1

    def _damaged(self) -> BackupError:
        what = "the backup is damaged or was cut off"
        return self._refused(what, "every chunk as it was written", f"another chunk {self._number + 1}")

    def _other_key(self, named: bytes, own: bytes) -> BackupError:
        none = bytes(_ID)
        if named == none:
            return BackupError(
                "the backup is not encrypted, so that anybody may have written it",
                where=self._where,
                expected=f"one encrypted with the key {own.hex()}",
                remedy="if you trust where it lies, unset STORECAST_BACKUP_KEY_FILE for this call",
            )
        return BackupError(
            "the backup is encrypted with another key" if own != none else "the backup is encrypted",
            where=self._where,
            expected=f"the key {named.hex()}",
            found="no key" if own == none else f"the key {own.hex()}",
            remedy="set STORECAST_BACKUP_KEY_FILE to the file with the key it was made with",
        )

    def _refused(self, what: str, expected: str, found: str) -> BackupError:
        return BackupError(what, where=self._where, expected=expected, found=found, remedy=_REMEDY)


def _exactly(source: BinaryIO, length: int) -> bytes:
    """So many bytes, fewer at the end only: a network stream may give them in pieces."""
    found = bytearray()
    while len(found) < length and (piece := source.read(length - len(found))):
        found += piece
    return bytes(found)
