"""Folders for the files of one job, on the local disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from storecast.errors import LogError

__all__ = ["ScratchFolders"]

_PIECE = 1 << 20


class ScratchFolders:
    """Temporary folders under ``root``; the machine's usual place for such where it is None."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root

    @contextmanager
    def folder(self) -> Iterator[str]:
        """A new empty folder's path; it is removed at the end of the block."""
        try:
            if self._root is not None:
                self._root.mkdir(parents=True, exist_ok=True)
            made = tempfile.TemporaryDirectory(
                prefix="storecast-", dir=self._root, ignore_cleanup_errors=True
            )
        except OSError as error:
            raise _refused(str(self._root or tempfile.gettempdir()), error) from error
        with made as path:
            yield path

    def put(self, path: str, data: Iterable[bytes]) -> None:
        """Write one file piece by piece; raises ``LogError`` where the disk refuses."""
        try:
            with open(path, "xb") as file:
                for piece in data:
                    file.write(piece)
        except OSError as error:
            raise _refused(path, error) from error

    def read(self, path: str) -> Iterator[bytes]:
        """The bytes of one file in pieces."""
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                yield piece


def _refused(where: str, error: OSError) -> LogError:
    return LogError(
        "there is no room for a job's files",
        where=where,
        found=error.strerror or str(error),
        remedy="check the free space and the permissions of this folder",
    )
