"""Whatever is sent: a 4xx problem that names the field or row and the remedy; nothing is logged as served."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from storecast.service import calls, protocol
from tests.service.conftest import Running

JSON = {"content-type": "application/json"}
CSV = {"content-type": "text/csv"}
WEEK = "2012-06-01"  # one that is forecast


def _refused(
    service: Running, answer: httpx.Response, statuses: tuple[int, ...], entries: int
) -> dict[str, Any]:
    """The problem document; nothing was logged, and nothing went wrong inside."""
    assert answer.status_code in statuses, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["remedy"]
    assert problem["instance"] == f"urn:storecast:request:{answer.headers['x-request-id']}"
    assert len(answer.content) < 40_000
    assert len(service.entries()) == entries
    return problem  # type: ignore[no-any-return]


def _row(**changes: Any) -> bytes:
    return json.dumps({"rows": [{"store": 1, "date": WEEK}, {"store": 1, "date": WEEK} | changes]}).encode()


def _raw_row(text: str) -> bytes:
    return f'{{"rows":[{{"store":1,"date":"{WEEK}"}},{{"store":1,"date":"{WEEK}",{text}}}]}}'.encode()


SECOND = 2  # the row that is wrong, counted from 1
ROWS = {
    "NaN": (_raw_row('"temperature":NaN'), 400, None),
    "Infinity": (_raw_row('"temperature":Infinity'), 400, None),
    "-Infinity": (_raw_row('"cpi":-Infinity'), 400, None),
    "1e309": (_raw_row('"cpi":1e309'), 400, None),
    "1e300": (_raw_row('"cpi":1e300'), 422, "rows[1].cpi"),
    "a text for a number": (_row(cpi="200"), 422, "rows[1].cpi"),
    "a list for a number": (_row(cpi=[200]), 422, "rows[1].cpi"),
    "an object for a store": (_row(store={"id": 1}), 422, "rows[1].store"),
    "true for a store": (_row(store=True), 422, "rows[1].store"),
    "half a store": (_row(store=1.5), 422, "rows[1].store"),
    "null for a store": (_row(store=None), 422, "rows[1].store"),
    "an empty store": (_row(store=""), 422, "rows[1].store"),
    "an endless store": (_row(store="1" * 5000), 422, "rows[1].store"),
    "an unknown store": (_row(store=77), 422, "rows[1].store"),
    "a path for a store": (_row(store="../../etc/passwd"), 422, "rows[1].store"),
    "a NUL in a store": (_row(store="1\0"), 422, "rows[1].store"),
    "a formula for a store": (_row(store="=cmd|'/c calc'!A1"), 422, "rows[1].store"),
    "a department where there are none": (_row(dept=1), 422, "rows[1].dept"),
    "a day that is no week": (_row(date="2012-06-02"), 422, "rows[1].date"),
    "a week long ago": (_row(date="1999-01-01"), 422, "rows[1].date"),
    "a week too far ahead": (_row(date="2099-01-02"), 422, "rows[1].date"),
    "no day at all": (_row(date="2012-02-31"), 422, "rows[1].date"),
    "month before day": (_row(date="06/01/2012"), 422, "rows[1].date"),
    "a number for a date": (_row(date=20120601), 422, "rows[1].date"),
    "digits of another script": (_row(date="٢٠١٢-٠٦-٠١"), 422, "rows[1].date"),
    "two for a flag": (_row(holiday_flag=2), 422, "rows[1].holiday_flag"),
    "an unknown field": (_row(temprature=3), 422, "rows[1]"),
    "no date": (json.dumps({"rows": [{"store": 1, "date": WEEK}, {"store": 1}]}).encode(), 422, "rows[1]"),
    "no rows": (b'{"rows":[]}', 422, "rows"),
    "rows that are none": (b'{"rows":"all"}', 422, "rows"),
    "no object": (b"[1,2]", 422, "body"),
    "nothing": (b"", 400, None),
    "no JSON": (b"rows=1", 400, None),
    "half of it": (b'{"rows":[{"store":1,', 400, None),
    "more than one": (b'{"rows":[]}{"rows":[]}', 400, None),
    "no UTF-8": (b'{"rows":[{"store":"\xff\xfe","date":"x"}]}', 400, None),
    "UTF-16": (_row().decode().encode("utf-16"), 400, None),
    "a lone surrogate": (b'{"rows":[{"store":"\\ud800","date":"2012-06-01"}]}', 400, None),
    "deep nesting": (b'{"rows":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 422, "rows[0]"),
    "deep objects": (
        b'{"rows":[{"store":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}]}",
        422,
        "rows[0].store",
    ),
    "deep nesting in an unknown field": (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 422, "body"),
    "a huge array": (b'{"rows":[' + b"1," * 3_000_000 + b"1]}", 422, "rows[0]"),
    "an endless number": (_raw_row(f'"cpi":{"9" * 100_000}'), 400, None),
    "a level of 100": (b'{"rows":[{"store":1,"date":"2012-06-01"}],"levels":[100]}', 422, "levels[0]"),
    "no number for a level": (
        b'{"rows":[{"store":1,"date":"2012-06-01"}],"levels":["80"]}',
        422,
        "levels[0]",
    ),
    "eleven levels": (
        json.dumps({"rows": [{"store": 1, "date": WEEK}], "levels": list(range(1, 12))}).encode(),
        422,
        "levels",
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_wrong_rows_as_json(name: str, stores: Running) -> None:
    """The field is named, and the row counted from one, where there is one to name."""
    body, status, field = ROWS[name]
    before = len(stores.entries())
    answer = stores.client.post("/v1/predictions", content=body, headers=JSON)
    problem = _refused(stores, answer, (400, 422), before)
    if field is not None:
        named = [(error["field"], error.get("row")) for error in problem["errors"]]
        assert answer.status_code == status
        assert any(found.startswith(field) for found, _ in named), problem
        if field.startswith("rows[1]"):
            assert SECOND in [row for _, row in named], problem
    else:
        assert answer.status_code in (400, 422)


def test_all_wrong_rows_are_named_up_to_a_hundred(stores: Running) -> None:
    """So that a file is corrected once, and not row by row; of a long one the first hundred."""
    rows = [{"store": 1, "date": WEEK}, {"store": 7, "date": WEEK}, {"store": 1, "date": "2000-01-01"}]
    problem = stores.client.post("/v1/predictions", json={"rows": rows}).json()
    assert [(e["field"], e["row"]) for e in problem["errors"]] == [("rows[1].store", 2), ("rows[2].date", 3)]
    many = stores.client.post("/v1/predictions", json={"rows": [rows[1]] * 5000}).json()
    assert len(many["errors"]) == 100


HEAD = b"store,date\n"
GOOD = b"1,2012-06-01\n"
FILES = {
    "nothing": (b"", "body"),
    "a byte order mark alone": (b"\xef\xbb\xbf\r\n", "body"),
    "a header alone": (HEAD, "body"),
    "no header": (GOOD, "header"),
    "an unknown column": (b"store,date,weather\n1,2012-06-01,fine\n", "header"),
    "a column twice": (b"store,date,Date\n1,2012-06-01,2012-06-01\n", "header"),
    "no store": (b"date\n2012-06-01\n", "header"),
    "a cell too few": (HEAD + GOOD + b"1\n", "rows[1]"),
    "a cell too many": (HEAD + GOOD + b"1,2012-06-01,3\n", "rows[1]"),
    "an unknown store": (HEAD + GOOD + b"9,2012-06-01\n", "rows[1].store"),
    "a week long ago": (HEAD + GOOD + b"1,1999-01-01\n", "rows[1].date"),
    "a formula for a store": (HEAD + GOOD + b"=1+1,2012-06-01\n", "rows[1].store"),
    "a formula for a date": (HEAD + GOOD + b'1,"=HYPERLINK(""http://x"")"\n', "rows[1].date"),
    "a formula for a number": (b"store,date,cpi\n1,2012-06-01,=2+2\n", "rows[0].cpi"),
    "nan": (b"store,date,cpi\n1,2012-06-01,nan\n", "rows[0].cpi"),
    "inf": (b"store,date,cpi\n1,2012-06-01,inf\n", "rows[0].cpi"),
    "1e309": (b"store,date,cpi\n1,2012-06-01,1e309\n", "rows[0].cpi"),
    "1_000": (b"store,date,cpi\n1,2012-06-01,1_000\n", "rows[0].cpi"),
    "a flag of two": (b"store,date,isholiday\n1,2012-06-01,2\n", "rows[0].holiday_flag"),
    "an open quote": (HEAD + GOOD + b'"1,2012-06-01\n', "body"),
    "an endless line": (HEAD + b"1" * 200_000, "body"),
    "an endless cell in quotes": (HEAD + b'"' + b"1\n" * 200_000, "body"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("form", [False, True], ids=["body", "form"])
def test_wrong_files(name: str, form: bool, stores: Running) -> None:
    """As a body or in a form: the row is named, counted from one under the header."""
    body, field = FILES[name]
    before = len(stores.entries())
    if form:
        answer = stores.client.post("/v1/predictions", files={"file": ("rows.csv", body, "text/csv")})
    else:
        answer = stores.client.post("/v1/predictions", content=body, headers=CSV)
    problem = _refused(stores, answer, (422,), before)
    named = [error["field"] for error in problem["errors"]]
    assert field in named, problem


@pytest.mark.parametrize("route", ["/v1/predictions", "/v1/actuals", "/invocations"])
@pytest.mark.parametrize(
    "body",
    [
        "store,date\n1,2012-06-01\n".encode("utf-16"),
        "store,date\n1,2012-06-01\n".encode("utf-16-be"),
        b"store,date\nM\xfcller,2012-06-01\n",
        b"PK\x03\x04" + bytes(range(256)) * 20,
        gzip.compress(b"store,date\n" + b"1,2012-06-01\n" * 10_000),
        b"\x00" * 1000,
    ],
    ids=["utf-16", "utf-16-be", "latin-1", "a zip", "gzip without saying so", "zeros"],
)
def test_files_that_are_no_text_in_utf8(route: str, body: bytes, stores: Running) -> None:
    """What a spreadsheet may save besides: told to save it as CSV UTF-8."""
    before = len(stores.entries())
    answer = stores.client.post(route, content=body, headers=CSV)
    _refused(stores, answer, (400, 422), before)


BOMB = gzip.compress(b" " * 20_000_000)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip"])
@pytest.mark.parametrize(
    ("route", "kind"),
    [
        ("/v1/forecasts", "application/json"),
        ("/v1/predictions", "application/json"),
        ("/v1/predictions", "text/csv"),
        ("/v1/what-if", "application/json"),
        ("/v1/actuals", "text/csv"),
        ("/v1/datasets", "text/csv"),
        ("/v1/scenarios", "application/json"),
        ("/v1/models/promote", "application/json"),
        ("/invocations", "application/json"),
    ],
)
def test_compressed_bodies_are_not_unpacked(coding: str, route: str, kind: str, stores: Running) -> None:
    """A bomb stays what it is: some kilobytes that nobody opens."""
    before = len(stores.entries())
    answer = stores.client.post(
        route, content=BOMB, headers={"content-type": kind, "content-encoding": coding}
    )
    problem = _refused(stores, answer, (415,), before)
    assert problem["type"].endswith("unsupported-encoding")


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize(
    "route",
    [
        "POST /v1/forecasts",
        "POST /v1/predictions",
        "POST /v1/what-if",
        "POST /v1/actuals",
        "POST /v1/datasets",
        "POST /v1/backtests",
        "POST /v1/scenarios",
        "POST /v1/overrides",
        "POST /v1/models/promote",
        "POST /v1/models/rollback",
        "POST /invocations",
    ],
)
def test_wrong_types_of_bodies(kind: str, route: str, stores: Running) -> None:
    """What a route does not take it does not guess at: 415, and what it takes."""
    method, path = route.split(" ")
    before = len(stores.entries())
    answer = stores.client.request(method, path, content=b'{"why": "x"}', headers={"content-type": kind})
    _refused(stores, answer, (415,), before)


def test_another_charset_is_refused(stores: Running) -> None:
    """UTF-8 or nothing."""
    for kind in ("application/json; charset=utf-16", 'text/csv; charset="iso-8859-1"'):
        answer = stores.client.post("/v1/predictions", content=_row(), headers={"content-type": kind})
        _refused(stores, answer, (415,), len(stores.entries()))


LARGE = [
    ("/v1/forecasts", "application/json", 16),
    ("/v1/predictions", "application/json", 16),
    ("/v1/what-if", "application/json", 0.25),
    ("/v1/actuals", "application/json", 16),
    ("/v1/actuals", "text/csv", 16),
    ("/v1/overrides", "application/json", 4),
    ("/v1/scenarios", "application/json", 0.25),
    ("/v1/backtests", "application/json", 0.25),
    ("/v1/models/promote", "application/json", 0.25),
    ("/invocations", "application/json", 16),
    ("/invocations", "text/csv", 16),
]


@pytest.mark.parametrize(("route", "kind", "limit"), LARGE)
def test_fifty_megabytes_are_refused_before_they_are_read(
    route: str, kind: str, limit: float, stores: Running
) -> None:
    """Announced by their length, they are refused while not one byte of them has come; sent in pieces without
    one, as soon as there are more than the route takes."""
    with socket.create_connection(("127.0.0.1", stores.port), timeout=30) as line:
        head = f"POST {route} HTTP/1.1\r\nHost: 127.0.0.1:{stores.port}\r\nContent-Type: {kind}\r\n"
        line.sendall(f"{head}Content-Length: {50 * 1024 * 1024}\r\n\r\n".encode())
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert b"application/problem+json" in answer
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(50):
            sent += 1 << 20
            yield b" " * (1 << 20)

    try:
        found = stores.client.post(route, content=pieces(), headers={"content-type": kind})
    except httpx.WriteError:  # closed while it was still being sent
        assert sent < 50 << 20
    else:
        problem = _refused(stores, found, (413,), len(stores.entries()))
        assert f"{int(limit * 1024 * 1024):,} bytes" in problem["detail"]


def test_files_have_a_limit_too(stores: Running) -> None:
    """Of rows and data sets, 128 MiB."""
    for route in ("/v1/predictions", "/v1/datasets"):
        with socket.create_connection(("127.0.0.1", stores.port), timeout=30) as line:
            head = f"POST {route} HTTP/1.1\r\nHost: 127.0.0.1:{stores.port}\r\nContent-Type: text/csv\r\n"
            line.sendall(f"{head}Content-Length: {129 * 1024 * 1024}\r\n\r\n".encode())
            assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


IDS = [
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "a" * 5000,
    "1'; DROP TABLE jobs;--",
    "{id}",
    "%ff%fe",
    "-1",
]


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize(
    "path",
    [
        "/v1/datasets/{}",
        "/v1/datasets/{}/contents?name=upload",
        "/v1/jobs/{}",
        "/v1/scenarios/{}",
        "/v1/scenarios/{}/answer",
        "/v1/events/{}",
        "/v1/datasets/00000000-0000-0000-0000-000000000000/contents?name={}",
    ],
)
def test_ids_that_look_like_paths(path: str, name: str, stores: Running) -> None:
    """An id is a UUID; all else leads nowhere."""
    with socket.create_connection(("127.0.0.1", stores.port), timeout=30) as line:
        target = path.format(name.replace(" ", "%20"))
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    status = int(answer.split(b" ")[1])
    assert status in (400, 404, 405, 422), answer[:300]
    assert b"application/problem+json" in answer
    assert b"root:" not in answer


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/series?limit=0", "limit"),
        ("/v1/series?limit=1e9", "limit"),
        ("/v1/series?limit=%00", "limit"),
        ("/v1/series?after=nobody", "after"),
        ("/v1/series?serach=1", "serach"),
        ("/v1/series?limit=1&limit=2", "limit"),
        ("/v1/series?search=%ff", "UTF-8"),
        ("/v1/series/history?series=9", "series"),
        ("/v1/series/history?series=1&weeks=-1", "weeks"),
        ("/v1/series/history", "series"),
        ("/v1/explanations", "series"),
        ("/v1/explanations?series=9", "series"),
        ("/v1/explanations?series=1&horizons=0", "horizons"),
        ("/v1/explanations?series=1&horizons=21", "horizons"),
        ("/v1/explanations?series=1&horizons=1,x", "horizons"),
        ("/v1/explanations?series=1&dates=2012-06-02", "dates[0]"),
        ("/v1/explanations?series=1&by=shop", "by"),
        ("/v1/forecasts?series=" + "1," * 3000, "series"),
        ("/v1/actuals?series=1&since=yesterday", "since"),
        ("/v1/events?before=1", "before"),
        ("/v1/models?x=1", "x"),
    ],
)
def test_wrong_queries(path: str, words: str, stores: Running) -> None:
    """The parameter is named."""
    before = len(stores.entries())
    answer = stores.client.get(path)
    problem = _refused(stores, answer, (400, 414, 422), before)
    assert words in json.dumps(problem)


WHAT_IFS: list[tuple[dict[str, Any], str]] = [
    ({"series": "9"}, "series"),
    ({"series": "1", "horizon": 53}, "horizon"),
    ({"series": "1", "horizon": 30}, "horizon"),
    ({"series": "1", "inputs": {"rain": 1.0}}, "inputs.rain"),
    ({"series": "1", "inputs": {"cpi": "1"}}, "inputs"),
    ({"series": "1", "inputs": {"cpi": 1e12}}, "inputs"),
    ({"series": "1", "inputs": {"cpi": {"2012-06-02": 1.0}}}, "inputs.cpi"),
    ({"series": "1", "events": [{"kind": "party", "first": WEEK}]}, "events[0].kind"),
    ({"series": "1", "events": [{"kind": "promotion", "first": "2012-02-31"}]}, "events[0]"),
    (
        {"series": "1", "events": [{"kind": "promotion", "first": WEEK, "last": "2012-05-01"}]},
        "events[0].last",
    ),
    ({"series": "1", "events": [{"kind": "promotion", "first": WEEK, "lift": 0}]}, "events[0].lift"),
    ({"series": "1", "events": [{"kind": "closure", "first": WEEK, "lift": 2.0}]}, "events[0].lift"),
    ({"series": "1", "events": [{"kind": "closure", "first": WEEK}] * 101}, "events"),
    ({"series": "1", "levels": [0.5]}, "levels[0]"),
    ({}, "series"),
]


@pytest.mark.parametrize(("body", "field"), WHAT_IFS)
def test_wrong_what_ifs(body: dict[str, Any], field: str, stores: Running) -> None:
    """The same words whether asked at once or saved as a scenario."""
    before = len(stores.entries())
    problem = _refused(stores, stores.client.post("/v1/what-if", json=body), (422,), before)
    assert field in json.dumps(problem), problem


INVOCATIONS: list[tuple[Any, str]] = [
    ([], "body"),
    ({}, "body"),
    ({"dataframe_split": {}, "instances": []}, "body"),
    ({"dataframe_split": {"columns": ["unique_id", "ds"]}}, "dataframe_split"),
    ({"dataframe_split": {"columns": ["unique_id", "ds"], "data": [["1"]]}}, "dataframe_split.data[0]"),
    ({"dataframe_split": {"columns": [1], "data": [[1]]}}, "dataframe_split"),
    ({"dataframe_records": [{"unique_id": "1", "ds": WEEK}, {"unique_id": "1"}]}, "dataframe_records[1]"),
    ({"dataframe_records": [{"unique_id": "9", "ds": WEEK}]}, "unique_id"),
    ({"dataframe_records": [{"unique_id": "1", "ds": "1999-01-01"}]}, "ds"),
    ({"dataframe_records": [{"unique_id": "1", "horizon": 99}]}, "horizon"),
    ({"dataframe_records": [{"unique_id": "1", "horizon": True}]}, "horizon"),
    ({"dataframe_records": [{"unique_id": ["1"], "horizon": 1}]}, "unique_id"),
    ({"dataframe_records": [{"store": "1", "date": WEEK, "cpi": "x"}]}, "cpi"),
    ({"instances": [[1, 2]]}, "instances"),
    ({"inputs": {"unique_id": ["1"], "ds": []}}, "inputs"),
    ({"inputs": {"unique_id": [], "ds": []}}, "no rows"),
    ({"dataframe_records": [{"unique_id": "1", "horizon": 1}], "params": {"level": ["x"]}}, "params.level"),
    ({"dataframe_records": [{"unique_id": "1", "horizon": 1}], "params": {"level": [100]}}, "levels"),
    ({"dataframe_records": [{"unique_id": "1", "horizon": 1}], "params": []}, "params"),
]


@pytest.mark.parametrize(("body", "words"), INVOCATIONS)
def test_wrong_invocations(body: Any, words: str, stores: Running) -> None:
    """MLflow's protocol is held to the same."""
    before = len(stores.entries())
    problem = _refused(stores, stores.client.post("/invocations", json=body), (422,), before)
    assert words in json.dumps(problem), problem


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "1e309", "NaN"])
def test_numbers_that_are_none_in_invocations(value: str, stores: Running) -> None:
    """NaN is a data frame's way to give nothing, so it is refused only where something must be given."""
    text = f'{{"dataframe_records":[{{"unique_id":"1","horizon":{value}}}]}}'
    answer = stores.client.post("/invocations", content=text, headers=JSON)
    _refused(stores, answer, (400, 422), len(stores.entries()))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"actuals":[{"unique_id":"9","ds":"2012-06-01","y":1}]}', "actuals[0].unique_id"),
        (b'{"actuals":[{"unique_id":"1","ds":"2012-06-02","y":1}]}', "actuals[0].ds"),
        (b'{"actuals":[{"unique_id":"1","ds":"2112-11-04","y":1}]}', "actuals[0].ds"),
        (b'{"actuals":[{"unique_id":"1","ds":"2012-06-01","y":1e13}]}', "actuals[0].y"),
        (b'{"actuals":[{"unique_id":"1","ds":"2012-06-01","y":null}]}', "actuals[0].y"),
        (b'{"actuals":[]}', "actuals"),
    ],
)
def test_wrong_actuals(body: bytes, field: str, stores: Running) -> None:
    """Nothing of an upload is kept where one row is wrong."""
    kept = stores.client.get("/v1/actuals?series=1").json()
    answer = stores.client.post("/v1/actuals", content=body, headers=JSON)
    problem = _refused(stores, answer, (422,), len(stores.entries()))
    assert field in [error["field"] for error in problem["errors"]]
    assert stores.client.get("/v1/actuals?series=1").json() == kept


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("unique_id,ds,y\n1,2012-06-01,x\n", "rows[0].y"),
        ("unique_id,ds,y\n1,2012-06-01,nan\n", "rows[0].y"),
        ("unique_id,ds,y\n1,2012-06-01,1e309\n", "rows[0].y"),
        ("unique_id,ds,y\n1,2012-06-01,=1+1\n", "rows[0].y"),
        ("unique_id,ds,y\n1,2012-06-01\n", "rows[0]"),
        ("unique_id,ds,y\n1,2012-06-01,5\n9,2012-06-01,5\n", "actuals[1].unique_id"),
        ("unique_id,ds,y\n1,2012-06-01,5\n1,2112-11-04,5\n", "actuals[1].ds"),
        ("unique_id,ds,y\n", "body"),
    ],
)
def test_wrong_files_of_actuals(text: str, field: str, stores: Running) -> None:
    """The same of CSV."""
    answer = stores.client.post("/v1/actuals", content=text, headers=CSV)
    problem = _refused(stores, answer, (422,), len(stores.entries()))
    assert field in [error["field"] for error in problem["errors"]]


