"""The trust list: whose signatures count, and which versions and keys count no more.

    {"schema_version": 1,
     "keys":     [{"id", "public", "name", "added", "revoked"}],     revoked: when and why, "" for none
     "accepted": [{"manifest", "digest", "why", "at"}],             unsigned versions that count all the same
     "revoked":  [{"digest", "why", "at"}]}

It is read anew whenever a version is, so that a change counts at once. Whoever can write it decides what may
serve: on a server it is mounted read-only.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from storecast.errors import ArtifactError, SetupError
from storecast.stores.locks import held
from storecast.stores.signing_keys import key_id

__all__ = ["AcceptedVersion", "RevokedVersion", "TrustList", "TrustedKey", "change_list", "read_list"]

_SCHEMA = 1
_MAX_BYTES = 4 << 20
_LOCK_SECONDS = 20.0
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class TrustedKey:
    """``public``: 64 hex digits; ``added``: ISO time; ``revoked``: when and why, empty while it counts."""

    id: str
    public: str
    name: str
    added: str
    revoked: str = ""


@dataclass(frozen=True)
class AcceptedVersion:
    """An unsigned version that counts: ``manifest`` is the SHA-256 of its manifest's bytes."""

    manifest: str
    digest: str
    why: str
    at: str


@dataclass(frozen=True)
class RevokedVersion:
    """A version that counts no more, however it is signed."""

    digest: str
    why: str
    at: str


@dataclass(frozen=True)
class TrustList:
    """``keys`` in the order they were added."""

    keys: tuple[TrustedKey, ...] = ()
    accepted: tuple[AcceptedVersion, ...] = ()
    revoked: tuple[RevokedVersion, ...] = ()

    def key(self, name: str) -> TrustedKey | None:
        """The key with this id, revoked or not."""
        return next((key for key in self.keys if key.id == name), None)

    def with_key(self, public: bytes, *, name: str, at: str) -> TrustList:
        """With this key trusted; one that was revoked stays so."""
        key = TrustedKey(key_id(public), public.hex(), name, at)
        return self if self.key(key.id) else replace(self, keys=(*self.keys, key))

    def without_key(self, name: str, reason: str) -> TrustList:
        """With this key revoked; a second time keeps the first reason."""
        keys = [replace(k, revoked=k.revoked or reason) if k.id == name else k for k in self.keys]
        return replace(self, keys=tuple(keys))


def read_list(path: Path) -> TrustList | None:
    """The list in ``path``, None where there is no file. Raises ``SetupError`` where it is damaged: then
    nothing may be trusted."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    try:
        raw = json.loads(data.decode("utf-8"))
        if raw["schema_version"] != _SCHEMA:
            raise _damaged(path, f"schema version {raw['schema_version']!r}")
        found = TrustList(
            tuple(_made(TrustedKey, item) for item in raw["keys"]),
            tuple(_made(AcceptedVersion, item) for item in raw["accepted"]),
            tuple(_made(RevokedVersion, item) for item in raw["revoked"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    for key in found.keys:
        if not _SHA256.fullmatch(key.public) or key.id != key_id(bytes.fromhex(key.public)):
            raise _damaged(path, f"key {key.id[:40]!r} is not the one its public half makes")
    return found


def change_list(path: Path, change: Callable[[TrustList], TrustList]) -> TrustList:
    """Replace the list by what ``change`` makes of it, one process at a time; a list that is not there is
    empty. Raises ``SetupError`` where it is damaged or cannot be written."""
    try:
        with held(path.with_name(f".{path.name}.lock"), _LOCK_SECONDS):
            before = read_list(path)
            after = change(before or TrustList())
            if after != before:
                _replace(path, after)
            return after
    except (OSError, ArtifactError) as error:
        raise SetupError(
            "the trust list cannot be written",
            where=str(path),
            found=getattr(error, "strerror", None) or getattr(error, "found", None) or str(error),
            remedy="check the folder's permissions; a list that is mounted read-only is changed elsewhere",
        ) from error


def _replace(path: Path, known: TrustList) -> None:
    data = json.dumps({"schema_version": _SCHEMA, **asdict(known)}, indent=1) + "\n"
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with open(partial, "x", encoding="utf-8") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _made(kind: Any, item: Mapping[str, Any]) -> Any:
    made = kind(**item)
    if not all(isinstance(value, str) for value in vars(made).values()):
        raise TypeError("a value that is no text")
    return made


def _damaged(path: Path, found: str) -> SetupError:
    return SetupError(
        "the trust list cannot be read, so that no version can be trusted",
        where=str(path),
        expected="a file as `storecast signing trust` writes it",
        found=found[:300],
        remedy="restore it from a backup, or remove it and trust the keys again",
    )
