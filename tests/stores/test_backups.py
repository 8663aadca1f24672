"""Archives: what comes out is what went in, or nothing does."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.errors import BackupError, ConflictError, SetupError
from storecast.ports.backups import Piece
from storecast.stores.backups.archive import SealedArchives
from storecast.stores.backups.exchange import exchanged, put_right
from storecast.stores.backups.sealed import SealedReader, SealedWriter, read_backup_key
from storecast.stores.backups.shelves import FolderShelf

KEY, OTHER = bytes(range(32)), bytes(32)
ABOUT = {"log": {"kind": "none"}, "number": 7}


def sealed(data: bytes, key: bytes | None, piece: int = 1 << 16) -> bytes:
    target = io.BytesIO()
    writer = SealedWriter(target, key)
    for start in range(0, len(data), piece):
        writer.write(data[start : start + piece])
    writer.finish()
    return target.getvalue()


def opened(data: bytes, key: bytes | None) -> bytes:
    return io.BufferedReader(SealedReader(io.BytesIO(data), key, "here")).read()


def archive(folder: Path, files: dict[str, bytes], key: bytes | None = KEY) -> bytes:
    pieces = []
    for number, (name, data) in enumerate(files.items()):
        (folder / str(number)).write_bytes(data)
        pieces.append(Piece(name, str(folder / str(number))))
    target = io.BytesIO()
    SealedArchives(key).write(target, "2026-01-01", ABOUT, pieces)
    return target.getvalue()


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@given(st.binary(max_size=300), st.sampled_from([None, KEY]))
def test_sealed_bytes_come_back(data: bytes, key: bytes | None) -> None:
    """With and without a key, whatever they are."""
    assert opened(sealed(data, key, 7), key) == data


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("size", [0, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_chunks_of_any_number_come_back(size: int, key: bytes | None) -> None:
    """Also where the bytes end with a chunk."""
    data = os.urandom(size)
    assert opened(sealed(data, key), key) == data


@pytest.mark.parametrize("key", [None, KEY])
def test_every_flipped_bit_and_every_cut_is_refused(key: bytes | None) -> None:
    """No byte of a sealed stream can be changed, left out or added unseen."""
    whole = sealed(b"weekly sales", key)
    for at in range(len(whole)):
        for bit in (1, 128):
            broken = bytearray(whole)
            broken[at] ^= bit
            with pytest.raises(BackupError):
                opened(bytes(broken), key)
        with pytest.raises(BackupError):
            opened(whole[:at], key)
    with pytest.raises(BackupError):
        opened(whole + b"\0", key)


@pytest.mark.parametrize("key", [None, KEY])
def test_chunks_cannot_change_places(key: bytes | None) -> None:
    """Exchanged, repeated or left out, each is sealed with its number; nor can the last be the end sooner."""
    data = os.urandom(3 << 20)
    whole = sealed(data, key)
    head, length = 56, 4 + (1 << 20) + (16 if key else 32)
    chunks = [whole[head + k * length : head + (k + 1) * length] for k in range(3)]
    assert b"".join([whole[:head], *chunks]) == whole
    for order in ((1, 0, 2), (0, 0, 2), (0, 2), (0, 1), (0, 1, 2, 2)):
        with pytest.raises(BackupError):
            opened(b"".join([whole[:head], *(chunks[k] for k in order)]), key)


def test_only_its_own_key_opens_a_backup() -> None:
    """Another, or none, is named; and with a key nothing is taken that anybody could have written."""
    with pytest.raises(BackupError, match="another key"):
        opened(sealed(b"x", KEY), OTHER)
    with pytest.raises(BackupError, match="is encrypted"):
        opened(sealed(b"x", KEY), None)
    with pytest.raises(BackupError, match="not encrypted"):
        opened(sealed(b"x", None), KEY)
    assert b"weekly" not in sealed(b"weekly" * 100, KEY)
    assert sealed(b"x", KEY) != sealed(b"x", KEY)  # a salt of its own each time


@pytest.mark.parametrize("text", ["", "ab" * 31, "zz" * 32, "ab" * 33])
def test_a_key_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """The message names the file, and never what is in it."""
    (tmp_path / "key").write_text(text)
    with pytest.raises(SetupError, match="openssl rand") as caught:
        read_backup_key(str(tmp_path / "key"))
    assert not text or text not in str(caught.value)
    with pytest.raises(SetupError):
        read_backup_key(str(tmp_path / "absent"))
    (tmp_path / "key").write_text(KEY.hex() + "\n")
    assert read_backup_key(str(tmp_path / "key")) == KEY


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\\0", exclude_categories=["C"]), min_size=1
)
PARTS = NAMES.filter(lambda text: text not in (".", "..") and len(text.encode()) < 40)


@given(st.dictionaries(PARTS.map(lambda part: f"log/{part}"), st.binary(max_size=2000), max_size=4))
def test_files_come_back(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    """Names and bytes, and what is told about them."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    read = SealedArchives(KEY).read(io.BytesIO(archive(source, files)), str(target))
    assert tree(target) == files
    assert (read.created, read.about) == ("2026-01-01", ABOUT)
    assert {name: size for name, (size, _) in read.files.items()} == {n: len(d) for n, d in files.items()}


