"""Artifact folders: one fitted forecaster as plain data files that cannot run code.

    <folder>/manifest.json        schema version, meta, and size and SHA-256 of every other file
    <folder>/<array name>.npy     one array each, written and read without pickle, memory-mappable
    <folder>/<text name>.txt      one UTF-8 text each
    <folder>/manifest.sig         the manifest's signature, where it is signed (``signatures``)

The folder's digest is the SHA-256 of the canonical manifest (sorted keys, one form of each number), so
it covers every byte of every file; the manifest repeats it, so that a hand-edited one is noticed even
where no digest is given. The digest to trust is the one the registry recorded.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storecast import __version__
from storecast.errors import ArtifactError
from storecast.ports import ArtifactContent
from storecast.stores.folders import FolderReader, write_folder
from storecast.stores.manifest import MANIFEST, MAX_BYTES, REMEDY, Entry, Manifest, parse, render
from storecast.stores.signatures import MAX_BYTES as SIGNATURE_BYTES
from storecast.stores.signatures import SIGNATURE, Trust, signature_of
from storecast.stores.signing_keys import SigningKey

__all__ = ["ArtifactFolders"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*", re.ASCII)
_MAX_NAME = 120
_ReadArray = Callable[[str], NDArray[np.generic]]
_ReadText = Callable[[str], str]
_Opened = tuple[Manifest, _ReadArray, _ReadText, Callable[[], Iterator[tuple[str, bytes]]], str]
_MAGIC = b"\x93NUMPY\x01\x00"
# what numpy writes for a plain array, matched instead of evaluated
_HEADER = re.compile(
    r"\{'descr': '(?P<descr>[<|][a-zA-Z]\d{1,9}(\[\w{1,9}\])?)', 'fortran_order': False, "
    r"'shape': \((?P<shape>|\d{1,18},|\d{1,18}(, \d{1,18}){1,30})\), \} *\n",
    re.ASCII,
)
# booleans, integers, floats, fixed-width text and bytes, dates and spans: nothing that points to objects
_KINDS = "biufUSMm"


class ArtifactFolders:
    """The ``ArtifactStore`` on a file system; folders are immutable once written.

    ``signer``: called for the key that signs what is saved; ``trust``: who must have signed what is read.

    >>> digest = ArtifactFolders().save(content, "home/model")     # doctest: +SKIP
    >>> content = ArtifactFolders().load("home/model", digest)     # doctest: +SKIP
    """

    def __init__(
        self, *, signer: Callable[[], SigningKey | None] | None = None, trust: Trust | None = None
    ) -> None:
        self._signer, self._trust = signer, trust

    def save(self, content: ArtifactContent, folder: str) -> str:
        """Write ``content`` as ``folder``, whole or not at all, and return its digest.

        The same content gives the same digest on every machine, whoever signs it. Raises
        ``ArtifactError`` where a name or value cannot be stored as plain data, where ``folder`` exists,
        or the disk refuses.
        """
        arrays: dict[str, Entry] = {}
        texts: dict[str, Entry] = {}
        digest = ""
        key = self._signer() if self._signer is not None else None

        def files() -> Iterator[tuple[str, bytes]]:  # one file in memory at a time
            nonlocal digest
            for name, array in sorted(content.arrays.items()):
                file, data = _file_name(name, ".npy", folder), _array_bytes(name, array)
                arrays[name] = Entry(len(data), hashlib.sha256(data).hexdigest())
                yield file, data
            for name, text in sorted(content.texts.items()):
                file, data = _file_name(name, ".txt", folder), _text_bytes(name, text)
                texts[name] = Entry(len(data), hashlib.sha256(data).hexdigest())
                yield file, data
            data, digest = render(Manifest(__version__, arrays, texts, content.meta))
            yield MANIFEST, data
            if key is not None:
                yield SIGNATURE, signature_of(data, key)

        write_folder(Path(folder), files())
        return digest

    def load(self, folder: str, digest: str | None = None) -> ArtifactContent:
        """Read ``folder`` back after checking names, sizes and digests of all its files.

        ``digest``: the one recorded at registration; where it is given, the folder must be that very
        one. Arrays are views of the bytes that were hashed and therefore read-only. Raises
        ``ArtifactError`` on anything missing, extra, linked, resized, altered or unknown.
        """
        with _opened(folder, digest, self._trust) as (manifest, array, text, _, signer):
            return ArtifactContent(
                arrays={name: array(name) for name in manifest.arrays},
                texts={name: text(name) for name in manifest.texts},
                meta=manifest.meta,
                signed_by=signer,
            )

    def check(self, folder: str, digest: str | None = None) -> None:
        """Refuse what ``load`` would refuse, with no more than one file in memory."""
        with _opened(folder, digest, self._trust) as (manifest, array, text, _, _):
            for name in manifest.arrays:
                array(name)
            for name in manifest.texts:
                text(name)

    def copy(self, folder: str, target: str, digest: str | None = None) -> None:
        """Copy ``folder`` byte for byte as ``target``, whole or not at all; what is written is what was
        checked. Refuses what ``load`` and ``save`` refuse."""
        with _opened(folder, digest, self._trust) as (_, _, _, raw, _):
            write_folder(Path(target), raw())

    def admit(self, folder: str, digest: str) -> None:
        """Refuse a version that is not trusted, or no more; files beside the manifest are not looked at."""
        if self._trust is not None:
            with FolderReader(Path(folder)) as files:
                _signed(files, self._trust, digest)


def _signed(files: FolderReader, trust: Trust | None, digest: str | None) -> tuple[dict[str, bytes], str]:
    """The manifest's bytes, and the signature's where there is one, and whose it is; what is not trusted is
    refused unread."""
    where = str(files.root / MANIFEST)
    if trust is not None and digest is not None:
        trust.check_digest(digest, where)
    head = {MANIFEST: files.read(MANIFEST, limit=MAX_BYTES)}
    if files.holds(SIGNATURE):
        head[SIGNATURE] = files.read(SIGNATURE, limit=SIGNATURE_BYTES)
    signer = "" if trust is None else trust.check(head[MANIFEST], head.get(SIGNATURE), where)
    return head, signer


@contextmanager
def _opened(folder: str, digest: str | None, trust: Trust | None) -> Iterator[_Opened]:
    """The manifest of a folder whose listing is right, how to read its arrays and texts, and all its files as
    they are, checked; and who signed it."""
    root = Path(folder)
    with FolderReader(root) as files:
        head, signer = _signed(files, trust, digest)
        manifest, found = parse(head[MANIFEST], str(root / MANIFEST))
        if trust is not None and digest is None:
            trust.check_digest(found, str(root / MANIFEST))
        if digest is not None and found != digest:
            raise ArtifactError(
                "the model folder is not the one that was registered",
                where=folder,
                expected=f"digest {digest}",
                found=f"digest {found}",
                remedy=REMEDY,
            )
        arrays = {name: _file_name(name, ".npy", folder) for name in manifest.arrays}
        texts = {name: _file_name(name, ".txt", folder) for name in manifest.texts}
        files.check_names({*head, *arrays.values(), *texts.values()})

        def raw() -> Iterator[tuple[str, bytes]]:
            yield from ((file, _checked(files, file, manifest.arrays[name])) for name, file in arrays.items())
            yield from ((file, _checked(files, file, manifest.texts[name])) for name, file in texts.items())
            yield from head.items()

        yield (
            manifest,
            lambda name: _array_from(
                _checked(files, arrays[name], manifest.arrays[name]), str(root / arrays[name])
            ),
            lambda name: _text_from(
                _checked(files, texts[name], manifest.texts[name]), str(root / texts[name])
            ),
            raw,
            signer,
        )


def _file_name(name: str, suffix: str, where: str) -> str:
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise ArtifactError(
            "a name in the model folder is not a plain file name",
            where=where,
            expected=f"at most {_MAX_NAME} of a-z 0-9 _ - and single dots between them",
            found=repr(name[:_MAX_NAME]),
            remedy="rename it, or take the folder from a source you trust",
        )
    return name + suffix


def _plain(dtype: np.dtype[np.generic]) -> bool:
    # long double differs between machines; a record could hide an object
    known = dtype.kind in _KINDS and not dtype.hasobject and dtype.itemsize > 0
    return known and (dtype.kind != "f" or dtype.itemsize <= 8)


def _array_bytes(name: str, array: NDArray[np.generic]) -> bytes:
    array = np.asarray(array)
    if not _plain(array.dtype):
        raise ArtifactError(
            "an array cannot be stored as plain data",
            where=name,
            expected="numbers, booleans, dates or fixed-width text",
            found=f"dtype {array.dtype}",
            remedy="convert it, for example with astype(str) or astype(float)",
        )
    # one byte order and one layout, so that equal content has equal digests everywhere
    plain = np.asarray(array.astype(array.dtype.newbyteorder("<"), copy=False), order="C")
    out = io.BytesIO()
    np.lib.format.write_array(out, plain, version=(1, 0), allow_pickle=False)
    return out.getvalue()


def _text_bytes(name: str, text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ArtifactError(
            "a text cannot be written as UTF-8",
            where=name,
            found=str(error),
            remedy="remove the lone surrogates",
        ) from error


def _array_from(data: bytes, where: str) -> NDArray[np.generic]:
    """The array in ``data``: header matched and not evaluated, values taken in place."""

    def refused(found: str) -> ArtifactError:
        return ArtifactError(
            "an array file is not readable as plain data",
            where=where,
            expected="a .npy file of numbers, booleans, dates or fixed-width text",
            found=found,
            remedy=REMEDY,
        )

    length = int.from_bytes(data[8:10], "little")
    header = _HEADER.fullmatch(data[10 : 10 + length].decode("latin1"))
    if data[:8] != _MAGIC or len(data) < 10 + length or header is None:
        raise refused("another header than that of a plain array in .npy format 1.0")
    shape = tuple(int(size) for size in re.findall(r"\d+", header["shape"]))
    start = 10 + length
    try:
        dtype: np.dtype[np.generic] = np.dtype(header["descr"])
        if not _plain(dtype) or math.prod(shape) * dtype.itemsize != len(data) - start:
            raise refused(f"dtype {dtype} and shape {shape} over {len(data) - start} bytes")
        return np.frombuffer(data, dtype=dtype, count=math.prod(shape), offset=start).reshape(shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise refused(f"dtype {header['descr']}, shape {shape}") from error


def _text_from(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        what = "a text file of the model folder is not UTF-8"
        raise ArtifactError(what, where=where, found=str(error), remedy=REMEDY) from error


def _checked(files: FolderReader, name: str, entry: Entry) -> bytes:
    data = files.read(name, size=entry.size)
    if (digest := hashlib.sha256(data).hexdigest()) != entry.sha256:
        raise ArtifactError(
            "a file of the model folder was altered",
            where=str(files.root / name),
            expected=f"SHA-256 {entry.sha256}",
            found=f"SHA-256 {digest}",
            remedy=REMEDY,
        )
    return data