def test_actuals_end_with_the_forecasts(stores: Running) -> None:
    """The week after the last that is forecast is refused with what was expected."""
    weeks = [row["ds"] for row in stores.client.get("/v1/forecasts?series=1&horizon=20").json()["forecasts"]]
    after = str(np.datetime64(weeks[-1]) + np.timedelta64(7, "D"))
    body = {"actuals": [{"unique_id": "1", "ds": weeks[-1], "y": 1}, {"unique_id": "1", "ds": after, "y": 1}]}
    (error,) = stores.client.post("/v1/actuals", json=body).json()["errors"]
    assert (error["field"], error["row"]) == ("actuals[1].ds", 2)
    assert after in error["detail"]
    assert f"to {weeks[-1]}" in error["detail"]


def test_an_unknown_header_of_actuals_is_told(stores: Running) -> None:
    """What columns there may be is said."""
    answer = stores.client.post("/v1/actuals", content="a,b\n1,2\n", headers=CSV)
    assert "unique_id, ds and y" in _refused(stores, answer, (422,), len(stores.entries()))["remedy"]


def _spoken(port: int, *pieces: bytes) -> bytes:
    """What comes back until the connection ends; its end alone is b""."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
            while piece := line.recv(65536):
                found += piece
        except ConnectionError:
            pass  # closed while there was more to send
    return found


GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([b"GET /v1/forecasts?series=" + b"1" * 10_000_000 + b" HTTP/1.1\r\n"], b"431"),
        ([GET + b"X: " + b"y" * 10_000_000 + b"\r\n"], b"431"),
        ([GET + b"X: y\r\n" * 1_000_000], b"431"),
        ([GET, *[b"X: y\r\n" * 1000] * 100], b"431"),
        ([b"GARBAGE\r\n\r\n"], b"400"),
        ([b"GET /healthz HTTP/9.9\r\n\r\n"], b"400"),
        ([b"POST /v1/forecasts HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n"], b"400"),
        (
            [
                (
                    b"POST /v1/forecasts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                    b"Content-Length: 6\r\n\r\n"
                )
            ],
            b"400",
        ),
    ],
    ids=range(8),
)
def test_what_is_no_http_ends_the_connection(pieces: list[bytes], status: bytes, stores: Running) -> None:
    """Headers without end, and what is no HTTP: a problem document and the end, or the end alone where it is
    still being sent; the next caller is served."""
    found = _spoken(stores.port, *pieces)
    assert not found or (found[9:12] == status and b"application/problem+json" in found), found[:300]
    if len(pieces[0]) < 1000 and len(pieces) == 1:
        assert found
    assert stores.client.get("/healthz").status_code == 200


def test_chunks_that_are_none_end_the_connection(stores: Running) -> None:
    """A request that breaks off is not answered as if it were whole."""
    head = b"POST /v1/forecasts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    before = len(stores.entries())
    found = _spoken(stores.port, head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert found[9:10] in (b"", b"4"), found[:300]
    assert len(stores.entries()) == before


def test_who_is_slow_is_not_waited_for(stores: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that does not come whole in its time, or a body that stalls, gets 408 and the end."""
    monkeypatch.setattr(protocol, "_SECONDS", 0.2)
    assert _spoken(stores.port, GET)[9:12] == b"408"
    assert _spoken(stores.port)[9:12] == b"408"
    monkeypatch.setattr(calls, "_BODY_SECONDS", 0.2)
    for kind in (b"application/json", b"text/csv"):
        head = b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + kind + b"\r\n"
        with socket.create_connection(("127.0.0.1", stores.port), timeout=30) as line:
            line.sendall(head + b"Content-Length: 100\r\n\r\nstore,date\n")
            assert line.recv(65536)[9:12] == b"408"


def test_one_connection_asks_many_times(stores: Running) -> None:
    """One after the other, and ahead of the answers."""
    found = _spoken(stores.port, (GET + b"\r\n") * 5 + GET + b"Connection: close\r\n\r\n")
    assert found.count(b"HTTP/1.1 200 OK") == 6
