"""Whose turn it is to write an SQLite file: threads and processes one after the other, in order.

SQLite itself lets whoever happens to look at the right moment go first, and looks ever more rarely: beside a
busy worker another may wait for seconds. Here one who waits is next: he holds the lock ``next`` while he
waits for ``turn``, so that who has just written queues behind him.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Turn"]

_LOOK = 0.0003  # seconds between looks at a lock that another process has


def _open(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)


def _lock(handle: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Not a wait in the kernel: a process that was stopped while it has the lock must not stop us.
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOOK)
        else:
            return


class Turn:
    """Locks beside the file ``path``; opened when first taken."""

    def __init__(self, path: Path) -> None:
        self._paths = [path.with_name(f"{path.name}.{name}") for name in ("next", "turn")]
        self._mine = threading.Lock()
        self._handles: list[int] = []

    @contextmanager
    def take(self, seconds: float) -> Iterator[None]:
        """Inside the block nobody else writes; ``TimeoutError`` where that takes longer than ``seconds``."""
        deadline = time.monotonic() + seconds
        if not self._mine.acquire(timeout=seconds):
            raise TimeoutError("another write takes too long")
        try:
            if not self._handles:
                self._handles = [_open(path) for path in self._paths]
            following, turn = self._handles
            try:
                _lock(following, deadline)
                try:
                    _lock(turn, deadline)
                finally:
                    fcntl.flock(following, fcntl.LOCK_UN)
            except BlockingIOError as error:
                raise TimeoutError("another process's write takes too long") from error
            try:
                yield
            finally:
                fcntl.flock(turn, fcntl.LOCK_UN)
        finally:
            self._mine.release()

    def close(self) -> None:
        """Close the lock files."""
        with self._mine:
            while self._handles:
                os.close(self._handles.pop())
