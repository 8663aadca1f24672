"""Answers made again from the log: equal bit for bit, and what was changed since is named."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storecast.errors import RequestError
from storecast.ports import Entry, ReleaseInfo
from storecast.service.champion import Champion
from storecast.service.reproduction import Reproduction, reproduce
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.forecast_log.blobs import RowsBlob
from tests.service.conftest import Made, Running, publish, running

LEVELS = "80,90.5,99.123456"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    found: str = request.getfixturevalue("postgres").new_database()
    return found


def champion_of(made: Made, version: int = 1) -> Champion:
    """A version as it is loaded by its digest."""
    info = ReleaseInfo("storecast", version, made.digest, "", "", "", "", "")
    return Champion.from_content(info, ArtifactFolders().load(str(made.folder), made.digest))


def ask_all_kinds(service: Running, *, dept: bool = False) -> None:
    """Every kind of question, of one row and of many, with inputs, overrides, events and odd levels."""
    client = service.client
    one = client.get("/v1/series").json()["series"][0]["unique_id"]
    weeks = [row["ds"] for row in client.get(f"/v1/forecasts?series={one}&horizon=6").json()["forecasts"]]
    given = {"temperature": 51.5, "cpi": 220.123456789, "unemployment": 7.0}
    rows = [{"store": 1, "date": weeks[0], **given}, {"store": 2, "date": weeks[3]}]
    rows += [{"store": 3, "date": w, "temperature": 10.0 + i} for i, w in enumerate(weeks)] * 50
    if dept:
        rows += [{"store": 2, "dept": 1, "date": w, **given} for w in weeks]
    text = "store,date,temperature\n" + "".join(f"{r['store']},{r['date']},30.5\n" for r in rows[:9])
    csv = {"content-type": "text/csv"}
    asked: list[Any] = [
        client.get(f"/v1/forecasts?series={one}&levels={LEVELS}"),
        client.get(f"/v1/forecasts?series={one}&dates={weeks[4]},{weeks[1]}"),
        client.get(f"/v1/forecasts?by=total&horizon=5&levels={LEVELS}"),
        client.get("/v1/forecasts?horizon=3"),
        client.get("/v1/forecasts?by=store&horizon=2&levels=80.0000001,50"),
        client.get(f"/v1/forecasts?series={one}&overrides=false"),
        client.post("/v1/predictions", json={"rows": rows[:1], "levels": [80, 95]}),
        client.post("/v1/predictions", json={"rows": [{"store": 2, "date": weeks[0]}]}),
        client.post("/v1/predictions", json={"rows": rows}),
        client.post(f"/v1/predictions?levels={LEVELS}", content=text, headers=csv),
        client.post("/v1/predictions", json={"rows": rows[-1:]}),
        client.post(
            "/v1/what-if",
            json={
                "series": one,
                "horizon": 6,
                "events": [{"kind": "promotion", "first": weeks[1], "last": weeks[1], "lift": 1.13}],
                "inputs": {"temperature": 20.25, "cpi": {weeks[2]: 231.5}},
            },
        ),
        client.post("/v1/what-if", json={"series": "total", "by": "total", "inputs": {"temperature": 5.0}}),
        client.get(f"/v1/explanations?series={one}&horizons=1,3,6"),
        client.get("/v1/explanations?series=total"),
        client.post("/invocations", json={"dataframe_records": [{"unique_id": one, "horizon": 2}]}),
        client.post("/invocations", json={"dataframe_records": rows[2:9]}),
    ]
    assert [answer.text for answer in asked if answer.status_code != 200] == []


def override(service: Running, one: str, ds: str, **said: Any) -> None:
    body = {"series": [one], "dates": [ds], "mode": "percent", "value": 7.5, "why": "sale", **said}
    answer = service.client.post("/v1/overrides", json=body)
    assert answer.status_code in (200, 201), answer.text


@pytest.mark.parametrize("name", ["stores", "departments", "trees"])
def test_every_answer_comes_out_again(tmp_path: Path, versions: dict[str, Made], name: str) -> None:
    """All kinds, of versions of each sort, before and after planners spoke: every number, bit for bit."""
    publish(tmp_path, versions[name], 1)
    with running(tmp_path) as service:
        ask_all_kinds(service, dept=name == "departments")
        before = len(service.entries())
        first = service.client.get("/v1/forecasts?horizon=4").json()["forecasts"]
        for row in (first[0], first[3], first[5]):
            override(service, row["unique_id"], row["ds"])
        service.worker.service.book.refresh()
        ask_all_kinds(service, dept=name == "departments")
        entries = service.entries()
    assert len(entries) > 2 * before
    assert any('"overrides"' in entry.inputs for entry in entries[before:])
    champion = champion_of(versions[name])
    made = [reproduce(champion, entry) for entry in entries]
    wrong = [(e.kind, e.inputs[:200], m) for e, m in zip(entries, made, strict=True) if not m.equal]
    assert wrong == []
    assert {m.kind for m in made} == {"forecast", "prediction", "what-if", "explanation", "invocation"}
    assert min(m.numbers for m in made) >= 1


def test_older_versions_answer_for_what_they_said(
    tmp_path: Path, versions: dict[str, Made], url: str
) -> None:
    """After a promotion and a rollback each answer is made again by the version that gave it, and by no
    other; on the real SQLite log and on PostgreSQL."""
    publish(tmp_path, versions["again"], 1)
    with running(tmp_path, log_url=url) as service:
        ask = "/v1/forecasts?horizon=4"
        ids = [service.client.get(ask).json()["id"]]
        for made, number, kind in (("stores", 2, "promote"), ("again", 1, "rollback")):
            publish(tmp_path, versions[made], number, kind=kind)
            service.worker.service.holder.look()
            ids.append(service.client.get(ask).json()["id"])
        entries = {entry.id: entry for entry in service.entries()}
    gave = ["again", "stores", "again"]
    for key, name in zip(ids, gave, strict=True):
        entry = entries[key]
        assert entry.digest == versions[name].digest
        assert reproduce(champion_of(versions[name]), entry).equal
        other = reproduce(champion_of(versions["stores" if name == "again" else "again"]), entry)
        assert not other.equal
        assert other.different > 0


@pytest.fixture(scope="module")
def logged(
    tmp_path_factory: pytest.TempPathFactory, versions: dict[str, Made]
) -> tuple[Champion, dict[str, Entry]]:
    """A version with trees, and entries by kind; ``bulk`` is one with a blob."""
    home = tmp_path_factory.mktemp("logged")
    publish(home, versions["trees"], 1)
    with running(home) as service:
        ask_all_kinds(service)
        entries = service.entries()
    found = {entry.kind: entry for entry in entries if entry.rows_blob is None}
    found["bulk"] = next(e for e in entries if e.kind == "prediction" and e.rows_blob is not None)
    return champion_of(versions["trees"]), found


def _changed(text: str, name: str, at: int, by: float) -> str:
    values = json.loads(text)
    values[name][at] += by
    return json.dumps(values)


def _content(blob: bytes) -> bytes:
    """What is packed in a blob of one piece."""
    assert 4 + int.from_bytes(blob[:4], "little") == len(blob)
    return zlib.decompress(blob[4:])


@pytest.mark.parametrize("kind", ["forecast", "prediction", "what-if", "explanation"])
def test_a_changed_number_is_named(logged: tuple[Champion, dict[str, Entry]], kind: str) -> None:
    """One cent, or the last bit of one number: not equal, and which series, week and column."""
    champion, entry = logged[0], logged[1][kind]
    assert reproduce(champion, entry).equal
    value = json.loads(entry.forecast)["storecast"][0]
    for step in (0.01, float(np.nextafter(value, np.inf)) - value, -value):
        made = reproduce(champion, entry._replace(forecast=_changed(entry.forecast, "storecast", 0, step)))
        assert (made.equal, made.different) == (False, 1)
        first = made.differences[0]
        week = json.loads(entry.forecast)["ds"][0]
        assert (first.unique_id, first.ds, first.column) == (entry.series, week, "storecast")
        assert (first.logged, first.rebuilt) == (value + step, value)
    if kind != "explanation":
        name = next(iter(json.loads(entry.bands)))
        made = reproduce(champion, entry._replace(bands=_changed(entry.bands, name, 0, -0.01)))
        assert [(d.column, made.equal) for d in made.differences] == [(name, False)]


CHANGES: dict[str, Any] = {
    "series": "2",
    "rows": 77,
    "inputs": "{}",
    "forecast": "",
    "bands": '{"storecast-lo-80":[1.0]}',
    "kind": "explanation",
}


@pytest.mark.parametrize("column", CHANGES)
@pytest.mark.parametrize("kind", ["forecast", "prediction", "what-if"])
def test_a_changed_entry_is_not_equal(
    logged: tuple[Champion, dict[str, Entry]], kind: str, column: str
) -> None:
    """Whatever column of an entry the answer depends on is changed, it does not come out."""
    champion, entry = logged[0], logged[1][kind]
    assert not reproduce(champion, entry._replace(**{column: CHANGES[column]})).equal


def test_other_inputs_give_other_numbers(logged: tuple[Champion, dict[str, Entry]]) -> None:
    """What was asked is part of the answer: another temperature, another event, and it does not come out."""
    champion, found = logged
    entry = found["what-if"]
    for old, new in (("1.13", "1.14"), ("20.25", "80.25"), ("promotion", "closure")):
        if old in entry.inputs:
            made = reproduce(champion, entry._replace(inputs=entry.inputs.replace(old, new)))
            assert not made.equal


def test_a_changed_blob_is_named(logged: tuple[Champion, dict[str, Entry]]) -> None:
    """Its bytes, its digest, or rows exchanged together with it."""
    champion, entry = logged[0], logged[1]["bulk"]
    assert reproduce(champion, entry).equal
    assert entry.rows_blob is not None
    for at in range(0, len(entry.rows_blob), max(len(entry.rows_blob) // 60, 1)):
        blob = entry.rows_blob[:at] + bytes([entry.rows_blob[at] ^ 4]) + entry.rows_blob[at + 1 :]
        made = reproduce(champion, entry._replace(rows_blob=blob))
        assert not made.equal or _content(blob) == _content(entry.rows_blob)  # the packing has spare bits
    made = reproduce(champion, entry._replace(rows_digest="0" * 64))
    assert "do not belong together" in made.faults[0]
    forged = RowsBlob()
    names = ["1", "2"]
    days = np.array(champion.weeks[:2], dtype="datetime64[D]")
    forged.add({"unique_id": names, "ds": days, "storecast": np.array([1.0, 2.0])})
    rows, digest, blob = forged.finish()
    made = reproduce(champion, entry._replace(rows=rows, rows_digest=digest, rows_blob=blob))
    assert (made.equal, made.different) == (False, 2)
    assert not reproduce(champion, entry._replace(rows_blob=b"")).equal


def test_a_kind_that_is_no_answer_is_refused(logged: tuple[Champion, dict[str, Entry]]) -> None:
    """It says which kinds can be made again."""
    with pytest.raises(RequestError, match="cannot be made again") as caught:
        reproduce(logged[0], logged[1]["forecast"]._replace(kind="song"))
    assert "what-if" in caught.value.expected


def test_nothing_is_equal_by_being_empty(logged: tuple[Champion, dict[str, Entry]]) -> None:
    """No numbers, no verdict: an entry that was emptied is not equal."""
    empty = logged[1]["forecast"]._replace(forecast='{"ds":[],"storecast":[]}', bands="{}", rows=0)
    made: Reproduction = reproduce(logged[0], empty)
    assert (made.numbers, made.equal) == (0, False)
