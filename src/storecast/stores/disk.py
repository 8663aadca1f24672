"""Bytes that are on the disk, and names that stay, when a call returns."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["sync_folder", "write_all"]


def sync_folder(folder: Path) -> None:
    """Bring the names in ``folder`` to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes) -> None:
    """All of ``data``, however little the system takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
