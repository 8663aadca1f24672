"""Data sets and back-tests left with the service: accepted at once, worked off by the follower's helper, and
nobody's but their owner's."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.sample import SampleSpec, make_sample, to_long, to_store_file
from storecast.settings import Settings
from storecast.stores.forecast_log.database import Database
from storecast.wiring import following, places
from tests.service.conftest import Made, publish, running

Ask = Callable[..., httpx.Response]


@pytest.fixture
def shop(tmp_path: Path, versions: dict[str, Made], issue) -> Iterator[tuple[Ask, Callable[[], None]]]:
    """``ask(who, method, path)`` of two planners, an operator and a reader; ``work()`` does what waits."""
    publish(tmp_path, versions["stores"], 1)
    people = {"ann": "planner", "bob": "planner", "cleo": "operator", "dan": "reader"}
    keys = {who: issue(tmp_path, role) for who, role in people.items()}
    settings = Settings(home=tmp_path)
    database = Database(places.log_url(settings))
    small = ForecasterConfig(model="naive-growth", horizon=8)
    data_sets = replace(following.data_sets(settings, database, lambda *_: None), config=small)
    back_tests = following.back_tests(settings, database, lambda *_: None)

    def work() -> None:
        while data_sets.next() or back_tests.next():
            pass

    with running(tmp_path, rate_limit=0.0) as service:

        def ask(who: str, method: str, path: str, **more: Any) -> httpx.Response:
            headers = {"authorization": f"Bearer {keys[who]}", **more.pop("headers", {})}
            return service.client.request(method, path, headers=headers, **more)

        yield ask, work
    database.close()


@pytest.fixture(scope="module")
def sales() -> pd.DataFrame:
    """Two stores, a year and a half."""
    return to_store_file(make_sample(SampleSpec(stores=2, weeks=80)))


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, date_format="%d-%m-%Y").encode()


@pytest.mark.parametrize("how", ["body", "form", "form by its name", "zip", "parquet"])
def test_an_upload_becomes_a_report_and_forecasts(how: str, shop, sales: pd.DataFrame) -> None:
    """202 with a job; when it is done the data set has its quality report and its forecasts as CSV."""
    ask, work = shop
    text = _csv(sales)
    if how == "body":
        headers = {"content-type": "text/csv"}
        made = ask("ann", "POST", "/v1/datasets?name=shops.csv", content=text, headers=headers)
    elif how == "form":
        made = ask("ann", "POST", "/v1/datasets", files={"file": ("a/b\\shops.csv", text, "text/csv")})
    elif how == "form by its name":
        files = {"file": ("x.csv", text, "application/octet-stream"), "name": (None, "shops.csv")}
        made = ask("ann", "POST", "/v1/datasets", files=files)
    elif how == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("shops.csv", text)
        headers = {"content-type": "application/zip"}
        made = ask("ann", "POST", "/v1/datasets?name=shops.csv", content=buffer.getvalue(), headers=headers)
    else:
        buffer = io.BytesIO()
        to_long(make_sample(SampleSpec(stores=2, weeks=80))).to_parquet(buffer, index=False)
        headers = {"content-type": "application/vnd.apache.parquet"}
        made = ask("ann", "POST", "/v1/datasets?name=shops.csv", content=buffer.getvalue(), headers=headers)
    assert made.status_code == 202, made.text
    dataset, job = made.json()["dataset"], made.json()["job"]
    assert made.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (dataset["name"], dataset["state"], job["state"], job["subject"]) == (
        "shops.csv",
        "uploaded",
        "queued",
        dataset["id"],
    )
    work()
    done = ask("ann", "GET", made.headers["location"]).json()
    assert (done["state"], done["progress"], done["error"]) == ("done", 1.0, None)
    ready = ask("ann", "GET", f"/v1/datasets/{dataset['id']}").json()
    assert ready["state"] == "ready"
    assert ready["report"]["series"] == 2
    assert ready["contents"] == ["forecast-series.csv", "forecast-total.csv"]
    for name in ready["contents"]:
        answer = ask("ann", "GET", f"/v1/datasets/{dataset['id']}/contents?name={name}")
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert len(rows) == (16 if "series" in name else 8)
        assert float(rows[0]["storecast-lo-80"]) <= float(rows[0]["storecast"])
    listed = ask("ann", "GET", "/v1/datasets").json()["datasets"]
    assert [item["id"] for item in listed] == [dataset["id"]]


def test_what_is_one_planners_is_not_anothers(shop, sales: pd.DataFrame) -> None:
    """Others neither see nor remove a data set, its contents or its jobs; operators do."""
    ask, work = shop
    made = ask(
        "ann", "POST", "/v1/datasets", content=_csv(sales), headers={"content-type": "text/csv"}
    ).json()
    work()
    key, job = made["dataset"]["id"], made["job"]["id"]
    paths = [f"/v1/datasets/{key}", f"/v1/datasets/{key}/contents?name=forecast-total.csv", f"/v1/jobs/{job}"]
    for path in paths:
        assert [ask(who, "GET", path).status_code for who in ("ann", "bob", "cleo", "dan")] == [
            200,
            404,
            200,
            403,
        ]
    for path, name in (("/v1/datasets", "datasets"), ("/v1/jobs", "jobs")):
        assert [len(ask(who, "GET", path).json()[name]) for who in ("ann", "bob", "cleo")] == [1, 0, 1]
    order = {"dataset": key, "model": "naive-growth"}
    assert ask("bob", "POST", "/v1/backtests", json=order).status_code == 404
    assert ask("bob", "DELETE", f"/v1/datasets/{key}").status_code == 404
    assert ask("cleo", "DELETE", f"/v1/datasets/{key}").status_code == 204
    assert ask("ann", "GET", f"/v1/datasets/{key}").status_code == 404


@pytest.mark.parametrize("name", ["upload", "forecast-store.csv", "nothing.csv"])
def test_only_what_was_made_is_handed_out(name: str, shop, sales: pd.DataFrame) -> None:
    """Neither the upload itself nor what is not there."""
    ask, work = shop
    made = ask(
        "ann", "POST", "/v1/datasets", content=_csv(sales), headers={"content-type": "text/csv"}
    ).json()
    work()
    answer = ask("ann", "GET", f"/v1/datasets/{made['dataset']['id']}/contents?name={name}")
    assert answer.status_code == 404


def _bomb() -> bytes:
    buffer = io.BytesIO()
    archive = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("sales.csv", "w", force_zip64=True) as file:
        for _ in range(600):
            file.write(b"0" * 1_000_000)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", b"Store,Date,Weekly_Sales\n1,yesterday,5\n"),
        ("text/csv", "Store,Date,Weekly_Sales\n1,05-02-2010,5\n".encode("utf-16")[:40]),
        ("text/csv", b"Store,Date,Weekly_Sales\n=1+1,05-02-2010,=2+2\n"),
        ("application/zip", b"PK\x03\x04 no zip at all"),
        ("application/vnd.apache.parquet", b"PAR1 no parquet PAR1"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
    ],
    ids=["dates", "utf-16", "formulas", "no zip", "no parquet", "no sheet"],
)
def test_refused_files_say_why(kind: str, body: bytes, shop) -> None:
    """The job fails with what, where and remedy; the service goes on, and nothing of it is forecast."""
    ask, work = shop
    made = ask("ann", "POST", "/v1/datasets", content=body, headers={"content-type": kind}).json()
    work()
    failed = ask("ann", "GET", f"/v1/jobs/{made['job']['id']}").json()
    assert (failed["state"], failed["attempts"]) == ("failed", 1)
    assert failed["error"]["what"]
    assert failed["error"]["remedy"]
    found = ask("ann", "GET", f"/v1/datasets/{made['dataset']['id']}").json()
    assert (found["state"], found["contents"]) == ("refused", [])
    order = {"dataset": made["dataset"]["id"]}
    assert ask("ann", "POST", "/v1/backtests", json=order).status_code == 409


def test_a_bomb_is_not_unpacked(shop) -> None:
    """A zip of half a megabyte that holds six hundred is refused by its own figures."""
    ask, work = shop
    made = ask(
        "ann", "POST", "/v1/datasets", content=_bomb(), headers={"content-type": "application/zip"}
    ).json()
    work()
    failed = ask("ann", "GET", f"/v1/jobs/{made['job']['id']}").json()
    assert failed["state"] == "failed"
    assert failed["error"]["remedy"]


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("?name=a", {"content": b""}, 422),
        ("?name=../../x", {"content": b"x"}, 422),
        ("?name=%00", {"content": b"x"}, 422),
        ("?nam=x", {"content": b"x"}, 422),
        ("?name=" + "x" * 201, {"content": b"x"}, 422),
        ("", {"files": {"file": ("x.exe", b"MZ", "application/x-msdownload")}}, 415),
        ("", {"files": {"file": ("x.csv", b"", "text/csv")}}, 422),
        ("", {"files": {"data": ("x.csv", b"x", "text/csv")}}, 422),
    ],
)
def test_uploads_that_cannot_be_are_refused_at_once(
    path: str, more: dict[str, Any], status: int, shop
) -> None:
    """Nothing is kept of them."""
    ask, _ = shop
    headers = {} if "files" in more else {"content-type": "text/csv"}
    answer = ask("ann", "POST", f"/v1/datasets{path}", headers=headers, **more)
    assert answer.status_code == status, answer.text
    assert answer.json()["remedy"]
    assert ask("cleo", "GET", "/v1/datasets").json()["datasets"] == []
    assert ask("cleo", "GET", "/v1/jobs").json()["jobs"] == []


def test_back_tests_are_asked_for_and_fetched(shop, sales: pd.DataFrame) -> None:
    """Of what serves and of an upload: the job has the scores, and the upload its rows."""
    ask, work = shop
    made = ask(
        "ann", "POST", "/v1/datasets", content=_csv(sales), headers={"content-type": "text/csv"}
    ).json()
    key = made["dataset"]["id"]
    figures = {"horizon": 5, "windows": 2, "step": 5, "levels": [80.0], "model": "seasonal-naive"}
    orders = [
        ask("ann", "POST", "/v1/backtests", json={**figures, **more}) for more in ({}, {"dataset": key})
    ]
    for order, subject in zip(orders, ("", key), strict=True):
        assert order.status_code == 202, order.text
        job = order.json()
        assert (job["kind"], job["subject"], job["asked"]) == ("backtest", subject, figures)
    work()
    results = [ask("ann", "GET", order.headers["location"]).json() for order in orders]
    assert [job["state"] for job in results] == ["done", "done"], results
    for job in results:
        assert job["result"]["model"] == "seasonal-naive"
        assert len(job["result"]["cutoffs"]) == 2
        assert job["result"]["all"]["wmae"] == job["result"]["all"]["wmae:seasonal-naive"]
    assert results[0]["result"]["all"]["rows"] == 2 * 5 * 3
    assert results[1]["result"]["all"]["rows"] == 2 * 5 * 2
    text = ask("ann", "GET", f"/v1/datasets/{key}/contents?name=backtest.csv").text
    assert len(text.splitlines()) == 1 + 2 * 5 * 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"horizon": 0}, "horizon"),
        ({"horizon": 53}, "horizon"),
        ({"windows": 13}, "windows"),
        ({"step": 0}, "step"),
        ({"model": "oracle"}, "model"),
        ({"levels": [100]}, "levels[0]"),
        ({"levels": []}, "levels"),
        ({"dataset": "../x"}, "dataset"),
        ({"horizons": 3}, "horizons"),
    ],
)
def test_wrong_orders_are_refused_at_once(body: dict[str, Any], field: str, shop) -> None:
    """The field is named, and no job is made."""
    ask, _ = shop
    answer = ask("ann", "POST", "/v1/backtests", json=body)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert ask("ann", "GET", "/v1/jobs").json()["jobs"] == []
    assert json.loads(answer.text)["remedy"]
