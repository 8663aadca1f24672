"""The state of one installation: captured while it works, and put back where nothing does.

In the archive: ``log/``, ``spool/``, ``registry/``, ``releases/<model>/``, ``signing/``.

Spools are copied before the database: an entry that is put into the database meanwhile is in both, and one
that is in neither was not acknowledged before the capture began. The pointer of a release folder is copied
before its versions, the registry's database before its artifacts: what they name is there already.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from storecast.errors import ArtifactError, BackupError, ConflictError
from storecast.ports.backups import Piece
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.backups.exchange import exchanged, put_right
from storecast.stores.backups.log_copies import LogCopies
from storecast.stores.backups.registry_copies import RegistryCopies, files_below
from storecast.stores.backups.tracking_copies import TrackingCopies
from storecast.stores.release_pointer import POINTER, parse_pointer, read_pointer

__all__ = ["LiveState"]

_CACHES = ("copies/keys.json", "copies/overrides.json")  # of the database's tables, made again from them
_SPOOLED = (".spool", ".damaged", ".jsonl")
_TRUST, _KEY = "signing/trusted.json", "signing/key.pem"


class LiveState:
    """The ``State`` port. ``told``: what else the archive says of the state; ``trust``, ``key``: where the
    trust list and the private key lie, None for one that is left out; ``spools``: folders of replicas that
    have a home of their own."""

    def __init__(
        self,
        home: Path,
        log: LogCopies,
        registry: RegistryCopies | TrackingCopies,
        *,
        told: Mapping[str, Any],
        trust: Path | None,
        key: Path | None = None,
        spools: Sequence[Path] = (),
    ) -> None:
        self._spools = spools
        self._home, self._log, self._registry, self._told = home, log, registry, told
        self._signing = {name: path for name, path in ((_TRUST, trust), (_KEY, key)) if path is not None}

    def capture(self, folder: str) -> tuple[Mapping[str, Any], Iterable[Piece]]:
        """See ``ports.backups.State.capture``."""
        scratch = Path(folder)
        try:
            spooled = list(self._spool(scratch / "spool"))
            log, logged = self._log.capture(scratch)
            published = list(self._pointers(scratch / "releases"))
            registry, registered = self._registry.capture(scratch)
            signing = [Piece(name, str(path)) for name, path in self._signing.items() if path.is_file()]
        except OSError as error:
            raise BackupError(
                "the state cannot be copied",
                where=str(error.filename or folder),
                found=error.strerror or str(error),
                remedy="check the permissions of the home folder, and the free space of the temporary one",
            ) from error
        about = {**self._told, "log": dict(log), "registry": registry}

        def pieces() -> Iterator[Piece]:
            yield from (*spooled, *logged, *published, *signing)
            yield from self._versions()
            yield from registered

        return about, pieces()

    def check(self, folder: str, about: Mapping[str, Any]) -> Mapping[str, int]:
        """See ``ports.backups.State.check``."""
        root = Path(folder)
        counts = self._log.counts(root, about["log"]) | self._registry.counts(root, about["registry"])
        published = 0
        for model in self._models(root):
            info = parse_pointer(read_pointer(model), f"releases/{model.name}/{POINTER}")
            if not (model / "versions" / info.digest).is_dir():
                raise BackupError(
                    "the version that served is not in the backup", where=model.name, found=info.digest
                )
            for version in sorted((model / "versions").iterdir()):
                try:
                    ArtifactFolders().check(str(version), version.name)
                except ArtifactError as error:
                    where = f"releases/{model.name}/versions/{version.name}"
                    raise BackupError(
                        "a published version is not whole in the backup", where=where, found=error.what
                    ) from error
                published += 1
        return counts | {"published": published}

    def check_free(self, *, force: bool) -> None:
        """See ``ports.backups.State.check_free``."""
        if (busy := self._busy()) is not None:
            raise ConflictError(
                "a process is at work on what would be replaced",
                where=str(busy),
                expected="no service, follower or job that uses this home",
                remedy="stop them (`storecast serve`, `follow`, `train`, `update`), then restore",
            )
        put_right(self._targets())
        occupied = self._log.occupied() or self._registry.occupied() or self._models(self._home)
        if occupied and not force:
            raise ConflictError(
                "there is a state here already",
                where=str(self._home),
                expected="an empty home and an empty database of the forecast log",
                remedy="set STORECAST_HOME to an empty folder, or replace what is here with --force",
            )

    def replace(self, folder: str, about: Mapping[str, Any]) -> None:
        """See ``ports.backups.State.replace``."""
        root = Path(folder)
        self._log.fits(about["log"])
        self._registry.fits(about["registry"])
        units: list[tuple[Path | None, Path]] = [(None, self._home / name) for name in _CACHES]
        units += [*self._log.files(root, about["log"]), *self._registry.files(root, about["registry"])]
        units += [(model, self._home / "releases" / model.name) for model in self._models(root)]
        units += [(root / name, path) for name, path in self._signing.items() if (root / name).is_file()]
        units += self._spooled_before(root)
        try:
            with (
                self._registry.loading(root, about["registry"]) as aim,
                self._log.loading(root, about["log"]) as commit,
                exchanged(units),
            ):
                aim()
                commit()
            self._log.take_in(self._home / "spool")
        except OSError as error:
            raise BackupError(
                "the backup cannot be put in its place; all is as it was",
                where=str(error.filename or self._home),
                found=error.strerror or str(error),
                remedy="check the permissions and the free space of the home folder",
            ) from error

    def fill(self, folder: str, about: Mapping[str, Any]) -> None:
        """See ``ports.backups.State.fill``."""
        self._registry.fits(about["registry"])
        self._registry.fill(Path(folder), about["registry"])

    def _spool(self, copies: Path) -> Iterator[Piece]:
        copies.mkdir()
        for folder in self._spools:
            if not folder.is_dir():
                raise BackupError(
                    "a replica's spool is not there",
                    where=str(folder),
                    expected="the folder `spool` in the home of a service",
                    remedy="correct STORECAST_BACKUP_SPOOLS, mount the volume, or start that service once",
                )
        folders = [("", self._home / "spool"), *((f"r{k}-", path) for k, path in enumerate(self._spools, 1))]
        for mark, folder in folders:
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if path.suffix in _SPOOLED:
                    copy = copies / f"{mark}{path.name}"
                    try:
                        shutil.copyfile(path, copy)
                    except FileNotFoundError:  # its entries are in the database by now
                        continue
                    if copy.stat().st_size:
                        yield Piece(f"spool/{copy.name}", str(copy))

    def _spooled_before(self, root: Path) -> Iterator[tuple[Path | None, Path]]:
        """Beside what waits here, which is put into the restored database too: no id enters it twice."""
        folder = root / "spool"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            target = self._home / "spool" / f"{path.stem}-restored{path.suffix}"
            if path.suffix != ".jsonl" or not target.exists():
                yield path, target

    def _pointers(self, copies: Path) -> Iterator[Piece]:
        for model in self._models(self._home):
            copy = copies / model.name / POINTER
            copy.parent.mkdir(parents=True)
            copy.write_bytes(read_pointer(model))
            yield Piece(f"releases/{model.name}/{POINTER}", str(copy))

    def _versions(self) -> Iterator[Piece]:
        for model in self._models(self._home):
            for name, path in files_below(model):
                if name != POINTER:
                    yield Piece(f"releases/{model.name}/{name}", str(path))

    def _models(self, root: Path) -> list[Path]:
        return sorted(path.parent for path in root.glob(f"releases/*/{POINTER}"))

    def _targets(self) -> list[Path]:
        """Whatever an exchange may have touched."""
        home = self._home
        names = ("mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "mlflow.db-journal", "mlruns", *_CACHES)
        log = (
            []
            if self._log.path is None
            else [self._log.path.with_name(self._log.path.name + end) for end in ("", "-wal", "-shm")]
        )
        hidden = {path.name[1:-13] for path in home.glob("releases/.*.????????.*")}
        models = [home / "releases" / name for name in sorted(hidden)]
        return [*(home / name for name in names), *log, *models, *self._signing.values()]

    def _busy(self) -> Path | None:
        """A lock that a living process holds.

        A shared one is asked for: a replica's spools may be there to be read alone, and on NFS only a file
        opened for writing may be locked for oneself. Whoever is at work holds his for himself, and is seen.
        """
        patterns = ("spool/*.spool", "releases/*/follow.lock", "locks/*.lock")
        found = [path for pattern in patterns for path in sorted(self._home.glob(pattern))]
        for path in (*found, *(path for folder in self._spools for path in sorted(folder.glob("*.spool")))):
            try:
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):  # the other is what some file systems say
                return path
            finally:
                os.close(handle)
        return None
