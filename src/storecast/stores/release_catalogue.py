"""``catalogue.json`` of a release folder: the versions that the registry had when a follower looked last.

A service shows it without asking the registry, which it never needs. It is a list for people: nothing is
decided by it, and a damaged one is none.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from storecast.ports import ModelVersion

__all__ = ["read_catalogue", "write_catalogue"]

_NAME = "catalogue.json"


def write_catalogue(root: Path, versions: Sequence[ModelVersion]) -> None:
    """Replace the list where it is another; a disk that refuses is left to the next look."""
    data = json.dumps([asdict(version) for version in versions], allow_nan=True).encode() + b"\n"
    path = root / _NAME
    partial = root / f".{_NAME}.{secrets.token_hex(4)}.partial"
    with suppress(OSError):
        if path.exists() and path.read_bytes() == data:
            return
        root.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(data)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def read_catalogue(root: Path) -> list[ModelVersion]:
    """The list, newest first; empty where there is none."""
    try:
        found = json.loads((root / _NAME).read_bytes())
        return [_version(item) for item in found]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _version(item: Mapping[str, Any]) -> ModelVersion:
    texts = {name: str(item[name]) for name in ("name", "digest", "created")}
    return ModelVersion(
        version=int(item["version"]),
        aliases=tuple(map(str, item["aliases"])),
        metrics={str(k): float(v) for k, v in item["metrics"].items()},
        tags={str(k): str(v) for k, v in item["tags"].items()},
        **texts,
    )
