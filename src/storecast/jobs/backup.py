"""Back up, verify, restore: one archive a backup, of all that cannot be made again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from storecast.errors import BackupError
from storecast.ports.backups import Archives, Contents, Shelf, State, Stored

__all__ = ["BackedUp", "Restored", "back_up", "chosen", "restore", "verify"]

Folder = Callable[[], AbstractContextManager[str]]


@dataclass(frozen=True)
class BackedUp:
    """``removed``: names of older archives that were not kept."""

    stored: Stored
    contents: Contents
    encrypted: bool
    removed: tuple[str, ...]


@dataclass(frozen=True)
class Restored:
    """``counts``: what the state has, by kind."""

    name: str
    contents: Contents
    counts: Mapping[str, int]


def _named(now: datetime) -> str:
    return f"storecast-{now.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z.backup"


def back_up(
    state: State, shelf: Shelf, archives: Archives, scratch: Folder, *, now: datetime, keep: int | None = None
) -> BackedUp:
    """Capture ``state`` and put it on ``shelf``; of older archives the latest are kept, ``keep`` with the new
    one. Nothing is removed before the new one is there whole. Raises ``BackupError``."""
    name = _named(now)
    with scratch() as folder:
        about, pieces = state.capture(folder)
        with shelf.writing(name) as target:
            created = now.astimezone(UTC).isoformat(timespec="milliseconds")
            contents = archives.write(target, created, about, pieces)
    there = shelf.listing()
    stored = next((item for item in there if item.name == name), None)
    if stored is None:
        raise BackupError("the backup was written and is not there", where=shelf.where, found=name)
    others = [item.name for item in there if item.name < name]
    removed = tuple(others[: len(others) - (keep - 1)] if keep is not None and len(others) >= keep else ())
    for old in removed:
        shelf.remove(old)
    return BackedUp(stored, contents, archives.encrypted, removed)


def chosen(shelf: Shelf, name: str = "") -> str:
    """``name``, or the latest archive; raises ``BackupError`` where it is not on the shelf."""
    there = [item.name for item in shelf.listing()]
    if not there or (name and name not in there):
        raise BackupError(
            "there is no such backup" if name else "there is no backup",
            where=shelf.where,
            expected=name or "an archive whose name ends with .backup",
            found=f"{len(there)} others" if there else "none",
            remedy="see `storecast backup list`, or name another place",
        )
    return name or there[-1]


def verify(state: State, shelf: Shelf, archives: Archives, scratch: Folder, name: str) -> Restored:
    """Restore ``name`` into a scratch folder: every file is the one that was captured, and all is sound."""
    with scratch() as folder:
        return _unpacked(state, shelf, archives, folder, name)


def restore(
    state: State, shelf: Shelf, archives: Archives, scratch: Folder, name: str, *, force: bool = False
) -> Restored:
    """Put ``name`` in the place of what is here, after all of it was read and found sound.

    Raises ``ConflictError`` where a state is here and ``force`` is not given, or a process works on it.
    """
    state.check_free(force=force)
    with scratch() as folder:
        done = _unpacked(state, shelf, archives, folder, name)
        state.replace(folder, done.contents.about)
        return done


def _unpacked(state: State, shelf: Shelf, archives: Archives, folder: str, name: str) -> Restored:
    with shelf.reading(name) as source:
        contents = archives.read(source, folder)
    return Restored(name, contents, state.check(folder, contents.about))
