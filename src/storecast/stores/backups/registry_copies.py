"""The embedded registry in a backup: MLflow's database as it is at one moment, and the files of its runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

from storecast.errors import ArtifactError, BackupError
from storecast.ports.backups import Piece
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.backups.log_copies import copy_sqlite, sound_sqlite

__all__ = ["RegistryCopies", "check_whole", "files_below", "fits_kind"]

_VERSIONS = """
SELECT v.name, v.version, v.source, t.value FROM model_versions v JOIN model_version_tags t
ON t.name = v.name AND t.version = v.version AND t.key = 'storecast.digest'
WHERE v.current_stage <> 'Deleted_Internal'
"""
_KINDS = {"embedded": "a registry in the home folder", "tracking": "a tracking server"}


def check_whole(folder: Path, path: Path, digest: str, who: str) -> None:
    """Raise ``BackupError`` where the artifact at ``path``, in the unpacked ``folder``, is not that of
    ``digest``; ``who`` names the version."""
    try:
        ArtifactFolders().check(str(path), digest)
    except ArtifactError as error:
        raise BackupError(
            f"{who} is not whole in the backup",
            where=str(path.relative_to(folder)),
            found=error.what,
            remedy="use another backup: `storecast backup list` shows them",
        ) from error


def files_below(root: Path) -> Iterator[tuple[str, Path]]:
    """Every plain file with its path from ``root``; neither locks nor what is being written or removed."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if (
                not name.startswith(".")
                and path.suffix != ".lock"
                and path.is_file()
                and not path.is_symlink()
            ):
                yield path.relative_to(root).as_posix(), path


def fits_kind(found: str, ours: str, where: str) -> None:
    """Raise ``BackupError`` where a backup's registry, of kind ``found``, does not go into one like ours."""
    if found not in ("none", ours):
        raise BackupError(
            "the backup's registry is of another kind",
            where=where,
            expected=_KINDS[ours],
            found=_KINDS.get(found, found),
            remedy="set STORECAST_TRACKING_URI as it was where the backup was made, to an empty registry",
        )


class RegistryCopies:
    """Of the registry in the folder ``home``."""

    kind = "embedded"

    def __init__(self, home: Path) -> None:
        self._home = home

    def capture(self, folder: Path) -> tuple[Mapping[str, Any], Iterator[Piece]]:
        """The database first: what it names lies there already, and stays."""
        source = self._home / "mlflow.db"
        if not source.exists():
            return {"kind": "none"}, iter(())
        copy = folder / "mlflow.db"
        copy_sqlite(source, copy)

        def pieces() -> Iterator[Piece]:
            yield Piece("registry/mlflow.db", str(copy))
            for name, path in files_below(self._home / "mlruns"):
                yield Piece(f"registry/mlruns/{name}", str(path))

        return {"kind": self.kind}, pieces()

    def counts(self, folder: Path, about: Mapping[str, Any]) -> dict[str, int]:
        """How many versions there are, each of which was read whole; raises ``BackupError``."""
        if about["kind"] != self.kind:
            return {}
        with closing(sound_sqlite(folder / "registry" / "mlflow.db")) as database:
            versions = database.execute(_VERSIONS).fetchall()
        for name, number, source, digest in versions:
            path = folder / "registry" / "mlruns" / source.rpartition("/mlruns/")[2] / "data"
            check_whole(folder, path, digest, f"version {number} of {name}")
        return {"versions": len(versions)}

    def occupied(self) -> bool:
        """Whether there is a registry already."""
        return (self._home / "mlflow.db").exists()

    def fits(self, about: Mapping[str, Any]) -> None:
        """Raise ``BackupError`` where the backup's registry is of another kind than ours."""
        fits_kind(about["kind"], self.kind, str(self._home))

    def fill(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Refused: the files of this registry are replaced as a whole, or not."""
        raise BackupError(
            "a registry in the home folder is restored with all else",
            where=str(self._home),
            expected="a tracking server, which takes single versions",
            remedy="stop service and follower, and restore without --missing-versions",
        )

    def loading(self, folder: Path, about: Mapping[str, Any]) -> AbstractContextManager[Callable[[], None]]:
        """Nothing beside the files."""
        return nullcontext(lambda: None)

    def files(self, folder: Path, about: Mapping[str, Any]) -> list[tuple[Path | None, Path]]:
        """What takes which file's place; None: nothing."""
        if about["kind"] != self.kind:
            return []
        database, runs = self._home / "mlflow.db", folder / "registry" / "mlruns"
        journals = [database.with_name(database.name + end) for end in ("-wal", "-shm", "-journal")]
        return [
            *((None, path) for path in journals),
            (folder / "registry" / "mlflow.db", database),
            (runs if runs.is_dir() else None, self._home / "mlruns"),
        ]
