"""The release folder: what was published is read back bit for bit, whatever dies in between."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from storecast.errors import ArtifactError, RegistryError
from storecast.ports import ModelVersion, ReleaseInfo
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.releases import ReleaseFolder
from tests.fakes import ticking_clock
from tests.mlflow_server import small_content
from tests.needs import ROOT

NAME = "storecast"


class Shop:
    """A release folder beside a source of versions, numbered as they are made."""

    def __init__(self, root: Path, keep: int = 5) -> None:
        self.root = root / "release"
        self.source = root / "source"
        self.folder = ReleaseFolder(self.root, clock=ticking_clock(), keep=keep)

    def make(self, number: int) -> ModelVersion:
        place = self.source / str(number)
        if not place.exists():
            ArtifactFolders().save(small_content(float(number)), str(place))
        digest = json.loads((place / "manifest.json").read_text())["digest"]
        return ModelVersion(NAME, number, digest, "2026-01-01T00:00:00+00:00")

    def fetch(self, number: int) -> Callable[[str], None]:
        return lambda folder: ArtifactFolders().copy(str(self.source / str(number)), folder)

    def publish(self, number: int, kind: str = "promote") -> ReleaseInfo:
        version = self.make(number)
        self.folder.stage(version.digest, self.fetch(number))
        done = self.folder.publish(
            version, model="blend", kind=kind, who="Ann", why="better", after=self.folder.current()
        )
        assert done is not None
        return done

    def serving(self) -> float:
        """The number in the artifact that the pointer leads to, every file of it checked."""
        now = self.folder.current()
        assert now is not None
        content = self.folder.load(now)
        assert content.meta["number"] == now.version
        np.testing.assert_array_equal(content.arrays["values"], small_content(now.version).arrays["values"])
        return float(content.meta["number"])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_nothing_is_published_at_first(shop: Shop) -> None:
    """An absent folder has no champion and an empty stamp; reading makes nothing."""
    assert shop.folder.current() is None
    assert shop.folder.stamp() == b""
    assert not shop.root.exists()


def test_a_publication_is_read_back_bit_for_bit(shop: Shop) -> None:
    """Pointer and folder say what was published; every byte of the folder is the source's."""
    done = shop.publish(1)
    assert shop.folder.current() == done
    assert (done.name, done.version, done.model, done.kind) == (NAME, 1, "blend", "promote")
    assert (done.who, done.why, done.alias, done.earlier) == ("Ann", "better", 1, ())
    assert datetime.fromisoformat(done.published_at).utcoffset() is not None
    assert shop.serving() == 1
    copied = shop.root / "versions" / done.digest
    assert {p.name: p.read_bytes() for p in copied.iterdir()} == {
        p.name: p.read_bytes() for p in (shop.source / "1").iterdir()
    }


def test_the_stamp_changes_with_every_publication(shop: Shop) -> None:
    """Each publication and rollback has a stamp of its own, though versions come back."""
    stamps = [shop.folder.stamp()]
    for number in (1, 2, 1, 2):
        shop.publish(number)
        stamps.append(shop.folder.stamp())
    shop.folder.rollback(who="Bob", why="bad week")
    stamps.append(shop.folder.stamp())
    assert len(set(stamps)) == len(stamps)


def test_rollback_goes_back_one_by_one(shop: Shop) -> None:
    """Each rollback goes to what served before, without any source, until none is left."""
    for number in (1, 2, 3):
        shop.publish(number)
    shutil.rmtree(shop.source)
    back = shop.folder.rollback(who="Bob", why="bad week")
    assert (back.version, back.kind, back.who, back.why, back.alias) == (2, "rollback", "Bob", "bad week", 3)
    assert shop.serving() == 2
    assert shop.folder.rollback(who="Bob", why="worse").version == 1
    assert shop.serving() == 1
    with pytest.raises(ArtifactError, match="no earlier version"):
        shop.folder.rollback(who="Bob", why="still")
    assert shop.serving() == 1


def test_a_rollback_takes_back_what_it_names(shop: Shop) -> None:
    """Who asks for the same once more, or at the same time as another, goes back no further."""
    for number in (1, 2, 3):
        shop.publish(number)
    assert shop.folder.rollback(who="Bob", why="bad week", undo=3).version == 2
    with pytest.raises(ArtifactError, match="version 3 serves no more"):
        shop.folder.rollback(who="Ann", why="bad week", undo=3)
    assert shop.serving() == 2


