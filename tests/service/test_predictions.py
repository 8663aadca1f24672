"""Rows of the classic form: answered as the batch path would, in their order, however they come and go."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

import httpx
import numpy as np
import pytest

from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.frames import forecast_table
from storecast.stores.forecast_log.blobs import blob_digest, columns_of
from tests.service.conftest import HORIZON, Made, Running

LEVELS = (50.0, 80.0, 95.0)
COLUMNS = ["storecast"] + [f"storecast-{side}-{level:g}" for level in LEVELS for side in ("lo", "hi")]
CLASSIC = {"holiday_flag": 1, "temperature": 55.3, "fuel_price": 3.39, "cpi": 223.46, "unemployment": 6.57}


def _expected(forecaster: Forecaster) -> dict[tuple[str, str, str], list[float]]:
    """(store, dept, week) -> dollars, of the batch path; dept "" where a store is meant."""
    out = {}
    views = [by for by in ("series", "store") if by in forecaster.levels]
    for by in views:
        table = forecast_table(forecaster, HORIZON, LEVELS, by)
        for row in table.to_dict("records"):
            store, _, dept = row["unique_id"].partition("_")
            out[store, dept, str(row["ds"].date())] = [row[name] for name in COLUMNS]
    return out


def _all_rows(forecaster: Forecaster) -> list[dict[str, Any]]:
    """Every row that can be asked for, shuffled."""
    keys = sorted(_expected(forecaster))
    rows = [{"store": s, "date": w} | ({"dept": d} if d else {}) for s, d, w in keys]
    np.random.default_rng(1).shuffle(rows)
    return rows


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return str(row["store"]), str(row.get("dept") or ""), row["date"]


def _as_csv(rows: Iterable[dict[str, Any]], names: list[str], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, delimiter=delimiter, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _check_csv(answer: httpx.Response, rows: list[dict[str, Any]], expected: dict[Any, list[float]]) -> None:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [_key(row) for row in found] == [_key(row) for row in rows]
    assert [[float(row[name]) for name in COLUMNS] for row in found] == [expected[_key(r)] for r in rows]


@pytest.mark.parametrize("name", ["stores", "departments"])
def test_rows_equal_the_batch_path(name: str, versions: dict[str, Made], request) -> None:
    """Every store, department and week in any order, as JSON, CSV or a form: the batch path's dollars to the
    last bit, each row in its place."""
    running: Running = request.getfixturevalue(name)
    forecaster = versions[name].forecaster
    expected, rows = _expected(forecaster), _all_rows(forecaster)
    body = {"rows": rows, "levels": list(LEVELS)}
    answer = running.client.post("/v1/predictions", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()["predictions"]
    assert [_key(row) for row in found] == [_key(row) for row in rows]
    assert [[row[n] for n in COLUMNS] for row in found] == [expected[_key(r)] for r in rows]
    names = ["store", "dept", "date"] if name == "departments" else ["store", "date"]
    query = "levels=50,80,95"
    for delimiter in ",;\t":
        text = _as_csv(rows, names, delimiter)
        plain = running.client.post(
            f"/v1/predictions?{query}", content=text, headers={"content-type": "text/csv"}
        )
        _check_csv(plain, rows, expected)
    files = {"file": ("rows.csv", _as_csv(rows, names), "text/csv")}
    form = running.client.post("/v1/predictions", files=files, data={"levels": "50,80,95"})
    _check_csv(form, rows, expected)
    same = running.client.post("/v1/predictions", files=files, data={"levels": "50,80,95", "format": "json"})
    assert same.json()["predictions"] == found
    accepted = running.client.post(
        f"/v1/predictions?{query}",
        content=_as_csv(rows, names),
        headers={"content-type": "text/csv", "accept": "application/json"},
    )
    assert accepted.json()["predictions"] == found


def test_one_row_in_all_its_spellings(stores: Running, versions: dict[str, Made]) -> None:
    """Numbers or texts, either date order, names as the classic file has them, any of the five inputs left
    out: the same answer; what is given and not read is named."""
    week = str(versions["stores"].forecaster.weeks[2])
    expected = _expected(versions["stores"].forecaster)["2", "", week]
    day, month, year = week[8:], week[5:7], week[:4]
    spellings: list[tuple[dict[str, Any], list[str]]] = [
        ({"store": 2, "date": week}, []),
        ({"store": "2", "date": f"{day}-{month}-{year}"}, []),
        ({"Store": 2, "Date": f"{day}-{month}-{year}", "Holiday_Flag": 0}, ["holiday_flag"]),
        ({"store": 2, "date": week, **CLASSIC}, list(CLASSIC)),
        ({"store": 2, "date": week, "holiday_flag": True, "cpi": 211}, ["holiday_flag", "cpi"]),
    ]
    spellings += [
        ({"store": 2, "date": week, **{n: v for n, v in CLASSIC.items() if n != left}}, [])
        for left in CLASSIC
    ]
    for row, unused in spellings:
        answer = stores.client.post("/v1/predictions", json={"rows": [row], "levels": list(LEVELS)})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert [body["predictions"][0][n] for n in COLUMNS] == expected, row
        assert (body["predictions"][0]["store"], body["predictions"][0]["date"]) == ("2", week)
        if unused or set(row) == {"store", "date"}:
            assert body["unused"] == unused


def test_given_inputs_are_asked_of_the_model(trees: Running, versions: dict[str, Made]) -> None:
    """Rows that give what the version reads are answered as a fit that knew the values, to the last bit;
    JSON and CSV, one row at a time or all in one; rows that give nothing stay as published."""
    made = versions["trees"]
    size = len(made.panel.keys)
    draw = np.random.default_rng(9)
    heat = np.where(draw.random((HORIZON, size)) < 0.6, draw.normal(15, 12, (HORIZON, size)).round(1), np.nan)
    cpi = np.where(draw.random((HORIZON, size)) < 0.4, draw.normal(205, 4, (HORIZON, size)).round(2), np.nan)
    future = {"temperature": heat, "cpi": cpi}
    fitted = Forecaster.fit(made.panel, made.forecaster.config, known_future=future)
    rows, expected = [], []
    for h, week in enumerate(made.forecaster.weeks):
        for n, store in enumerate(made.panel.keys):
            row = {"store": str(store), "date": str(week), "fuel_price": 3.5}
            row |= {k: float(v[h, n]) for k, v in future.items() if np.isfinite(v[h, n])}
            rows.append(row)
            expected.append(float(fitted.point[h, n]))
    answer = trees.client.post("/v1/predictions", json={"rows": rows, "levels": [80]}).json()
    assert answer["unused"] == ["fuel_price"]
    assert [row["storecast"] for row in answer["predictions"]] == expected
    assert all(
        row["storecast-lo-80"] <= row["storecast"] <= row["storecast-hi-80"] for row in answer["predictions"]
    )
    text = _as_csv(rows, ["store", "date", "temperature", "cpi", "fuel_price"])
    lines = trees.client.post("/v1/predictions", content=text, headers={"content-type": "text/csv"}).text
    assert [float(row["storecast"]) for row in csv.DictReader(io.StringIO(lines))] == expected
    for row, dollars in list(zip(rows, expected, strict=True))[::7]:
        one = trees.client.post("/v1/predictions", json={"rows": [row], "levels": [80]}).json()
        assert one["predictions"][0]["storecast"] == dollars


def test_a_bulk_answer_is_logged_once_with_all_its_rows(trees: Running) -> None:
    """One entry, whose blob holds each row as it was sent, with what was given, under its digest."""
    weeks = [r["ds"] for r in trees.client.get("/v1/forecasts?series=1&horizon=20").json()["forecasts"]]
    rows = [{"store": s, "date": w, "temperature": 20.5} for s in (3, 1, 2) for w in weeks]
    answer = trees.client.post("/v1/predictions", json={"rows": rows, "levels": [80]}).json()
    entry = trees.entries()[-1]
    assert (entry.id, entry.kind, entry.rows) == (answer["id"], "prediction", len(rows))
    assert entry.rows_blob is not None
    assert blob_digest(entry.rows_blob) == entry.rows_digest
    (piece,) = columns_of(entry.rows_blob)
    assert list(piece["unique_id"]) == [row["store"] for row in answer["predictions"]]
    assert [str(d)[:10] for d in np.asarray(piece["ds"])] == [row["date"] for row in answer["predictions"]]
    for column in ("storecast", "storecast-lo-80", "storecast-hi-80"):
        assert list(piece[column]) == [row[column] for row in answer["predictions"]]
    assert list(piece["given_temperature"]) == [20.5] * len(rows)
    assert json.loads(entry.inputs) == {
        "cutoff": answer["cutoff"],
        "given": ["temperature"],
        "unused": [],
    }


@pytest.mark.parametrize("name", ["departments", "trees"])
def test_many_thousand_rows_flow_in_order(name: str, versions: dict[str, Made], request) -> None:
    """Thirty thousand rows, given inputs or none, come back as they went, and are one entry."""
    running: Running = request.getfixturevalue(name)
    forecaster = versions[name].forecaster
    few = _all_rows(forecaster)
    draw = np.random.default_rng(2)
    picks = draw.integers(0, len(few), 30_000)
    heat = draw.normal(15, 10, len(picks)).round(1)
    rows = [{**few[p], "temperature": float(t)} for p, t in zip(picks, heat, strict=True)]
    names = ["store", "date", "temperature"] + (["dept"] if name == "departments" else [])
    before = len(running.entries())
    answer = running.client.post(
        "/v1/predictions?levels=80", content=_as_csv(rows, names), headers={"content-type": "text/csv"}
    )
    assert answer.status_code == 200
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [_key(row) for row in found] == [_key(row) for row in rows]
    body = running.client.post("/v1/predictions", json={"rows": rows, "levels": [80]}).json()
    assert [row["storecast"] for row in body["predictions"]] == [float(row["storecast"]) for row in found]
    entries = running.entries()[before:]
    assert [entry.rows for entry in entries] == [30_000, 30_000]
    assert entries[0].id == answer.headers["x-forecast-id"]
    assert entries[0].rows_digest == entries[1].rows_digest
    if name == "departments":
        expected = _expected(forecaster)
        assert [float(row["storecast"]) for row in found] == [expected[_key(row)][0] for row in rows]


def test_names_that_a_spreadsheet_would_run_are_defused(departments: Running) -> None:
    """A text that begins like a formula leaves as text (names of series come from uploaded files)."""
    from storecast.service.series_rows import csv_cell

    assert csv_cell("=1+2") == "'=1+2"
    assert csv_cell('@x,"y"') == '"\'@x,""y"""'
    assert csv_cell("1_2") == "1_2"


