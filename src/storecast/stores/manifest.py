"""The manifest of an artifact folder: its canonical bytes, its digest, and how old schemas are read."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storecast.errors import ArtifactError

__all__ = ["MANIFEST", "MAX_BYTES", "REMEDY", "SCHEMA_VERSION", "Entry", "Manifest", "parse", "render"]

MANIFEST = "manifest.json"
MAX_BYTES = 32 * 1024 * 1024
SCHEMA_VERSION = 1  # raised with every change that an older storecast could not read
REMEDY = "take the version from the registry again, or train and register a new one"
_MAX_DEPTH = 40
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One file: its ``size`` in bytes and ``sha256`` in hex."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a folder holds: the ``storecast`` version that wrote it, its files by name, and ``meta``."""

    storecast: str
    arrays: Mapping[str, Entry]
    texts: Mapping[str, Entry]
    meta: Mapping[str, Any]


def render(manifest: Manifest) -> tuple[bytes, str]:
    """The manifest's bytes and its digest; raises ``ArtifactError`` where ``meta`` is not plain JSON."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "storecast": manifest.storecast,
        "arrays": {name: vars(entry) for name, entry in manifest.arrays.items()},
        "texts": {name: vars(entry) for name, entry in manifest.texts.items()},
        "meta": _plain(manifest.meta, "meta"),
    }
    digest = hashlib.sha256(_canonical(body)).hexdigest()
    data = _canonical({**body, "digest": digest})
    if len(data) > MAX_BYTES:
        raise _meta_refused("meta", f"{len(data)} bytes, {MAX_BYTES} at most: keep bulk in arrays")
    return data, digest


def parse(data: bytes, where: str) -> tuple[Manifest, str]:
    """The manifest in ``data`` and its digest; raises ``ArtifactError`` naming ``where``."""
    try:
        raw = json.loads(data.decode("utf-8"))
        if not isinstance(raw, dict) or _deeper_than(raw, _MAX_DEPTH + 1):
            raise ValueError(f"not an object of at most {_MAX_DEPTH} levels")
        recorded = raw.pop("digest", None)
        digest = hashlib.sha256(_canonical(raw)).hexdigest()
        canonical = _canonical({**raw, "digest": recorded})
    except (ValueError, RecursionError) as error:  # text, numbers, NaN and nesting that JSON cannot hold
        found = f"{type(error).__name__}: {error}"
        raise _refused("the manifest is not readable", where, "one JSON object", found) from error
    schema = raw.get("schema_version")
    if type(schema) is not int or schema not in _READERS:
        raise ArtifactError(
            "the model folder is of a schema this storecast does not know",
            where=where,
            expected=f"schema version {', '.join(map(str, sorted(_READERS)))}",
            found=f"schema version {schema!r}, written by storecast {raw.get('storecast')!r}",
            remedy="install the storecast that wrote it or a later one, or train again with this one",
        )
    if digest != recorded or data != canonical:
        raise _refused("the manifest was altered", where, f"digest {recorded!r}", f"digest {digest}")
    return _READERS[schema](raw, where), digest


def _read_1(raw: dict[str, Any], where: str) -> Manifest:
    parts = {"schema_version": int, "storecast": str, "arrays": dict, "texts": dict, "meta": dict}
    if {key: type(value) for key, value in raw.items()} != parts:
        found = ", ".join(f"{key} ({type(value).__name__})" for key, value in sorted(raw.items()))
        raise _refused("the manifest has other parts than its schema", where, ", ".join(parts), found)
    return Manifest(
        raw["storecast"], _entries(raw["arrays"], where), _entries(raw["texts"], where), raw["meta"]
    )


_READERS = {1: _read_1}


def _entries(raw: dict[str, Any], where: str) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for name, item in raw.items():
        size, sha256 = (item.get("size"), item.get("sha256")) if isinstance(item, dict) else (None, None)
        if type(size) is not int or size < 0 or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            expected = "size in bytes and SHA-256 in hex"
            raise _refused("the manifest describes a file badly", where, expected, repr(name)[:100])
        entries[name] = Entry(size, sha256)
    return entries


def _canonical(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False)
    return (text + "\n").encode("ascii")


def _plain(value: object, path: str) -> object:
    """``value`` as JSON holds it (tuples become lists); refuses what JSON would change or lose."""
    if path.count("/") > _MAX_DEPTH:
        raise _meta_refused(path, f"more than {_MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise _meta_refused(path, f"the key {odd[0]!r}")
        return {str(key): _plain(item, f"{path}/{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{path}/{i}") for i, item in enumerate(value)]
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if value is None or isinstance(value, str | bool | int):
        return value
    raise _meta_refused(path, f"{type(value).__name__} {value!r}")


def _deeper_than(value: object, limit: int) -> bool:
    level: list[object] = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
        if not level:
            return False
    return True


def _refused(what: str, where: str, expected: str, found: str) -> ArtifactError:
    return ArtifactError(what, where=where, expected=expected, found=found[:300], remedy=REMEDY)


def _meta_refused(where: str, found: str) -> ArtifactError:
    return ArtifactError(
        "the model's meta data is not plain JSON",
        where=where[:200],
        expected="text, finite numbers, booleans, null, lists and objects with text keys",
        found=found[:300],
        remedy="convert numpy values with .item() or .tolist(), and keep large tables in arrays",
    )