def test_rollback_of_nothing_is_refused(shop: Shop) -> None:
    """An empty release folder has nothing to go back to, and says what to do."""
    with pytest.raises(ArtifactError, match="no earlier version") as caught:
        shop.folder.rollback(who="Bob", why="bad week")
    assert "promote" in caught.value.remedy


@pytest.mark.parametrize(
    ("moves", "left"),
    [
        ([("promote", 1), ("promote", 2), ("promote", 1)], [2, 1]),
        ([("promote", 1), ("promote", 2), ("rollback", 1)], []),
        ([("promote", 1), ("promote", 2), ("moved", 1)], []),
        ([("promote", 1), ("promote", 2), ("moved", 3)], [2, 1]),
        ([("promote", 1), ("promote", 2), ("promote", 2)], [1]),
        ([("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 1), ("promote", 4)], [1]),
    ],
)
def test_what_a_rollback_goes_back_to(shop: Shop, moves, left) -> None:
    """Promotions pile up, moves back cut the pile, as the registry's own rollback counts."""
    for kind, number in moves:
        shop.publish(number, kind)
    now = shop.folder.current()
    assert now is not None
    assert [item.version for item in now.earlier] == left


@pytest.mark.parametrize(("who", "why"), [("", "x"), ("Ann", "  "), ("Ann", "x" * 1001)])
def test_moves_say_who_and_why(shop: Shop, who: str, why: str) -> None:
    """Neither a publication nor a rollback goes through without a name and a reason."""
    for number in (1, 2):
        shop.publish(number)
    before = shop.folder.stamp()
    with pytest.raises(RegistryError, match="says who"):
        shop.folder.rollback(who=who, why=why)
    with pytest.raises(RegistryError, match="says who"):
        shop.folder.publish(
            shop.make(1), model="blend", kind="promote", who=who, why=why, after=shop.folder.current()
        )
    assert shop.folder.stamp() == before


def test_a_publisher_that_looked_too_early_does_nothing(shop: Shop) -> None:
    """Who read the pointer before another's publication does not undo it."""
    first = shop.publish(1)
    late = shop.make(3)
    shop.folder.stage(late.digest, shop.fetch(3))
    shop.publish(2)
    words = {"model": "blend", "kind": "moved", "who": "Ann", "why": "late"}
    assert shop.folder.publish(late, **words, after=first) is None
    assert shop.folder.publish(late, **words, after=None) is None
    assert shop.folder.heard(9, first) is None
    assert shop.serving() == 2


def test_what_the_registry_says_is_noted(shop: Shop) -> None:
    """The alias heard changes in the pointer, and nothing else does."""
    done = shop.publish(1)
    assert shop.folder.heard(7, done) == replace(done, alias=7) == shop.folder.current()


def alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def link(path: Path) -> None:
    path.rename(path.parent.parent / "x")
    path.symlink_to(path.parent.parent / "x")


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "an altered array": lambda folder: alter(folder / "values.npy"),
    "an altered text": lambda folder: alter(folder / "boosting.txt"),
    "an altered manifest": lambda folder: alter(folder / "manifest.json"),
    "a lost file": lambda folder: os.remove(folder / "keys.npy"),
    "a file too many": lambda folder: (folder / "more.npy").write_bytes(b"x"),
    "a link": lambda folder: link(folder / "keys.npy"),
    "an empty folder": empty,
    "no folder": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_tampered_version_is_refused(shop: Shop, damage) -> None:
    """Nothing that differs from what the pointer names is read, and a rollback to it is refused."""
    first = shop.publish(1)
    damage(shop.root / "versions" / first.digest)
    with pytest.raises(ArtifactError):
        shop.folder.load(first)
    second = shop.publish(2)
    with pytest.raises(ArtifactError):
        shop.folder.rollback(who="Bob", why="bad week")
    assert shop.folder.current() == second
    assert shop.serving() == 2


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_staging_again_repairs(shop: Shop, damage) -> None:
    """A damaged folder is replaced from the source, and publishing it makes it serve again."""
    first = shop.publish(1)
    damage(shop.root / "versions" / first.digest)
    shop.folder.stage(first.digest, shop.fetch(1))
    assert shop.serving() == 1


def test_a_source_that_gives_another_version_is_refused(shop: Shop) -> None:
    """What was fetched must be what the registry recorded; the pointer stays."""
    shop.publish(1)
    wanted = shop.make(2)
    shop.make(3)
    with pytest.raises(ArtifactError, match="not the one that was registered"):
        shop.folder.stage(wanted.digest, shop.fetch(3))
    assert shop.serving() == 1
    shop.folder.stage(wanted.digest, shop.fetch(2))  # the wrong folder does not stand in the way
    shop.publish(2)
    assert shop.serving() == 2


def test_what_was_not_staged_is_not_published(shop: Shop) -> None:
    """A pointer never leads nowhere."""
    with pytest.raises(ArtifactError, match="any more"):
        shop.folder.publish(shop.make(1), model="", kind="promote", who="Ann", why="x", after=None)
    assert shop.folder.current() is None


@pytest.mark.parametrize("digest", ["", "../../etc", "A" * 64, "0" * 63, "0" * 64 + "/..", "g" * 64])
def test_digests_are_no_paths(shop: Shop, digest: str) -> None:
    """What is no digest is refused before any path is made of it."""
    with pytest.raises(ArtifactError, match="no digest"):
        shop.folder.stage(digest, shop.fetch(1))


POINTERS = [
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"schema_version": 1}',
    b"{" * 100_000,
    b'{"schema_version": 1, "earlier": {"a": 1}}',
]


@pytest.mark.parametrize("data", POINTERS, ids=range(len(POINTERS)))
def test_a_damaged_pointer_is_refused_and_replaced(shop: Shop, data: bytes) -> None:
    """A pointer that is none is an error with its path for readers, and no hindrance for a publisher."""
    shop.publish(1)
    (shop.root / "champion.json").write_bytes(data)
    with pytest.raises(ArtifactError, match="pointer of the release folder is damaged") as caught:
        shop.folder.current()
    assert caught.value.where.endswith("champion.json")
    version = shop.make(1)
    assert shop.folder.publish(version, model="", kind="moved", who="Ann", why="x", after=None)
    assert shop.serving() == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [("version", "1"), ("version", True), ("digest", "0" * 63), ("digest", 5), ("why", None), ("alias", "2")],
)
def test_pointers_of_other_types_are_refused(shop: Shop, key: str, value: object) -> None:
    """Hand-edited values of a wrong type do not get past the reader."""
    shop.publish(1)
    file = shop.root / "champion.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(ArtifactError, match="damaged"):
        shop.folder.current()


def test_a_pointer_of_a_later_storecast_is_left_alone(shop: Shop) -> None:
    """What a newer program wrote is refused with the remedy, and an older one does not write over it."""
    shop.publish(1)
    file = shop.root / "champion.json"
    later = json.dumps({**json.loads(file.read_text()), "schema_version": 3})
    file.write_text(later)
    with pytest.raises(ArtifactError, match="schema"):
        shop.folder.current()
    with pytest.raises(ArtifactError, match="schema"):
        shop.folder.publish(shop.make(1), model="", kind="promote", who="Ann", why="x", after=None)
    assert file.read_text() == later


def age(shop: Shop, seconds: float = 3600.0) -> None:
    """Let all that lies in the folder be older."""
    for entry in (shop.root / "versions").iterdir():
        then = entry.stat().st_mtime - seconds
        os.utime(entry, (then, then))


def test_old_versions_go_and_needed_ones_stay(tmp_path: Path) -> None:
    """The last versions stay, as many as asked for; the one before the champion always does."""
    shop = Shop(tmp_path, keep=3)
    for number in range(1, 8):
        shop.publish(number)
        age(shop)
    shop.folder.prune()
    there = {path.name for path in (shop.root / "versions").iterdir()}
    assert there == {shop.make(number).digest for number in (5, 6, 7)}
    shop.publish(5, kind="rollback")
    age(shop)
    for number in (8, 9):  # 5 and 8 are older than 6 and 7 in the order of versions, not of service
        shop.publish(number)
        age(shop)
    shop.folder.prune()
    there = {path.name for path in (shop.root / "versions").iterdir()}
    assert there == {shop.make(number).digest for number in (5, 8, 9)}
    assert shop.folder.rollback(who="Bob", why="bad week").version == 8


def test_leftovers_go_and_fresh_work_stays(shop: Shop) -> None:
    """A dead copy is removed once it is old; a copy under way, or a version just staged, is not."""
    shop.publish(1)
    for number in range(20, 30):
        shop.folder.stage(shop.make(number).digest, shop.fetch(number))
    (shop.root / "versions" / ".dead.partial").mkdir()
    shop.folder.prune()
    assert len(list((shop.root / "versions").iterdir())) == 12
    age(shop)
    shop.folder.prune()
    left = [path.name for path in (shop.root / "versions").iterdir()]
    assert len(left) == 5
    assert not any(name.startswith(".") for name in left)
    assert shop.serving() == 1


KILLED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.stores.test_releases import Shop

left = int(sys.argv[2])
def counted(real):
    def call(*args, **kwargs):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
        return real(*args, **kwargs)
    return call
shop = Shop(Path(sys.argv[1]))
shop.make(2)
for name in ("open", "fsync", "rename", "replace", "mkdir", "utime", "close", "listdir", "unlink"):
    setattr(os, name, counted(getattr(os, name)))
shop.publish(2)
print("published")
"""


def test_a_kill_at_any_step_leaves_a_valid_pointer(tmp_path: Path) -> None:
    """kill -9 before each system call of a publication: the old version serves, or the new one, whole; the
    next publication goes through."""
    Shop(tmp_path).publish(1)
    outcomes = []
    step = 1
    pristine = tmp_path / "pristine"
    shutil.copytree(tmp_path / "release", pristine)
    while True:
        shutil.rmtree(tmp_path / "release")
        shutil.copytree(pristine, tmp_path / "release")
        done = subprocess.run(
            [sys.executable, "-c", KILLED.format(root=str(ROOT)), str(tmp_path), str(step)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode == 0:
            assert "published" in done.stdout
            break
        assert done.returncode == -9, done.stderr
        shop = Shop(tmp_path)
        outcomes.append(shop.serving())
        shop.publish(2)
        assert shop.serving() == 2
        step += 3 if step > 4 else 1
    assert step > 15
    assert outcomes == sorted(outcomes)  # 1 until the rename, 2 from there on
    assert outcomes[0] == 1


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_disk_that_refuses_leaves_the_old_version(shop: Shop, monkeypatch, call: str) -> None:
    """A full or failing disk is an error with the path; what served goes on and nothing is left behind."""
    first = shop.publish(1)
    version = shop.make(2)
    shop.folder.stage(version.digest, shop.fetch(2))

    def refuse(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(ArtifactError, match="could not be replaced") as caught:
        shop.folder.publish(version, model="", kind="promote", who="Ann", why="x", after=first)
    monkeypatch.undo()
    assert "No space left" in caught.value.found
    assert shop.folder.current() == first
    assert [path.name for path in shop.root.glob("*.partial")] == []
    assert [path.name for path in shop.root.glob(".*.partial")] == []


def test_publishers_side_by_side(shop: Shop) -> None:
    """Eight publishers and a reader at once: every read is one whole version, and none is lost or stuck."""
    versions = {number: shop.make(number) for number in range(1, 9)}
    shop.publish(1)
    stop, errors, seen = threading.Event(), [], set()

    def read() -> None:
        reader = ReleaseFolder(shop.root, clock=lambda: datetime.now(UTC))
        while not stop.is_set():
            try:
                now = reader.current()
                assert now is not None
                assert reader.load(now).meta["number"] == now.version
                seen.add(now.version)
            except Exception as error:  # noqa: BLE001 - reported by the test itself
                errors.append(error)
                return

    def publish(number: int) -> None:
        own = ReleaseFolder(shop.root, clock=lambda: datetime.now(UTC))
        try:
            for _ in range(5):
                own.stage(versions[number].digest, shop.fetch(number))
                while True:
                    words = {"model": "", "kind": "promote", "who": "Ann", "why": f"number {number}"}
                    if own.publish(versions[number], **words, after=own.current()):
                        break
        except Exception as error:  # noqa: BLE001 - reported by the test itself
            errors.append(error)

    reader = threading.Thread(target=read)
    publishers = [threading.Thread(target=publish, args=(number,)) for number in versions]
    for thread in [reader, *publishers]:
        thread.start()
    for thread in publishers:
        thread.join(60)
    stop.set()
    reader.join(60)
    assert errors == []
    assert len(seen) > 1
    assert shop.serving() in versions


def test_a_lock_whose_holder_died_is_free(shop: Shop) -> None:
    """A publisher killed while it holds the lock blocks nobody."""
    shop.publish(1)
    command = (
        "import fcntl, os, sys, time; h = os.open(sys.argv[1], os.O_RDWR);"
        "fcntl.flock(h, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", command, str(shop.root / "publish.lock")], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        timer = threading.Timer(0.3, holder.kill)
        timer.start()
        started = time.monotonic()
        shop.publish(2)
        assert time.monotonic() - started > 0.2
        assert shop.serving() == 2
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
