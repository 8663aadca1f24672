"""Pseudonyms in exports: no name leaves, under one key each is always the same."""

from __future__ import annotations

import csv
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from storecast.errors import ConflictError
from storecast.ports import Entry
from storecast.stores.forecast_log.blobs import RowsBlob, blob_digest
from storecast.stores.forecast_log.export import export
from storecast.stores.forecast_log.pseudonyms import Pseudonyms

KEY, OTHER = bytes(range(32)), bytes(32)
# Names that nothing else can hold by accident: each begins with a letter that occurs nowhere else.
NAMES = st.text("абвгдежзиклмнопрстуфхцчшщыэюя \"'\\/-.0123456789", min_size=5, max_size=20).map("Ѣ".__add__)
PLACES = NAMES.filter(lambda name: "_" not in name)


def entry(number: int = 0, **changes: Any) -> Entry:
    plain = {
        "id": f"0190a0c4-0000-7000-8000-{number:012d}",
        "at": 1_700_000_000_000_000 + number,
        "kind": "forecast",
        "caller": "caller-1",
        "model": "storecast",
        "version": 3,
        "digest": "ab" * 32,
        "series": "1_2",
        "rows": 1,
        "inputs": '{"by":"series"}',
        "forecast": '{"ds":["2026-01-02"],"storecast":[1.5]}',
        "bands": '{"storecast-lo-80":[1.0],"storecast-hi-80":[2.0]}',
        "latency": 7,
        "request": "request-1",
    }
    return Entry(**{**plain, **changes})


def blob(ids: list[str], **more: Any) -> dict[str, Any]:
    made = RowsBlob()
    days = np.arange(len(ids)).astype("datetime64[D]")
    made.add({"unique_id": ids, "ds": days, "storecast": np.arange(len(ids)) + 0.5, **more})
    rows, digest, data = made.finish()
    return {"series": "", "rows": rows, "forecast": "", "bands": "", "rows_digest": digest, "rows_blob": data}


