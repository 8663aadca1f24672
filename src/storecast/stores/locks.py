"""Locks as files, held by one process at a time and freed by its end, however it comes."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storecast.errors import ArtifactError, ConflictError

__all__ = ["FileLock", "alone", "held"]

_PAUSE = 0.01


class FileLock:
    """A lock on ``path``, which also works between machines where their shared volume has locks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self, note: str = "") -> bool:
        """Whether the lock is ours now; ``note`` is left in the file for people who look for the holder.

        Raises ``ArtifactError`` where the folder cannot be written to or has no locks.
        """
        if self._handle is not None:
            return True
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise self._refused(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if note:
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{note}\n".encode(), 0)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError as error:
            os.close(handle)
            raise self._refused(error) from error
        self._handle = handle
        return True

    def holder(self) -> str:
        """The note that whoever took it last has left; empty where there is none."""
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def free(self) -> None:
        """Give the lock up, if it is ours."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _refused(self, error: OSError) -> ArtifactError:
        return ArtifactError(
            "a lock of the release folder cannot be taken",
            where=str(self._path),
            expected="a folder that can be written to, on a volume with file locks",
            found=error.strerror or str(error),
            remedy="check the free space and the permissions of the folder, and how its volume is mounted",
        )


@contextmanager
def held(path: Path, seconds: float) -> Iterator[None]:
    """The lock on ``path`` during the block; ``ArtifactError`` where another has it for ``seconds``."""
    lock, deadline = FileLock(path), time.monotonic() + seconds
    while not lock.take():
        if time.monotonic() > deadline:
            raise ArtifactError(
                "another publication does not end",
                where=str(path),
                expected=f"its end within {seconds:g} seconds",
                remedy="see which process holds the lock, end it, and try again",
            )
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        lock.free()


@contextmanager
def alone(path: Path, what: str, note: str) -> Iterator[None]:
    """The lock on ``path`` during the block, for work on ``what`` that two must not do at once.

    ``note`` says who we are. Raises ``ConflictError`` at once, naming the holder, where another has it.
    """
    lock = FileLock(path)
    if not lock.take(note):
        raise ConflictError(
            f"{what} is being worked on already",
            where=str(path),
            expected="one command at a time that makes a new version",
            found=lock.holder() or "another process",
            remedy="wait for its end and look at what it made before you try again",
        )
    try:
        yield
    finally:
        lock.free()
