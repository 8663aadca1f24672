"""In-memory stands-in for the ports; ``tests/contract`` holds them to what the real stores promise."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from storecast.errors import ArtifactError, RegistryError
from storecast.ports import ArtifactContent, ModelVersion, Move
from storecast.stores.artifacts import ArtifactFolders

__all__ = ["FakeArtifactStore", "FakeRegistry", "ticking_clock"]


def ticking_clock() -> Callable[[], datetime]:
    """A clock that starts at noon of 2026-01-01 UTC and moves one second at every look."""
    start, looks = datetime(2026, 1, 1, 12, tzinfo=UTC), iter(range(10**9))
    return lambda: start + timedelta(seconds=next(looks))


def _digest(content: ArtifactContent) -> str:
    text = hashlib.sha256()
    for name, array in sorted(content.arrays.items()):
        if np.asarray(array).dtype.hasobject:
            raise ArtifactError("an array cannot be stored as plain data", where=name)
        text.update(repr((name, str(array.dtype), array.shape)).encode() + array.tobytes())
    text.update(json.dumps([sorted(content.texts.items()), content.meta], sort_keys=True).encode())
    return text.hexdigest()


class FakeArtifactStore:
    """The ``ArtifactStore`` port in a dictionary."""

    def __init__(self) -> None:
        self.folders: dict[str, tuple[str, ArtifactContent]] = {}

    def save(self, content: ArtifactContent, folder: str) -> str:
        if folder in self.folders:
            raise ArtifactError("a model folder is never written over", where=folder)
        self.folders[folder] = (digest := _digest(content), content)
        return digest

    def load(self, folder: str, digest: str | None = None) -> ArtifactContent:
        if folder not in self.folders:
            raise ArtifactError("there is no model folder to read", where=folder)
        found, content = self.folders[folder]
        if digest not in (None, found):
            raise ArtifactError("the model folder is not the one that was registered", where=folder)
        return content


class FakeRegistry:
    """The ``Registry`` port in lists; champions lie on a pile, promoted on top, rolled back off it."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        self._clock = clock or ticking_clock()
        self.runs: dict[tuple[str, int], dict[str, Any]] = {}
        self._versions: dict[str, list[tuple[ModelVersion, ArtifactContent]]] = {}
        self._piles: dict[str, list[int]] = {}
        self._challengers: dict[str, int | None] = {}
        self._moves: dict[str, list[Move]] = {}

    def register(
        self,
        name: str,
        content: ArtifactContent,
        *,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> ModelVersion:
        known = self._versions.setdefault(name, [])
        created = self._clock().isoformat(timespec="seconds")
        with tempfile.TemporaryDirectory() as folder:
            digest = ArtifactFolders().save(content, f"{folder}/data")
        version = ModelVersion(name, len(known) + 1, digest, created, (), dict(metrics), dict(tags))
        known.append((version, content))
        self.runs[name, version.version] = {"params": dict(params), "files": dict(files)}
        self._challengers[name] = version.version
        return self._seen(version)

    def describe(self, name: str, version: int, text: str, files: Mapping[str, bytes]) -> None:
        run = self.runs[name, self._find(name, version)[0].version]
        self.runs[name, version] = {**run, "description": text, "files": {**run["files"], **files}}

    def versions(self, name: str) -> list[ModelVersion]:
        return [self._seen(version) for version, _ in reversed(self._versions.get(name, []))]

    def champion(self, name: str) -> ModelVersion | None:
        return next((version for version in self.versions(name) if "champion" in version.aliases), None)

    def load(self, name: str, version: int) -> ArtifactContent:
        return self._find(name, version)[1]

    def export(self, name: str, version: int, folder: str) -> None:
        found, content = self._find(name, version)
        if ArtifactFolders().save(content, folder) != found.digest:
            raise ArtifactError("the model folder is not the one that was registered", where=folder)

    def promote(self, name: str, version: int, *, who: str, why: str) -> ModelVersion:
        found, pile = self._find(name, version)[0], self._piles.setdefault(name, [])
        if pile and pile[-1] == version:
            return self._seen(found)
        self._record(name, "promote", version, pile[-1] if pile else None, who, why)
        pile.append(version)
        if self._challengers[name] == version:
            self._challengers[name] = None
        return self._seen(found)

    def rollback(self, name: str, *, who: str, why: str, to: int | None = None) -> ModelVersion:
        pile = self._piles.get(name, [])
        if to is not None:
            self._find(name, to)
        if len(pile) < 2:
            raise RegistryError(f"there is no earlier champion of {name} to go back to")
        if to is None:
            to = pile[-2]
        elif to == pile[-1]:
            return self._seen(self._find(name, to)[0])
        self._record(name, "rollback", to, pile[-1], who, why)
        pile.pop()
        while pile and pile[-1] != to:
            pile.pop()
        if not pile:
            pile.append(to)
        return self._seen(self._find(name, pile[-1])[0])

    def stamp(self, name: str) -> object:
        return (len(self._versions.get(name, [])), len(self._moves.get(name, []))) if self._versions else None

    def history(self, name: str) -> list[Move]:
        return list(self._moves.get(name, []))

    def _record(self, name: str, kind: str, version: int, previous: int | None, who: str, why: str) -> None:
        if not who.strip() or not why.strip():
            raise RegistryError(f"a {kind} says who did it and why")
        at = self._clock().isoformat(timespec="milliseconds")
        self._moves.setdefault(name, []).append(Move(kind, version, previous, who, why, at))

    def _find(self, name: str, version: int) -> tuple[ModelVersion, ArtifactContent]:
        for found, content in self._versions.get(name, []):
            if found.version == version:
                return found, content
        raise RegistryError(f"there is no version {version} of {name}")

    def _seen(self, version: ModelVersion) -> ModelVersion:
        pile = self._piles.get(version.name, [])
        marks = {"champion": pile[-1] if pile else None, "challenger": self._challengers.get(version.name)}
        return replace(version, aliases=tuple(sorted(k for k, v in marks.items() if v == version.version)))
