"""What lies at a path: a file, a folder or a zip, opened within bounds and told by content, not by name."""

from __future__ import annotations

import difflib
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from storecast.forecasting.quality import refuse

__all__ = ["DAMAGED_ZIP", "MAX_RATIO", "MAX_UNPACKED", "RawFile", "is_workbook", "open_files", "stem"]

MAX_UNPACKED = 2 * 2**30  # bytes a zip may unpack to, all members together
MAX_RATIO = 250  # unpacked to packed; sales tables reach 5 to 30, endless zeros 1,000
_RATIO_FROM = 64 * 2**20  # bytes below which the ratio is nobody's danger
_CHUNK = 2**20
_SUFFIXES = (".csv", ".tsv", ".txt", ".zip", ".xlsx", ".xlsm", ".parquet", ".pq")
_GIVE = (
    "give a CSV, .csv.zip, XLSX or Parquet file, or the folder with train.csv, features.csv and stores.csv"
)


# What the zip reader lets through from the libraries below it.
DAMAGED_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class RawFile:
    """One file's name, as people should see it, and its unpacked content."""

    name: str
    content: bytes


def stem(name: str) -> str:
    """The bare name: ``train`` for ``Train.csv.zip``."""
    return PurePosixPath(name.replace("\\", "/")).name.split(".")[0].strip().lower()


def is_workbook(content: bytes) -> bool:
    """Whether the bytes are an XLSX workbook (a zip with a workbook inside)."""
    if not content.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except DAMAGED_ZIP:
        return False


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith((".", "~$", "__MACOSX")) for part in parts if part not in (".", ".."))


def _too_big(name: str, found: str) -> Exception:
    return refuse(
        "zip_too_big",
        f"{name} unpacks to far more than a sales file holds.",
        "unpack it yourself and look at what is inside",
        file=name,
        expected=f"at most {MAX_UNPACKED / 2**30:g} GiB in all and {MAX_RATIO} times the packed size",
        found=found,
    )


def _unpack(name: str, content: bytes, *, nested: bool = False) -> list[RawFile]:
    """The data files of a zip; counts what really comes out instead of believing what the zip says."""
    damaged = "download or copy the file again; it is damaged or was cut off"
    members: list[RawFile] = []
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [e for e in archive.infolist() if not e.is_dir()]
            for entry in entries:
                path = PurePosixPath(entry.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts or path.parts[0].endswith(":"):
                    raise refuse(
                        "zip_path",
                        f"{name} holds a member whose name points outside: {entry.filename}",
                        "pack the plain file again",
                        file=name,
                        expected="plain file names",
                        found=entry.filename,
                    )
            wanted = [
                e for e in entries if not _hidden(e.filename) and e.filename.lower().endswith(_SUFFIXES)
            ]
            if declared := sum(e.file_size for e in wanted):
                packed = sum(e.compress_size for e in wanted)
                if declared > MAX_UNPACKED or (
                    declared > _RATIO_FROM and declared > MAX_RATIO * max(packed, 1)
                ):
                    raise _too_big(name, f"{declared:,} bytes from {packed:,}")
            for entry in wanted:
                if entry.flag_bits & 1:
                    raise refuse(
                        "zip_encrypted",
                        f"{name} is protected by a password.",
                        "unpack it and give the file inside",
                        file=name,
                    )
                chunks = []
                with archive.open(entry) as stream:
                    while chunk := stream.read(_CHUNK):
                        total += len(chunk)
                        if total > MAX_UNPACKED or total > max(_RATIO_FROM, MAX_RATIO * len(content)):
                            raise _too_big(name, f"more than {total:,} bytes from {len(content):,}")
                        chunks.append(chunk)
                data = b"".join(chunks)
                inner = f"{name} ({PurePosixPath(entry.filename).name})"
                if data.startswith(b"PK") and not is_workbook(data):
                    if nested:
                        raise refuse(
                            "zip_nested", f"{inner} is a zip in a zip in a zip.", "unpack it", file=name
                        )
                    members += [RawFile(m.name, m.content) for m in _unpack(inner, data, nested=True)]
                else:
                    members.append(RawFile(inner, data))
    except DAMAGED_ZIP as error:
        raise refuse(
            "zip_damaged",
            f"{name} cannot be unpacked: {error}",
            damaged,
            file=name,
            expected="a whole zip file",
            found=f"{len(content):,} bytes",
        ) from error
    if not members:
        raise refuse(
            "zip_without_data",
            f"{name} holds no data file.",
            _GIVE,
            file=name,
            expected="a CSV, XLSX or Parquet file inside",
            found=", ".join(e.filename for e in entries[:5]) or "an empty zip",
        )
    return members


def _read(path: Path) -> list[RawFile]:
    """A file's content; the members of a zip."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise refuse(
            "unreadable_file",
            f"{path} cannot be read: {error.strerror}.",
            "check the file's permissions",
            file=str(path),
        ) from error
    if not content.strip():
        raise refuse(
            "empty_file",
            f"{path.name} is empty.",
            _GIVE,
            file=path.name,
            expected="a header and rows",
            found=f"{len(content)} bytes",
        )
    if content.startswith(b"PK") and not is_workbook(content):
        return _unpack(path.name, content)
    if path.suffix.lower() == ".zip" and not is_workbook(content):
        raise refuse(
            "zip_damaged",
            f"{path.name} is not a zip file.",
            "download or copy the file again",
            file=path.name,
            expected="a zip file",
            found=repr(content[:16]),
        )
    return [RawFile(path.name, content)]


def _missing(path: Path) -> Exception:
    parent = path.parent
    names = [p.name for p in parent.iterdir()] if parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=2, cutoff=0.6)
    found = "nothing there" + (f", but {' and '.join(near)}" if near else "")
    if not parent.is_dir():
        found = f"the folder {parent} is not there either"
    return refuse(
        "no_such_path",
        f"There is no file or folder {path}.",
        "check the path's spelling",
        file=str(path),
        expected="a file or folder",
        found=found,
    )


def _folder_files(path: Path) -> Iterable[Path]:
    try:
        files = sorted(p for p in path.iterdir() if p.is_file() and not _hidden(p.name))
    except OSError as error:
        raise refuse(
            "unreadable_file",
            f"{path} cannot be read: {error.strerror}.",
            "check the folder's permissions",
            file=str(path),
        ) from error
    data = [p for p in files if p.name.lower().endswith(_SUFFIXES)]
    if not data:
        raise refuse(
            "folder_without_data",
            f"The folder {path} holds no sales file.",
            _GIVE,
            file=str(path),
            expected="train.csv or train.csv.zip, or one sales file",
            found=", ".join(sorted(p.name for p in path.iterdir())[:8]) or "an empty folder",
        )
    kaggle = [p for p in data if stem(p.name) in ("train", "test", "features", "stores")]
    if not any(stem(p.name) == "train" for p in kaggle):
        return data
    # The unpacked copy wins over the packed one.
    by_stem = {stem(p.name): p for p in sorted(kaggle, key=lambda p: p.suffix.lower() != ".zip")}
    return by_stem.values()


def open_files(path: Path) -> list[RawFile]:
    """The data files at ``path``, unpacked; raises ``SalesRefusedError`` where there is nothing to read.

    A folder with a ``train`` file gives train, test, features and stores; any other all its data files.
    """
    if path.is_dir():
        return [file for p in _folder_files(path) for file in _read(p)]
    if not path.exists():
        raise _missing(path)
    if not path.is_file():
        raise refuse("not_a_file", f"{path} is neither a file nor a folder.", _GIVE, file=str(path))
    return _read(path)