@pytest.mark.parametrize(
    ("files", "data", "status", "words"),
    [
        ({}, {"levels": "80"}, 422, "no part of this name"),
        ({"file": ("a.csv", b"store,date\n", "text/csv")}, {}, 422, "no rows"),
        ({"upload": ("a.csv", b"store,date\n1,2012-06-01\n", "text/csv")}, {}, 422, "no such field"),
        ({"file": ("a.csv", b"store,date\n1,2012-06-01\n")}, {"levels": "x"}, 422, "levels"),
        ({"file": ("a.csv", b"store,date\n1,2012-06-01\n")}, {"format": "xml"}, 422, "format"),
        ({"file": ("a.csv", b"store,date\n1,2012-06-01\n")}, {"levels": "8" * 2000}, 422, "longer than"),
        ({"file": ("a.csv", b"store,date\n7,2012-06-01\n")}, {}, 422, "rows[0].store"),
    ],
)
def test_forms_that_cannot_be_met_are_refused(files, data, status, words, stores: Running) -> None:
    """A form without its file, with an unknown or wrong field, or with wrong rows says which."""
    if not files:
        files = {"levels": (None, "80")}
        data = {}
    before = len(stores.entries())
    answer = stores.client.post("/v1/predictions", files=files, data=data)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text
    assert answer.json()["remedy"]
    assert len(stores.entries()) == before


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        (f"multipart/form-data; boundary={'b' * 80}", b"x"),
        ("multipart/form-data; boundary=b", b"no form at all"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=file\r\n\r\nsto"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"X: y\r\n" * 50 + b"\r\n\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"X" * 100_000 + b": y\r\n\r\n\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b""),
    ],
    ids=range(8),
)
def test_what_is_no_form_is_refused(kind: str, body: bytes, stores: Running) -> None:
    """Bodies that break the rules of forms get a 400 that says so."""
    answer = stores.client.post("/v1/predictions", content=body, headers={"content-type": kind})
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "urn:storecast:problem:malformed-form"
    assert "curl -F" in answer.json()["remedy"]