def forged(change: Callable[[tarfile.TarFile], object], files: dict[str, object] | None = None) -> bytes:
    """An archive as somebody with the key could write it."""
    target = io.BytesIO()
    writer = SealedWriter(target, KEY)
    with gzip.GzipFile(fileobj=writer, mode="wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        change(tar)
        if files is not None:
            manifest = {"schema_version": 1, "created": "", "about": {}, "files": files}
            add(tar, "manifest.json", json.dumps(manifest).encode())
    writer.finish()
    return target.getvalue()


def add(tar: tarfile.TarFile, name: str, data: bytes = b"x", **fields: object) -> tarfile.TarFile:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    for field, value in fields.items():
        setattr(entry, field, value)
    tar.addfile(entry, io.BytesIO(data))
    return tar


WAYS_OUT = ["../out", "/out", "a/../../out", "a//b", "./a", "a/.", "a\\..\\out", "..", "a\nb", "a/"]


@pytest.mark.parametrize("name", WAYS_OUT)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    """Nor does any other name that is not plain; nothing is written for it."""
    target = tmp_path / "deep" / "target"
    target.mkdir(parents=True)
    with pytest.raises(BackupError, match=r"a name that it may not|no plain file"):
        SealedArchives(KEY).read(io.BytesIO(forged(lambda tar: add(tar, name), {})), str(target))
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_nothing_but_plain_files_is_unpacked(tmp_path: Path, kind: bytes) -> None:
    """No link that a later file would be written through."""
    data = forged(lambda tar: add(tar, "a", b"", type=kind, linkname="/etc"), {})
    with pytest.raises(BackupError, match="no plain file"):
        SealedArchives(KEY).read(io.BytesIO(data), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_files_and_manifest_must_agree(tmp_path: Path) -> None:
    """A file more, less, twice, another, behind the manifest, or no manifest at all."""
    right = {"a": [1, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"]}  # of the byte x

    def read(change: Callable[[tarfile.TarFile], object], files: dict[str, object] | None) -> None:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        SealedArchives(KEY).read(io.BytesIO(forged(change, files)), str(folder))

    read(lambda tar: add(tar, "a"), dict(right))
    for change, files in (
        (lambda tar: add(tar, "a"), {}),
        (lambda tar: None, dict(right)),
        (lambda tar: add(tar, "a", b"y"), dict(right)),
        (lambda tar: add(add(tar, "a"), "a"), dict(right)),
        (lambda tar: add(add(tar, "manifest.json", b"{}"), "a"), None),
        (lambda tar: add(tar, "a"), None),
    ):
        with pytest.raises(BackupError):
            read(change, files)  # type: ignore[arg-type]


def test_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    """A file many times as large as a chunk passes through both ways in a few chunks' room."""
    size = 48 << 20
    (tmp_path / "big").write_bytes(os.urandom(size))
    with open(tmp_path / "out", "wb") as target:
        tracemalloc.start()
        SealedArchives(KEY).write(target, "", {}, [Piece("big", str(tmp_path / "big"))])
    (tmp_path / "back").mkdir()
    with open(tmp_path / "out", "rb") as source:
        SealedArchives(KEY).read(source, str(tmp_path / "back"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < size / 4
    assert (tmp_path / "back" / "big").stat().st_size == size


def test_an_archive_is_on_the_shelf_whole_or_not_at_all(tmp_path: Path) -> None:
    """It is never written over, one that was begun leaves nothing, and its owner alone may read it."""
    shelf = FolderShelf(tmp_path / "shelf")
    assert shelf.listing() == []
    with shelf.writing("a1.backup") as file:
        file.write(b"first")
        assert shelf.listing() == []
    with pytest.raises(ConflictError), shelf.writing("a1.backup") as file:
        file.write(b"second")
    with pytest.raises(ZeroDivisionError), shelf.writing("a2.backup") as file:
        raise ZeroDivisionError
    assert [(item.name, item.size) for item in shelf.listing()] == [("a1.backup", 5)]
    assert [p.name for p in (tmp_path / "shelf").iterdir()] == ["a1.backup"]
    assert (tmp_path / "shelf" / "a1.backup").stat().st_mode & 0o077 == 0
    for name in ("../a1.backup", "x", ".backup"):
        with pytest.raises(BackupError):
            shelf.remove(name)


def test_an_exchange_is_whole_or_undone(tmp_path: Path) -> None:
    """Files, folders and removals together; where it is broken off, all is as it was."""

    def lay_out(name: str) -> tuple[Path, list[tuple[Path | None, Path]]]:
        root = tmp_path / name
        (root / "new").mkdir(parents=True)
        (root / "home" / "runs").mkdir(parents=True)
        (root / "new" / "db").write_text("new")
        (root / "new" / "fresh").write_text("new")
        (root / "home" / "db").write_text("old")
        (root / "home" / "runs" / "r").write_text("old")
        (root / "home" / "wal").write_text("old")
        home, new = root / "home", root / "new"
        (new / "runs").mkdir()
        pairs = [(None, home / "wal"), (new / "db", home / "db"), (new / "runs", home / "runs")]
        return root, [*pairs, (new / "fresh", home / "a" / "fresh")]

    root, units = lay_out("done")
    with exchanged(units):
        pass
    assert tree(root / "home") == {"db": b"new", "a/fresh": b"new"}
    assert sorted(p.name for p in (root / "home").iterdir()) == ["a", "db", "runs"]
    root, units = lay_out("broken")
    with pytest.raises(ZeroDivisionError), exchanged(units):
        raise ZeroDivisionError
    assert tree(root / "home") == {"db": b"old", "runs/r": b"old", "wal": b"old"}


@pytest.mark.parametrize("renames", range(1, 8))
def test_a_death_within_an_exchange_is_put_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    """After any number of renames, what was there is there again, and nothing else."""

    class DiedError(BaseException):
        pass

    names = ("db", "runs", "trust")
    home, new, done = tmp_path / "home", tmp_path / "new", 0
    for folder, text in ((home, "old"), (new, "new")):
        folder.mkdir()
        for name in names:
            (folder / name).write_text(text)
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        nonlocal done
        if done == renames:  # dead: from here on nothing happens, nor is anything undone
            raise DiedError
        done += 1
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    try:
        with exchanged([(new / name, home / name) for name in names]):
            pass
    except DiedError:
        pass
    monkeypatch.undo()
    put_right([home / name for name in names])
    found = tree(home)
    assert set(found) == set(names)
    assert set(found.values()) == {b"new" if renames >= 6 else b"old"}


def test_archives_are_named_by_time() -> None:
    """So that the latest is the last, whatever the clock's zone."""
    from storecast.jobs.backup import _named

    first = datetime(2026, 3, 1, 9, 30, 0, 5, tzinfo=UTC)
    assert _named(first) == "storecast-20260301T093000.000005Z.backup"
