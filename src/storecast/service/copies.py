"""Copies of small tables on disk, for a start while their database is away; services may share the folder."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["keep_copy"]


def keep_copy(path: Path, rows: Iterable[Any]) -> bool:
    """Replace the copy by ``rows``, objects of plain fields; whether it is there. Without it a start needs
    the database, and nothing else does: where the disk refuses, the one before stays."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump([vars(row) for row in rows], file)
            partial.replace(path)
            return True
        finally:
            partial.unlink(missing_ok=True)
    return False
