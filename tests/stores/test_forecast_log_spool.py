"""The spool's file: every whole record comes back, whatever happened to the rest of it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.errors import LogError
from storecast.ports import Entry
from storecast.stores.forecast_log import DatabaseLog
from storecast.stores.forecast_log.spool import Spool, count, left_behind, records

ENTRY = Entry("id", 1, "forecast", "k", "m", 2, "d", "1_1", 1, "{}", "{}", "{}", 9)
# Contents that look like the file's own magic word are the unkindest.
TEXTS = st.one_of(st.text(max_size=30), st.just("SClog1\n"), st.just("\x93SClog1\n"))
BLOBS = st.one_of(st.none(), st.binary(max_size=60), st.just(b"\x93SClog1\n" * 3))
ENTRIES = st.builds(lambda series, blob: ENTRY._replace(series=series, rows_blob=blob), TEXTS, BLOBS)
GROUPS = st.lists(st.lists(ENTRIES, min_size=1, max_size=3), min_size=1, max_size=5)


def written(folder: Path, groups: list[list[Entry]]) -> tuple[bytes, list[int]]:
    """The file's bytes, and the offset behind each record."""
    spool = Spool(folder, "one", limit=1 << 20)
    ends = []
    for group in groups:
        spool.append(group)
        ends.append(spool.end)
    content = spool.path.read_bytes()
    spool.clear()
    spool.close()
    return content, ends


def read(folder: Path, content: bytes) -> tuple[list[list[Entry]], int]:
    """The groups that are found in ``content``, and the bytes skipped between them."""
    path = folder / "read"
    path.write_bytes(content)
    with open(path, "rb") as file:
        found = list(records(file.fileno(), 0, len(content)))
        assert count(file.fileno()) <= max(sum(len(entries) for entries, _, _ in found), 10**9)
    return [entries for entries, _, _ in found], sum(skipped for _, _, skipped in found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made: Path = tmp_path_factory.mktemp("spool")
    return made


@given(groups=GROUPS, data=st.data())
def test_a_torn_tail_is_dropped(folder: Path, groups, data) -> None:
    """Cut anywhere, the file gives exactly the records that were whole before the cut."""
    content, ends = written(folder, groups)
    cut = data.draw(st.integers(0, len(content)))
    whole = [group for group, end in zip(groups, ends, strict=True) if end <= cut]
    assert read(folder, content[:cut]) == (whole, 0)
    # As after a power cut: the length is there, what was written is not.
    assert read(folder, content[:cut] + bytes(len(content) - cut))[0][: len(whole)] == whole


@given(groups=GROUPS, data=st.data())
def test_damage_costs_only_the_record_it_hits(folder: Path, groups, data) -> None:
    """With some bytes of one record changed, all the others come back in order."""
    content, ends = written(folder, groups)
    at = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.integers(1, 255))
    hit = next(number for number, end in enumerate(ends) if at < end)
    found, skipped = read(folder, content[:at] + bytes([content[at] ^ change]) + content[at + 1 :])
    others = groups[:hit] + groups[hit + 1 :]
    if at - (ends[hit - 1] if hit else 0) in range(16, 20):  # the number of entries is for metrics alone
        assert found == groups
    else:
        assert found == others
        assert (skipped > 0) == (hit < len(groups) - 1)


@given(junk=st.binary(max_size=300))
def test_any_bytes_are_read_without_harm(folder: Path, junk: bytes) -> None:
    """A file of anything gives nothing, or nothing but itself."""
    assert read(folder, junk) == ([], 0)


def test_what_the_disk_refuses_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch) -> None:
    """A record that is written in part is taken back, and the next one follows the last whole one."""
    spool = Spool(tmp_path, "one", limit=1 << 20)
    spool.append([ENTRY])
    plain = os.write

    def full(handle: int, data: bytes) -> int:
        if handle == spool.handle and len(data) > 5:
            return plain(handle, data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        spool.append([ENTRY._replace(series="lost")])
    monkeypatch.undo()
    assert spool.path.stat().st_size == spool.end
    spool.append([ENTRY._replace(series="after")])
    found = [entries[0].series for entries, _, _ in records(spool.handle, 0, spool.end)]
    assert found == ["1_1", "after"]
    assert (spool.entries, count(spool.handle)) == (2, 2)
    with pytest.raises(LogError, match="spool is full"):
        spool.append([ENTRY] * 100_000)
    spool.clear()
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_spool_in_use_is_nobody_elses(tmp_path: Path) -> None:
    """Only files whose process has let go of them are found, the oldest first."""
    for name in ("b", "a", "c"):
        spool = Spool(tmp_path, name, limit=1000)
        spool.append([ENTRY])
        spool.close()
    mine = Spool(tmp_path, "0", limit=1000)
    mine.append([ENTRY])
    assert [path.stem for path, _ in left_behind(tmp_path)] == ["a", "b", "c"]
    for path, handle in left_behind(tmp_path):
        assert count(handle) == 1
        assert next(left_behind(tmp_path), (tmp_path, 0))[0] != path  # whoever reads it has it alone
    with open(mine.path, "rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    mine.close()
    assert mine.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("hit", [None, 0, 2, 4])
def test_a_damaged_spool_is_replayed_and_kept(tmp_path: Path, hit: int | None) -> None:
    """What can be read enters the table; a file with more in it stays, under another name, for a person."""
    folder = tmp_path / "spool"
    spool = Spool(folder, "old", limit=1 << 20)
    ends = [0]
    for number in range(5):
        spool.append([ENTRY._replace(id=f"id {number}")])
        ends.append(spool.end)
    spool.close()
    content = bytearray(spool.path.read_bytes())
    if hit is not None:
        content[ends[hit] + 25] ^= 1
    spool.path.write_bytes(content)
    log = DatabaseLog(f"sqlite:///{tmp_path}/log.db", folder)
    log.start()
    with log.database.read() as connection:
        found = connection.exec_driver_sql("SELECT id FROM forecasts ORDER BY id").scalars().all()
    log.close()
    assert found == [f"id {number}" for number in range(5) if number != hit]
    assert [path.name for path in folder.iterdir()] == ([] if hit is None else ["old.damaged"])