def texts(value: Any) -> Iterator[str]:
    """Every text in a value of whatever depth, JSON in texts read."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (str(key), *texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value
        if value.startswith(("{", "[", '"')):
            yield from texts(json.loads(value))


def written(entries: list[Entry], folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bytes]:
    """Rows of both files, and all of their bytes."""
    export(lambda: iter(entries), folder)
    files = [folder / "forecasts.parquet", folder / "rows.parquet"]
    first, second = (parquet.read_table(file).to_pylist() for file in files)
    return first, second, b"".join(file.read_bytes() for file in files)


JSON = st.recursive(
    NAMES | st.integers() | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            NAMES
            | st.sampled_from(["by", "ds", "id", "since", "given", "series", "who", "why", "mode", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(PLACES, PLACES, NAMES, NAMES, JSON, st.text("Ѣабв", min_size=8, max_size=12))
def test_no_name_is_left_anywhere(
    store: str, dept: str, caller: str, planner: str, asked: Any, odd: str
) -> None:
    """Not in a column, not in JSON of whatever shape, not in rows, not in the statistics of a file."""
    key = f"{store}_{dept}"
    said = [{"unique_id": key, "who": planner, "why": f"because of {store}", "ds": "2026-01-02", "value": 2}]
    inputs = msgspec.json.encode({"by": "series", "overrides": said, "asked": asked}).decode()
    columns = msgspec.json.encode({"unique_id": [key, store], "ds": ["2026-01-02"] * 2, "storecast": [1, 2]})
    entries = [
        entry(1, series=key, caller=caller, inputs=inputs, request=caller),
        entry(2, series=store, inputs=f"not JSON {store}", forecast=columns.decode(), bands=""),
        entry(3, caller=caller, **blob([key, store], given_cpi=np.ones(2), **{odd: [planner, None]})),
    ]
    names = Pseudonyms(KEY)
    with tempfile.TemporaryDirectory() as folder:
        first, second, raw = written([names.entry(e) for e in entries], Path(folder))
    # every name begins with this letter, also as JSON writes it
    assert not [text for text in texts([first, second]) if "Ѣ" in text or "\\u0462" in text]
    assert "Ѣ".encode() not in raw
    assert len(second) == 5


def test_what_is_no_name_stays(tmp_path: Path) -> None:
    """Numbers, weeks, versions, words of the product; who and which series belong together still do."""
    ids = ["1_7", "1_8", "2_7", "1"]
    said = [{"id": "0190a0c4-0000-7000-8000-000000000009", "unique_id": "1_7", "ds": "2026-01-02"}]
    inputs = {"by": "series", "cutoff": "2025-12-26", "given": ["cpi"], "levels": [80, 97.5], "horizon": 3}
    entries = [
        entry(1, series="1_7", inputs=json.dumps({**inputs, "overrides": said})),
        entry(2, caller="caller-2", **blob(ids, **{"storecast-lo-97.5": np.zeros(4)})),
        entry(3, series="", rows_digest="ab" * 32),
    ]
    names = Pseudonyms(KEY)
    first, second, _ = written([names.entry(e) for e in entries], tmp_path / "out")
    plain, rows, _ = written(entries, tmp_path / "plain")
    secret = {"caller", "series", "inputs", "request", "rows_digest"}
    assert [{k: v for k, v in row.items() if k not in secret} for row in first] == [
        {k: v for k, v in row.items() if k not in secret} for row in plain
    ]
    series = names.series("1_7")
    hidden = json.loads(first[0]["inputs"])
    assert hidden == {**inputs, "overrides": [{**said[0], "unique_id": series}]}
    assert first[0]["series"] == series
    assert first[2]["series"] == ""
    found = [row["unique_id"] for row in second if row["id"] == entries[1].id]
    assert found[0] == series
    stores = [key.partition("_")[0] for key in found]
    assert stores[0] == stores[1] == stores[3] == found[3] != stores[2]
    assert found[0].partition("_")[2] == found[2].partition("_")[2] != found[1].partition("_")[2]
    assert all(re.fullmatch(r"s-[0-9a-f]{16}(_d-[0-9a-f]{16})?", key) for key in found)
    same = ("ds", "storecast", "storecast-lo-97.5", "storecast-lo-80", "version", "digest", "at")
    assert [[row.get(k) for k in same] for row in second] == [[row.get(k) for k in same] for row in rows]
    made = names.entry(entries[1])
    assert made.rows_blob is not None
    assert made.rows_digest == blob_digest(made.rows_blob) != entries[1].rows_digest


def test_a_pseudonym_is_the_hmac_of_the_name_under_the_key() -> None:
    """The same under one key, another under another; a store is not a department of that name; as RFC 2104
    has it, computed by hand."""
    import hashlib

    block = KEY.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + b"store\x007").digest()
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).hexdigest()
    assert Pseudonyms(KEY).of("store", "7") == f"s-{outer[:16]}" == Pseudonyms(KEY).of("store", "7")
    assert Pseudonyms(OTHER).of("store", "7") != Pseudonyms(KEY).of("store", "7")
    assert Pseudonyms(KEY).of("dept", "7")[2:] != Pseudonyms(KEY).of("store", "7")[2:]


def test_the_mapping_says_whose_they_are(tmp_path: Path) -> None:
    """Kind, pseudonym and name of all that were replaced, for its owner alone, never written over."""
    names = Pseudonyms(KEY)
    hidden = names.entry(entry(series='north, "old"_7', caller="k1"))
    path = tmp_path / "whose.csv"
    names.write_mapping(path)
    assert path.stat().st_mode & 0o077 == 0
    with open(path, encoding="utf-8", newline="") as file:
        rows = {(row["kind"], row["pseudonym"]): row["name"] for row in csv.DictReader(file)}
    store, _, dept = hidden.series.partition("_")
    assert rows["store", store] == 'north, "old"'
    assert rows["dept", dept] == "7"
    assert rows["person", hidden.caller] == "k1"
    with pytest.raises(ConflictError, match="never written over"):
        names.write_mapping(path)
