"""Where archives lie: a folder, or a bucket of S3 or of a server that speaks like it."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from storecast.errors import BackupError, ConflictError
from storecast.ports.backups import Shelf, Stored
from storecast.stores.disk import sync_folder

__all__ = ["BucketShelf", "FolderShelf", "shelf_at"]

T = TypeVar("T")
_ARCHIVE = re.compile(r"[a-z0-9][A-Za-z0-9._-]*\.backup", re.ASCII)


def shelf_at(place: str, *, endpoint: str = "") -> Shelf:
    """The shelf at ``place``: ``s3://bucket/prefix``, or a folder. ``endpoint``: of another S3."""
    if place.startswith("s3://"):
        return BucketShelf(place, endpoint=endpoint)
    return FolderShelf(Path(place))


class FolderShelf:
    """The ``Shelf`` port on a folder; archives are readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.where = folder.absolute(), str(folder)

    def listing(self) -> list[Stored]:
        """See ``ports.backups.Shelf.listing``."""
        try:
            entries = sorted(self._folder.iterdir())
            names = [path for path in entries if _ARCHIVE.fullmatch(path.name)]
            return [Stored(path.name, path.stat().st_size) for path in names]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _refused(self.where, error) from error

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """See ``ports.backups.Shelf.writing``."""
        target = self._folder / _checked(name)
        partial = target.with_name(f".{name}.{secrets.token_hex(4)}.partial")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                with open(handle, "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    os.link(partial, target)  # unlike a rename this never takes another archive's place
                except FileExistsError as error:
                    raise _taken(str(target)) from error
            finally:
                partial.unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise _refused(self.where, error) from error

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """See ``ports.backups.Shelf.reading``."""
        try:
            with open(self._folder / _checked(name), "rb") as file:
                yield file
        except OSError as error:
            raise _refused(str(self._folder / name), error) from error

    def remove(self, name: str) -> None:
        """See ``ports.backups.Shelf.remove``."""
        try:
            (self._folder / _checked(name)).unlink(missing_ok=True)
        except OSError as error:
            raise _refused(self.where, error) from error


class BucketShelf:
    """The ``Shelf`` port on S3. Credentials and region are those of the usual environment (``AWS_...``),
    files and roles included. An archive appears when its upload is complete."""

    def __init__(self, place: str, *, endpoint: str = "") -> None:
        self.where, self._prefix = place, place.removeprefix("s3://").strip("/")
        self._endpoint = endpoint
        self._made: Any = None

    @property
    def _store(self) -> Any:
        if self._made is None:
            from pyarrow.fs import S3FileSystem

            options: dict[str, Any] = {"connect_timeout": 10, "request_timeout": 60}
            if self._endpoint:
                scheme, _, address = self._endpoint.rpartition("://")
                options |= {"endpoint_override": address, "scheme": scheme or "https"}
                options |= {"region": os.environ.get("AWS_REGION", "us-east-1")}
            self._made = self._asked(lambda: S3FileSystem(**options))
        return self._made

    def listing(self) -> list[Stored]:
        """See ``ports.backups.Shelf.listing``."""
        from pyarrow.fs import FileSelector, FileType

        found = self._asked(
            lambda: self._store.get_file_info(FileSelector(self._prefix, allow_not_found=True))
        )
        files = [item for item in found if item.type == FileType.File and _ARCHIVE.fullmatch(item.base_name)]
        return [Stored(item.base_name, item.size) for item in sorted(files, key=lambda item: item.base_name)]

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """See ``ports.backups.Shelf.writing``."""
        from pyarrow.fs import FileType

        path = f"{self._prefix}/{_checked(name)}"
        if self._asked(lambda: self._store.get_file_info(path)).type != FileType.NotFound:
            raise _taken(f"s3://{path}")
        stream = self._asked(lambda: self._store.open_output_stream(path))
        try:
            yield stream
            self._asked(stream.close)
        except BaseException as error:
            with suppress(OSError):  # closing completes an upload: what is half must go
                stream.close()
            with suppress(OSError):
                self._store.delete_file(path)
            if isinstance(error, OSError):
                raise _refused(self.where, error) from error
            raise

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """See ``ports.backups.Shelf.reading``."""
        path = f"{self._prefix}/{_checked(name)}"
        try:
            with self._store.open_input_stream(path) as stream:
                yield stream
        except OSError as error:
            raise _refused(f"s3://{path}", error) from error

    def remove(self, name: str) -> None:
        """See ``ports.backups.Shelf.remove``."""
        self._asked(lambda: self._store.delete_file(f"{self._prefix}/{_checked(name)}"))

    def _asked(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except OSError as error:
            raise _refused(self.where, error) from error


def _checked(name: str) -> str:
    if not _ARCHIVE.fullmatch(name):
        raise BackupError(
            "this is no name of a backup",
            expected="one as `storecast backup list` shows it",
            found=repr(name)[:80],
        )
    return name


def _taken(where: str) -> ConflictError:
    return ConflictError(
        "a backup is never written over", where=where, remedy="make the backup again: each has its own name"
    )


def _refused(where: str, error: OSError) -> BackupError:
    return BackupError(
        "the place of the backups cannot be used",
        where=where,
        found=(error.strerror or str(error))[:300],
        remedy="check that it is there, its permissions and free space; for S3 also endpoint and credentials",
    )
