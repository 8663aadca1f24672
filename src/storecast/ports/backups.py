"""Backups: what is kept, where it is kept, and the archive that carries it from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

__all__ = ["Archives", "BackupRun", "BackupRuns", "Contents", "Piece", "Shelf", "State", "Stored"]


@dataclass(frozen=True)
class Piece:
    """One file of a backup: ``name`` in the archive, with slashes; ``path`` where its bytes lie now."""

    name: str
    path: str


@dataclass(frozen=True)
class Contents:
    """What an archive says of itself: ``about`` the state, as ``State.capture`` told it, and ``files``:
    name -> (bytes, hex SHA-256)."""

    created: str
    about: Mapping[str, Any]
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


@dataclass(frozen=True)
class Stored:
    """One archive on a shelf: its ``name``, which sorts by time, and its ``size`` in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class BackupRun:
    """One attempt to make a backup (``kind`` "create") or to restore it for a trial ("verify"): ``at`` which
    it ended, in microseconds since 1970, UTC, after how many ``seconds``; the archive's ``name`` and ``size``
    in bytes, as far as it came; ``failure``: why it ended, empty where all went well."""

    at: int
    kind: str
    name: str
    size: int
    seconds: float
    failure: str


class BackupRuns(Protocol):
    """What came of backups, for whoever asks the service."""

    def record(self, run: BackupRun) -> bool:
        """Write one down. False where that cannot be: a backup is none the worse for it."""
        ...

    def latest(self, kind: str, *, good: bool = False) -> BackupRun | None:
        """The last one, or the last that went well; None where there was none. Raises ``LogError``."""
        ...


class State(Protocol):
    """All that a backup keeps: forecast log, registry, release folder, trust list, settings."""

    def capture(self, folder: str) -> tuple[Mapping[str, Any], Iterable[Piece]]:
        """A consistent picture while others go on writing: what is told about it, and its files.

        ``folder``: an empty one for copies, which must last until the pieces were read.
        """
        ...

    def check(self, folder: str, about: Mapping[str, Any]) -> Mapping[str, int]:
        """See that the files in ``folder`` are a sound state, and the one that ``about`` tells of: how many
        entries and versions it has. Raises ``BackupError`` where it is not."""
        ...

    def check_free(self, *, force: bool) -> None:
        """Raise ``ConflictError`` where a state is here already and not to be replaced, or is at work."""
        ...

    def replace(self, folder: str, about: Mapping[str, Any]) -> None:
        """Put the files of ``folder`` in the place of what is here: all of them, or none."""
        ...

    def fill(self, folder: str, about: Mapping[str, Any]) -> None:
        """Put back what the registry lacks of the versions in ``folder``, and nothing else; others may be at
        work meanwhile. Raises ``BackupError`` where this registry takes no single versions."""
        ...


class Shelf(Protocol):
    """Where archives lie. An archive is never changed and never written over."""

    where: str

    def listing(self) -> list[Stored]:
        """All archives, oldest first."""
        ...

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A new archive, which is there at the end of the block; where that raises, nothing is."""
        ...

    def reading(self, name: str) -> AbstractContextManager[BinaryIO]:
        """An archive's bytes; raises ``BackupError`` where there is no such archive."""
        ...

    def remove(self, name: str) -> None:
        """Remove one archive."""
        ...


class Archives(Protocol):
    """The form of an archive: a stream of bytes of which none can be changed unseen."""

    encrypted: bool

    def write(
        self, target: BinaryIO, created: str, about: Mapping[str, Any], pieces: Iterable[Piece]
    ) -> Contents:
        """Write one archive."""
        ...

    def read(self, source: BinaryIO, folder: str) -> Contents:
        """Write the files of an archive into the empty ``folder``; raises ``BackupError`` where anything is
        not as it was written, and then the folder's content is worth nothing."""
        ...
