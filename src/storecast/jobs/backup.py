"""Back up, verify, restore: one archive a backup, of all that cannot be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from storecast.errors import BackupError, RequestError, StorecastError
from storecast.ports.backups import Archives, BackupRun, BackupRuns, Contents, Shelf, State, Stored

__all__ = ["BackedUp", "Restored", "back_up", "chosen", "fill", "preparing", "restore", "verify"]

Folder = Callable[[], AbstractContextManager[str]]
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class BackedUp:
    """``removed``: names of older archives that were not kept; ``trial``: what a restore for a trial found,
    None where none was asked for; ``noted``: whether the log knows of it, for the metrics."""

    stored: Stored
    contents: Contents
    encrypted: bool
    removed: tuple[str, ...]
    trial: Restored | None
    noted: bool

    @property
    def left_out(self) -> list[str]:
        """Registered versions that are not in the backup, each with why."""
        return _left_out(self.contents)


@dataclass(frozen=True)
class Restored:
    """``counts``: what the state has, by kind; ``noted`` as in ``BackedUp``."""

    name: str
    contents: Contents
    counts: Mapping[str, int]
    noted: bool = False

    @property
    def left_out(self) -> list[str]:
        """Registered versions that are not in the backup, each with why."""
        return _left_out(self.contents)


def _left_out(contents: Contents) -> list[str]:
    """Registered versions that are not in a backup, each with why."""
    return list(contents.about.get("registry", {}).get("left_out", ()))


def _named(now: datetime) -> str:
    return f"storecast-{now.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z.backup"


@dataclass
class _Attempt:
    """How far an attempt came."""

    name: str
    size: int = 0
    noted: bool = field(default=False, init=False)


@contextmanager
def _noted(runs: BackupRuns | None, kind: str, clock: Clock, attempt: _Attempt) -> Iterator[None]:
    """Write down how the block ended, whatever ended it."""
    began, failure = clock(), "it was broken off"
    try:
        yield
        failure = ""
    except StorecastError as error:
        failure = error.message()
        raise
    finally:
        ended = clock()
        at, seconds = int(ended.timestamp() * 1e6), (ended - began).total_seconds()
        run = BackupRun(at, kind, attempt.name, attempt.size, seconds, failure)
        attempt.noted = runs is not None and runs.record(run)


@contextmanager
def preparing(runs: BackupRuns | None, kind: str, clock: Clock) -> Iterator[None]:
    """Write down that it failed before it began: a key that cannot be read, no archive to verify. What was
    asked for wrongly is no failure."""
    began = clock()
    try:
        yield
    except RequestError:
        raise
    except StorecastError as error:
        if runs is not None:
            ended = clock()
            seconds = (ended - began).total_seconds()
            runs.record(BackupRun(int(ended.timestamp() * 1e6), kind, "", 0, seconds, error.message()))
        raise


def back_up(
    state: State,
    shelf: Shelf,
    archives: Archives,
    scratch: Folder,
    *,
    clock: Clock,
    keep: int | None = None,
    trial: bool = False,
    runs: BackupRuns | None = None,
) -> BackedUp:
    """Capture ``state`` and put it on ``shelf``; of older archives the latest are kept, ``keep`` with the new
    one. Nothing is removed before the new one is there whole, and with ``trial`` was restored from.
    What came of it is written to ``runs``. Raises ``BackupError``."""
    now = clock()
    attempt = _Attempt(_named(now))
    with _noted(runs, "create", clock, attempt):
        stored, contents = _stored(state, shelf, archives, scratch, attempt.name, now)
        attempt.size = stored.size
    restored = None
    if trial:
        restored = verify(state, shelf, archives, scratch, stored.name, clock=clock, runs=runs)
    others = [item.name for item in shelf.listing() if item.name < stored.name]
    removed = tuple(others[: len(others) - (keep - 1)] if keep is not None and len(others) >= keep else ())
    for old in removed:
        shelf.remove(old)
    return BackedUp(stored, contents, archives.encrypted, removed, restored, attempt.noted)


def _stored(
    state: State, shelf: Shelf, archives: Archives, scratch: Folder, name: str, now: datetime
) -> tuple[Stored, Contents]:
    with scratch() as folder:
        about, pieces = state.capture(folder)
        with shelf.writing(name) as target:
            created = now.astimezone(UTC).isoformat(timespec="milliseconds")
            contents = archives.write(target, created, about, pieces)
    stored = _on(shelf, name)
    if stored is None:
        raise BackupError("the backup was written and is not there", where=shelf.where, found=name)
    return stored, contents


def _on(shelf: Shelf, name: str) -> Stored | None:
    return next((item for item in shelf.listing() if item.name == name), None)


def chosen(shelf: Shelf, name: str = "") -> str:
    """``name``, or the latest archive; raises ``RequestError`` where no such is on the shelf, ``BackupError``
    where there is none at all."""
    there = [item.name for item in shelf.listing()]
    if not there or (name and name not in there):
        raise (RequestError if name else BackupError)(
            "there is no such backup" if name else "there is no backup",
            where=shelf.where,
            expected=name or "an archive whose name ends with .backup",
            found=f"{len(there)} others" if there else "none",
            remedy="see `storecast backup list`, or name another place",
        )
    return name or there[-1]


def verify(
    state: State,
    shelf: Shelf,
    archives: Archives,
    scratch: Folder,
    name: str,
    *,
    clock: Clock,
    runs: BackupRuns | None = None,
) -> Restored:
    """Restore ``name`` into a scratch folder: every file is the one that was captured, and all is sound.
    What came of it is written to ``runs``."""
    there = _on(shelf, name)
    attempt = _Attempt(name, 0 if there is None else there.size)
    with _noted(runs, "verify", clock, attempt), scratch() as folder:
        done = _unpacked(state, shelf, archives, folder, name)
    return replace(done, noted=attempt.noted)


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


def fill(state: State, shelf: Shelf, archives: Archives, scratch: Folder, name: str) -> Restored:
    """Put back of ``name`` the registered versions that are missing, after all of it was read and found
    sound; whatever serves goes on."""
    with scratch() as folder:
        done = _unpacked(state, shelf, archives, folder, name)
        state.fill(folder, done.contents.about)
        return done


def _unpacked(state: State, shelf: Shelf, archives: Archives, folder: str, name: str) -> Restored:
    with shelf.reading(name) as source:
        contents = archives.read(source, folder)
    return Restored(name, contents, state.check(folder, contents.about))
