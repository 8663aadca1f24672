"""The release folder: the versions that serve or served, and a pointer to the one that does.

    <root>/champion.json            the pointer, replaced by an atomic rename
    <root>/versions/<digest>/       one artifact folder each, immutable
    <root>/catalogue.json           all registered versions, when a follower looked last
    <root>/publish.lock             held while the pointer is replaced; never needed for reading

Whoever reads sees one whole pointer, and behind it a whole folder whose digest the pointer names. A process
that dies at any moment leaves the pointer it found, and at most leftovers that the next publication
removes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from storecast.errors import ArtifactError
from storecast.ports import ArtifactContent, ModelVersion, Move, ReleaseInfo, Trial
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.locks import held
from storecast.stores.release_catalogue import read_catalogue, write_catalogue
from storecast.stores.release_moves import gone, pile, remembered, to_undo, with_trial, without_trial
from storecast.stores.release_pointer import (
    POINTER,
    DamagedPointerError,
    parse_pointer,
    read_pointer,
    write_pointer,
)
from storecast.stores.serving_history import check_words
from storecast.stores.signatures import Trust

__all__ = ["ReleaseFolder"]

_LOCK_SECONDS = 20.0  # to wait for another publication, which takes milliseconds
_FRESH_SECONDS = 900.0  # a version just staged, or a copy under way, is nobody's leftover


class ReleaseFolder:
    """The ``Releases`` port on a local or shared folder.

    ``keep``: how many versions stay, always the one that serves and the one before it among them;
    ``clock``: the time of a publication; ``trust``: who must have signed what is staged and loaded.

    >>> folder = ReleaseFolder("home/releases/storecast", clock=lambda: datetime.now(UTC))  # doctest: +SKIP
    >>> info = folder.current()                                                             # doctest: +SKIP
    >>> content = folder.load(info)                                                         # doctest: +SKIP
    """

    def __init__(
        self,
        root: str | Path,
        *,
        clock: Callable[[], datetime],
        keep: int = 5,
        trust: Trust | None = None,
    ) -> None:
        self._root, self._clock, self._keep = Path(root), clock, max(keep, 2)
        self._artifacts, self._trust = ArtifactFolders(trust=trust), trust

    def stamp(self) -> bytes:
        """What changes with every publication, and with who is trusted, at the cost of reading a small file;
        empty before the first.

        The file is opened and not only looked at: a network file system then asks its server.
        """
        pointer = read_pointer(self._root)
        return pointer + self._trust.stamp() if pointer and self._trust is not None else pointer

    def current(self) -> ReleaseInfo | None:
        """What serves; None before the first publication. Raises ``ArtifactError`` where it is damaged."""
        data = read_pointer(self._root)
        return parse_pointer(data, str(self._root / POINTER)) if data else None

    def load(self, info: ReleaseInfo) -> ArtifactContent:
        """The artifact that ``info`` points to, every file checked; raises ``ArtifactError``."""
        return self._artifacts.load(str(self._folder(info.digest)), info.digest)

    def admit(self, info: ReleaseInfo) -> None:
        """Refuse with ``UntrustedError`` a version that is not trusted any more; its signature is read."""
        self._artifacts.admit(str(self._folder(info.digest)), info.digest)

    def holds(self, digest: str) -> bool:
        """Whether a version with this digest lies here; whether it is whole is seen when it is loaded."""
        return self._folder(digest).is_dir()

    def note(self, versions: Sequence[ModelVersion]) -> None:
        """Keep the list of all registered versions, for whoever asks without the registry."""
        write_catalogue(self._root, versions)

    def registered(self) -> list[ModelVersion]:
        """That list, newest first; empty before a follower has looked."""
        return read_catalogue(self._root)

    def stage(self, digest: str, fetch: Callable[[str], object]) -> ArtifactContent:
        """The version with this digest, checked; ``fetch`` writes its folder where it is not there, or not
        sound. Raises what ``fetch`` raises, and ``ArtifactError`` where it wrote another version."""
        folder = self._folder(digest)
        if folder.exists():
            try:
                return self._touched(digest)
            except ArtifactError:
                self._exchange(folder, fetch)
                return self._touched(digest)
        try:
            fetch(str(folder))
        except ArtifactError:
            if not folder.exists():  # else another publisher was a moment faster
                raise
        return self._touched(digest)

    def publish(
        self, version: ModelVersion, *, model: str, kind: str, who: str, why: str, after: ReleaseInfo | None
    ) -> ReleaseInfo | None:
        """Point to a staged version; None, and nothing done, where the pointer is not ``after`` any more.

        A damaged pointer counts as none; one of an unknown schema is refused with ``ArtifactError``.
        """
        check_words(Move(kind, version.version, None, who, why, ""))
        with self._locked():
            if self._sound() != after:
                return None
            if not self.holds(version.digest):
                raise gone(self._folder(version.digest), version.version)
            info = ReleaseInfo(
                name=version.name,
                version=version.version,
                digest=version.digest,
                model=model,
                kind=kind,
                who=who,
                why=why,
                published_at=self._now(),
                replaced=after.version if after else None,
                alias=version.version,
                earlier=pile(after, version, kind, self._keep),
            )
            return self._write(remembered(info, after))

    def rollback(self, *, who: str, why: str, undo: int | None = None) -> ReleaseInfo:
        """Point to what served before, as it lies in the folder; the registry is not asked.

        Raises ``ArtifactError`` where nothing served before, where that version is not whole, or where
        ``undo``, the version to be taken back, serves no more: two who ask at once go back once.
        """
        pointer = self._root / POINTER
        if not self.stamp():  # nor a folder to lock
            to_undo(None, undo, pointer)
        with self._locked():
            now, before = to_undo(self.current(), undo, pointer)
            check_words(Move("rollback", before.version, now.version, who, why, ""))
            self._touched(before.digest)
            info = replace(
                now,
                **vars(before),
                kind="rollback",
                who=who,
                why=why,
                published_at=self._now(),
                replaced=now.version,
                earlier=now.earlier[1:],
                trial=None,
            )
            return self._write(remembered(info, now))

    def try_out(
        self,
        version: ModelVersion,
        *,
        model: str,
        kind: str,
        share: float,
        who: str,
        why: str,
        after: ReleaseInfo,
    ) -> ReleaseInfo | None:
        """Set a staged version beside what serves; None, and nothing done, where the pointer is not ``after``
        any more. A promotion or roll-back ends the trial."""
        check_words(Move(kind, version.version, after.version, who, why, ""))
        with self._locked():
            if self.current() != after:
                return None
            if not self.holds(version.digest):
                raise gone(self._folder(version.digest), version.version)
            trial = Trial(kind, version.version, version.digest, model, share, who, why, self._now())
            return self._write(with_trial(after, trial))

    def end_trial(self, *, kind: str, who: str, why: str, since: str | None = None) -> ReleaseInfo | None:
        """Let what serves answer alone again; None, and nothing done, where no trial is under way, or not the
        one that began at ``since``."""
        if not self.stamp():
            return None
        with self._locked():
            now = self.current()
            if now is None or now.trial is None or since not in (None, now.trial.at):
                return None
            check_words(Move(kind, now.version, now.trial.version, who, why, ""))
            return self._write(without_trial(now, kind, who, why, self._now()))

    def heard(self, alias: int | None, after: ReleaseInfo) -> ReleaseInfo | None:
        """Note the registry's champion, where the pointer is still ``after``; what serves stays."""
        with self._locked():
            return self._write(replace(after, alias=alias)) if self.current() == after else None

    def prune(self) -> None:
        """Remove what neither serves nor served lately, and what dead publishers left."""
        with self._locked():
            if (now := self._sound()) is not None:
                self._prune(now)

    def _sound(self) -> ReleaseInfo | None:
        try:
            return self.current()
        except DamagedPointerError:
            return None

    def _folder(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ArtifactError(
                "this is no digest of a version",
                where=str(self._root),
                expected="64 hexadecimal digits",
                found=repr(digest)[:80],
                remedy="publish the version again from the registry",
            )
        return self._root / "versions" / digest

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds")

    def _touched(self, digest: str) -> ArtifactContent:
        """A version, checked and marked as in use, so that no publisher takes it for a leftover."""
        folder = self._folder(digest)
        with suppress(OSError):  # gone or not ours: loading tells which
            os.utime(folder)
        return self._artifacts.load(str(folder), digest)

    def _write(self, info: ReleaseInfo) -> ReleaseInfo:
        write_pointer(self._root, info)
        self._prune(info)
        return info

    def _prune(self, info: ReleaseInfo) -> None:
        """A failure is left to the next publication: what serves is already in place."""
        needed = {info.digest, *(item.digest for item in info.earlier[:1])}
        needed |= {info.trial.digest} if info.trial else set()
        with suppress(OSError):
            ages = {entry: _age(entry) for entry in (self._root / "versions").iterdir()}
            versions = sorted((e for e in ages if not e.name.startswith(".")), key=ages.__getitem__)
            spare = max(self._keep - len(needed), 0)
            others = [e for e in versions if e.name not in needed]
            old = [*others[spare:], *(e for e in ages if e.name.startswith("."))]
            for entry in old:
                if ages[entry] > _FRESH_SECONDS:
                    self._set_aside(entry)

    def _set_aside(self, folder: Path) -> None:
        """Remove a folder so that whoever looks for it finds all of it or nothing."""
        aside = folder.with_name(f".{folder.name.strip('.')[:64]}.{secrets.token_hex(4)}.gone")
        with suppress(FileNotFoundError):  # another publisher was faster
            folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)

    def _exchange(self, folder: Path, fetch: Callable[[str], object]) -> None:
        """Put another copy in the place of a folder; where none can be had, the folder stays."""
        copy = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.copy")
        fetch(str(copy))
        self._set_aside(folder)
        try:
            copy.rename(folder)
        except OSError:  # another publisher was a moment faster
            shutil.rmtree(copy, ignore_errors=True)

    def _locked(self) -> AbstractContextManager[None]:
        return held(self._root / "publish.lock", _LOCK_SECONDS)


def _age(entry: Path) -> float:
    try:
        return max(time.time() - entry.stat().st_mtime, 0.0)
    except FileNotFoundError:
        return 0.0
