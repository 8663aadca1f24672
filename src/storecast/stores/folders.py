"""Folders of plain files: written whole or not at all, read without following links or trusting sizes."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from storecast.errors import ArtifactError
from storecast.stores.disk import sync_folder

__all__ = ["FolderReader", "write_folder"]

_REMEDY = "take the version from the registry again, or train and register a new one"


def write_folder(target: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write ``files`` beside ``target``, then rename: a reader sees the whole folder or none.

    Raises ``ArtifactError`` where ``target`` exists (folders are immutable) or the disk refuses; in
    both cases nothing is left behind.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            raise ArtifactError(
                "a model folder is never written over",
                where=str(target),
                expected="a path that does not exist yet",
                remedy="choose another folder, or remove this one first",
            )
        partial = target.parent / f".{target.name}.{secrets.token_hex(6)}.partial"
        partial.mkdir()
        try:
            for name, data in files:
                with open(partial / name, "xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            sync_folder(partial)
            os.rename(partial, target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync_folder(target.parent)
    except OSError as error:
        raise ArtifactError(
            "the model folder could not be written",
            where=str(target),
            found=str(error),
            remedy="check the free space and the permissions of the folder above it",
        ) from error


class FolderReader:
    """An open folder whose entries are read through its descriptor, so that a swap of the path or a
    link inside it leads nowhere. Every refusal is an ``ArtifactError``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            self._folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise ArtifactError(
                "there is no model folder to read",
                where=str(root),
                expected="a readable folder",
                found=error.strerror or str(error),
                remedy="check the path, or list the registered versions",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._folder)

    def holds(self, name: str) -> bool:
        """Whether the folder has an entry of this name, whatever it is."""
        return name in os.listdir(self._folder)

    def check_names(self, known: set[str]) -> None:
        """Refuse a folder that holds more or less than ``known``."""
        present = set(os.listdir(self._folder))
        expected, found = f"{len(known)} files", f"{len(present)} files"
        if missing := sorted(known - present):
            raise self._refused(missing[0], "a file of the model folder is missing", expected, found)
        if extra := sorted(present - known):
            what = "the model folder holds a file that its manifest does not list"
            raise self._refused(extra[0], what, expected, found)

    def read(self, name: str, *, size: int | None = None, limit: int = 0) -> bytes:
        """The bytes of one plain file of exactly ``size`` bytes, or of at most ``limit`` bytes."""
        try:
            # no link is followed and no pipe waited for
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._folder)
        except OSError as error:
            what, found = "a file of the model folder cannot be read", error.strerror or str(error)
            raise self._refused(name, what, "a plain file", found) from error
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            what, found = "an entry of the model folder is no plain file", stat.filemode(status.st_mode)
            raise self._refused(name, what, "a plain file", found)
        wanted = min(status.st_size, limit) if size is None else size
        with open(handle, "rb") as file:
            data = file.read(wanted + 1) if status.st_size == wanted else b""
        if status.st_size != wanted or len(data) != wanted:
            what, expected = "a file of the model folder has another size", f"{wanted} bytes"
            raise self._refused(name, what, expected, f"{status.st_size} bytes")
        return data

    def _refused(self, name: str, what: str, expected: str, found: str) -> ArtifactError:
        where = str(self.root / name)
        return ArtifactError(what, where=where, expected=expected, found=found, remedy=_REMEDY)
