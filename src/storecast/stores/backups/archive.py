"""An archive: a compressed tar of plain files, its manifest the last of them, in a sealed stream.

``manifest.json``: ``{"schema_version", "created", "about", "files": {name: [bytes, SHA-256]}}``. Names are
relative, of plain characters and without a way out; whatever else a tar may hold is refused.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from storecast.errors import BackupError
from storecast.ports.backups import Contents, Piece
from storecast.stores.backups.sealed import SealedReader, SealedWriter

__all__ = ["SealedArchives"]

_MANIFEST = "manifest.json"
_SCHEMA = 1  # raised with every change that an older storecast could not read
_LEVEL = 1  # of compression: what compresses at all does so at once
_PIECE = 1 << 20
_MANIFEST_BYTES = 64 << 20
_PART = r"(?!\.{1,2}(?:/|$))[^/\\\x00-\x1f\x7f]{1,255}"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_REMEDY = "use another backup: `storecast backup list` shows them"


class _Hashed:
    """A file that is read once, and what was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest, self.size = file, hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        self.size += len(data)
        return data


class SealedArchives:
    """The ``Archives`` port: encrypted with ``key``, of 32 bytes, or only sealed against damage without."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key, self.encrypted = key, key is not None

    def write(
        self, target: BinaryIO, created: str, about: Mapping[str, Any], pieces: Iterable[Piece]
    ) -> Contents:
        """Write one archive; raises ``BackupError`` where a file cannot be read to its end."""
        sealed = SealedWriter(target, self._key)
        files: dict[str, tuple[int, str]] = {}
        with (
            gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=_LEVEL, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for piece in pieces:
                files[piece.name] = _add(tar, piece)
            contents = Contents(created, about, files)
            data = json.dumps({"schema_version": _SCHEMA, **vars(contents)}, sort_keys=True).encode()
            tar.addfile(_entry(_MANIFEST, len(data)), io.BytesIO(data))
        sealed.finish()
        return contents

    def read(self, source: BinaryIO, folder: str) -> Contents:
        """Unpack one archive into ``folder``, which is empty."""
        where = str(getattr(source, "name", "the archive"))
        sealed = SealedReader(source, self._key, where)
        found: dict[str, tuple[int, str]] = {}
        manifest = b""
        try:
            with gzip.GzipFile(fileobj=io.BufferedReader(sealed, _PIECE), mode="rb") as packed:
                with tarfile.open(fileobj=packed, mode="r|") as tar:
                    for entry in tar:
                        _check_entry(entry, found, manifest, where)
                        content = cast(BinaryIO, tar.extractfile(entry))
                        if entry.name == _MANIFEST:
                            manifest = content.read(min(entry.size, _MANIFEST_BYTES))
                        else:
                            found[entry.name] = _put(Path(folder, entry.name), content)
                while packed.read(_PIECE):  # to the last chunk: what was cut off shows there
                    pass
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _refused(
                "the backup is damaged", where, found=f"{type(error).__name__}: {error}"
            ) from error
        except OSError as error:
            raise BackupError(
                "the backup cannot be unpacked",
                where=folder,
                found=error.strerror or str(error),
                remedy="check the free space and the permissions of this folder",
            ) from error
        return _matching(manifest, found, where)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def _add(tar: tarfile.TarFile, piece: Piece) -> tuple[int, str]:
    if not _NAME.fullmatch(piece.name) or piece.name == _MANIFEST:
        raise BackupError("a file's name cannot be in a backup", where=piece.path, found=repr(piece.name))
    try:
        with open(piece.path, "rb") as file:
            read = _Hashed(file)
            tar.addfile(_entry(piece.name, os.fstat(file.fileno()).st_size), cast(BinaryIO, read))
    except FileNotFoundError as error:
        raise BackupError(
            "a file vanished while the backup was made",
            where=piece.path,
            remedy="make the backup again",
        ) from error
    return read.size, read.digest.hexdigest()


def _check_entry(entry: tarfile.TarInfo, found: Mapping[str, Any], manifest: bytes, where: str) -> None:
    if manifest:
        raise _refused("the backup goes on behind its manifest", where, found=entry.name[:80])
    if not entry.isreg() or entry.issparse():
        raise _refused("the backup holds what is no plain file", where, found=entry.name[:80])
    if not _NAME.fullmatch(entry.name) or entry.name in found:
        raise _refused("the backup holds a name that it may not", where, found=repr(entry.name)[:80])


def _put(path: Path, content: BinaryIO) -> tuple[int, str]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    read = _Hashed(content)
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(handle, "wb") as file:
        while piece := read.read(_PIECE):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return read.size, read.digest.hexdigest()


def _matching(manifest: bytes, found: Mapping[str, tuple[int, str]], where: str) -> Contents:
    try:
        raw = json.loads(manifest)
        schema = raw["schema_version"]
        files = {name: (int(size), str(digest)) for name, (size, digest) in raw["files"].items()}
        contents = Contents(str(raw["created"]), dict(raw["about"]), files)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _refused("the backup has no manifest that can be read", where, found=str(error)) from error
    if schema != _SCHEMA:
        raise BackupError(
            "the backup is of a schema this storecast does not know",
            where=where,
            expected=f"schema version {_SCHEMA}",
            found=f"schema version {schema!r}",
            remedy="install the storecast that wrote it or a later one",
        )
    if odd := sorted(name for name in files.keys() | found.keys() if files.get(name) != found.get(name)):
        raise _refused("the backup's files are not those of its manifest", where, found=odd[0][:200])
    return contents


def _refused(what: str, where: str, *, found: str) -> BackupError:
    return BackupError(what, where=where, expected="a backup as it was written", found=found, remedy=_REMEDY)
