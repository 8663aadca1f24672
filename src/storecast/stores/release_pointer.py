"""The pointer of a release folder as bytes: read whole, checked, and replaced by an atomic rename."""

from __future__ import annotations

import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from storecast.errors import ArtifactError
from storecast.ports import Earlier, Published, ReleaseInfo, Trial
from storecast.stores.disk import sync_folder

__all__ = ["POINTER", "DamagedPointerError", "parse_pointer", "read_pointer", "write_pointer"]

POINTER = "champion.json"
_SCHEMA = 2  # raised with every change that an older storecast could not read
_READ = (1, 2)
_MAX_BYTES = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TEXTS = ("name", "digest", "model", "kind", "who", "why", "published_at")
_RECENT = ("kind", "digest", "who", "why", "at")
_TRIAL = ("kind", "digest", "model", "who", "why", "at")
_REMEDY = "publish again: `storecast models promote`, or restart `storecast follow`"


class DamagedPointerError(ArtifactError):
    """The pointer is not what a publication wrote; the next publication replaces it."""


def read_pointer(root: Path) -> bytes:
    """The pointer's bytes; empty where nothing was published. Raises ``ArtifactError`` where the folder
    cannot be read."""
    try:
        with open(root / POINTER, "rb") as file:
            return file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ArtifactError(
            "the release folder cannot be read",
            where=str(root / POINTER),
            found=error.strerror or str(error),
            remedy="check the volume it lies on, and its permissions",
        ) from error


def parse_pointer(data: bytes, where: str) -> ReleaseInfo:
    """What the bytes say; raises ``ArtifactError`` naming ``where``."""
    try:
        raw = json.loads(data.decode("utf-8"))
        schema = raw.pop("schema_version")
        if schema not in _READ:
            raise ArtifactError(
                "the release folder is of a schema this storecast does not know",
                where=where,
                expected=f"schema version {' or '.join(map(str, _READ))}",
                found=f"schema version {schema!r}",
                remedy="install the storecast that wrote it or a later one",
            )
        raw["earlier"] = tuple(Earlier(**item) for item in raw["earlier"])
        raw["recent"] = tuple(Published(**item) for item in raw.get("recent", ()))
        raw["trial"] = Trial(**raw["trial"]) if raw.get("trial") is not None else None
        info = ReleaseInfo(**raw)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(where, f"{type(error).__name__}: {error}") from error
    if found := _wrong(info):
        raise _damaged(where, found)
    return info


def _wrong(info: ReleaseInfo) -> str:
    """What cannot be right about a pointer, in words; empty where nothing is wrong."""
    if odd := [name for name in _TEXTS if not isinstance(getattr(info, name), str)]:
        return f"{odd[0]} is no text"
    if odd := [n for item in info.recent for n in _RECENT if not isinstance(getattr(item, n), str)]:
        return f"{odd[0]} of a publication is no text"
    trial: Any = info.trial
    if trial is not None:
        number = type(trial.share) in (int, float) and 0.0 <= trial.share <= 1.0
        if not number or any(not isinstance(getattr(trial, name), str) for name in _TRIAL):
            return "a trial that is none"
    named: list[Any] = [info, *info.earlier, *info.recent, *([trial] if trial else [])]
    numbers: list[Any] = [item.version for item in named]
    if not all(type(number) is int for number in numbers) or any(
        type(number) not in (int, type(None))
        for number in (info.alias, info.replaced, *(item.replaced for item in info.recent))
    ):
        return "a version that is no number"
    digests: list[Any] = [info.digest, *(item.digest for item in info.earlier)]
    digests += [trial.digest] if trial else []
    if not all(isinstance(digest, str) and _DIGEST.fullmatch(digest) for digest in digests):
        return "a digest that is none"
    return ""


def write_pointer(root: Path, info: ReleaseInfo) -> None:
    """Replace the pointer: after this returns it is on the disk, and until then the old one is."""
    data = json.dumps({"schema_version": _SCHEMA, **asdict(info)}, indent=1).encode("utf-8") + b"\n"
    partial = root / f".{POINTER}.{secrets.token_hex(4)}.partial"
    try:
        try:
            with open(partial, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, root / POINTER)
        except BaseException:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise
        sync_folder(root)
    except OSError as error:
        raise ArtifactError(
            "the pointer of the release folder could not be replaced",
            where=str(root / POINTER),
            found=error.strerror or str(error),
            remedy="check the free space and the permissions of the folder; what served before goes on",
        ) from error


def _damaged(where: str, found: str) -> DamagedPointerError:
    return DamagedPointerError(
        "the pointer of the release folder is damaged",
        where=where,
        expected="one JSON object, as a publication writes it",
        found=found[:300],
        remedy=_REMEDY,
    )
