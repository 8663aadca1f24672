"""Limits of one worker: how many at a time, how long, how many rows; and that nothing waits without end."""

from __future__ import annotations

import asyncio
import difflib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from storecast.errors import RequestError
from storecast.service import calls, champion, gate, protocol
from storecast.service.routes import actuals, around, predictions, scoring
from tests.service.conftest import Made, Running, publish, running


@pytest.fixture
def service(tmp_path: Path, versions: dict[str, Made]) -> Iterator[Running]:
    """A service of this test's own."""
    publish(tmp_path, versions["stores"], 1)
    with running(tmp_path) as made:
        yield made


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_too_many_at_a_time_are_turned_away(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many requests under way as it takes, the next gets 503 and when to come back, at once; health
    is told all the same, and when the others are done it goes on."""
    app = service.worker.app.middleware_stack
    while not isinstance(app, gate.Gate):
        app = app.app  # type: ignore[union-attr]
    monkeypatch.setattr(app, "_limit", 5)
    head = (
        f"POST /v1/predictions HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Type: text/csv\r\n"
        "Content-Length: 50\r\n\r\nstore,date\n"
    ).encode()
    with ExitStack() as lines:
        for _ in range(5):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=30))
            line.sendall(head)
        _until(lambda: app.in_flight == 5)
        refused = service.client.get("/v1/forecasts?series=1")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["type"] == "urn:storecast:problem:overload"
        assert service.client.get("/healthz").status_code == 200
        assert service.client.get("/readyz").status_code == 200
        page = service.client.get("/metrics").text
        assert 'storecast_http_refusals_total{kind="overload"} 1.0' in page
        assert "storecast_http_requests_in_flight 6.0" in page
    _until(lambda: app.in_flight == 0)
    assert service.client.get("/v1/forecasts?series=1").status_code == 200


@pytest.mark.parametrize("form", ["csv", "json"])
def test_who_does_not_take_the_answer_is_not_waited_for(
    service: Running, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Megabytes asked for and not read: the connection is cut, nothing stays under way, it is counted; who
    pauses for less gets all of it."""
    monkeypatch.setattr(protocol, "_READ_SECONDS", 0.5)
    day = service.client.get("/v1/forecasts?series=1&horizon=1").json()["forecasts"][0]["ds"]
    body = "store,date\n" + f"1,{day}\n" * 100_000
    head = (
        f"POST /v1/predictions?format={form} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    def asked(line: socket.socket) -> None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        line.settimeout(60)
        line.connect(("127.0.0.1", service.port))
        line.sendall((head + body).encode())
        assert line.recv(12) == b"HTTP/1.1 200"

    def left(line: socket.socket) -> int:
        total = 0
        try:
            while piece := line.recv(1 << 20):
                total += len(piece)
        except ConnectionResetError:
            pass
        return total

    def page() -> str:
        return service.client.get("/metrics").text

    with socket.socket() as line:
        asked(line)
        time.sleep(0.1)
        whole = left(line)
    assert "slow-reader" not in page()
    with socket.socket() as line:
        asked(line)
        _until(lambda: 'storecast_http_refusals_total{kind="slow-reader"} 1.0' in page())
        _until(lambda: "storecast_http_requests_in_flight 1.0" in page())
        assert left(line) < whole
    assert service.client.get("/v1/forecasts?series=1").status_code == 200


def test_a_body_that_trickles_is_not_waited_for(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is refused in its time, as silence is; nothing is logged."""
    monkeypatch.setattr(calls, "_BODY_SECONDS", 1.0)
    head = (
        b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
        b"Content-Length: 100000\r\n\r\nstore,date\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=0.1) as line:
        line.sendall(head)
        deadline, found = time.monotonic() + 60, b""
        while not found:
            assert time.monotonic() < deadline
            line.sendall(b"1")
            try:
                found = line.recv(65536)
            except TimeoutError:
                continue
    assert found[9:12] == b"408"
    assert b"bytes, and no more in time" in found
    assert service.entries() == []


def test_a_caller_who_leaves_is_forgotten(service: Running) -> None:
    """Half a body and the end of the connection: nothing is logged, nothing stays under way."""
    head = (
        b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b'Content-Length: 500\r\n\r\n{"rows":['
    )
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as line:
            line.sendall(head)
    _until(lambda: "storecast_http_requests_in_flight 1.0" in service.client.get("/metrics").text)
    assert service.entries() == []
    page = service.client.get("/metrics").text
    assert 'route="/v1/predictions",status="499"} 20.0' in page


def test_more_rows_than_one_answer_has(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for by series and weeks, in a file or to MLflow's protocol: 413 with the number."""
    config = replace(service.worker.service.config, rows=50)
    monkeypatch.setattr(service.worker.service, "config", config)
    text = "store,date\n" + "1,2012-06-01\n" * 51
    week = service.client.get("/v1/forecasts?series=1&horizon=1").json()["forecasts"][0]["ds"]
    records = [{"unique_id": "1", "ds": week}] * 51
    for answer in (
        service.client.get("/v1/forecasts?horizon=20"),
        service.client.post("/v1/predictions", content=text, headers={"content-type": "text/csv"}),
        service.client.post("/invocations", json={"dataframe_records": records}),
    ):
        assert answer.status_code == 413, answer.text
        assert answer.json()["type"] == "urn:storecast:problem:too-many-rows"
        assert "50" in answer.json()["detail"]
    assert service.client.get("/v1/forecasts?horizon=16").status_code == 200


def test_what_takes_too_long_is_given_up(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A route that hangs is answered with 504, and the worker goes on."""

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(3600)

    app = service.worker.app.middleware_stack
    while not isinstance(app, gate.Gate):
        app = app.app  # type: ignore[union-attr]
    monkeypatch.setattr(gate, "_SECONDS", 0.05)
    monkeypatch.setattr(app, "_app", hang)
    answer = service.client.get("/v1/series")
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:storecast:problem:timeout")
    assert service.client.get("/healthz").status_code == 200


def test_an_accident_is_an_answer_and_a_trace(
    service: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong inside: a 500 without a word about the inside; its instance finds the trace in the
    log."""

    async def fall(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError("a secret of the house")

    app = service.worker.app.middleware_stack
    while not isinstance(app, gate.Gate):
        app = app.app  # type: ignore[union-attr]
    monkeypatch.setattr(app, "_app", fall)
    answer = service.client.get("/v1/series")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:storecast:problem:internal")
    assert "secret" not in answer.text
    (record,) = [r for r in caplog.records if r.getMessage() == "failed"]
    fields = record.__dict__["fields"]
    assert answer.json()["instance"] == f"urn:storecast:request:{fields['request']}"
    assert record.exc_info is not None


def test_many_at_once_are_all_answered_and_logged(service: Running) -> None:
    """Sixteen callers at one time, four kinds of questions: each answer is in the log, once."""
    found: list[httpx.Response] = []

    def ask() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{service.port}", trust_env=False, timeout=60) as client:
            for i in range(15):
                series = str(1 + i % 3)
                found.append(client.get(f"/v1/forecasts?series={series}&horizon=3"))
                found.append(client.post("/v1/forecasts", json={"horizon": 2}))
                found.append(client.post("/v1/what-if", json={"series": series, "horizon": 2}))
                found.append(client.get(f"/v1/explanations?series={series}&horizons=1"))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in found} == {200}
    ids = [answer.json()["id"] for answer in found]
    logged = [entry.id for entry in service.entries()]
    assert len(ids) == 16 * 60
    assert sorted(logged) == sorted(ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("module", "work", "path", "kind", "small", "large"),
    [
        (around, "_body", "/v1/around", "json", {"series": ["1"]}, {"series": ["total"] * 9, "by": "total"}),
        (predictions, "_decoded", "/v1/predictions", "json", 1, 9000),
        (predictions, "gather", "/v1/predictions", "json", 1, 9000),
        (scoring, "from_csv", "/invocations", "csv", 1, 30_000),
        (scoring, "as_blob", "/invocations", "csv", 1, 5000),
        (actuals, "_decoded", "/v1/actuals", "json", 1, 9000),
    ],
)
def test_large_work_is_done_beside_the_loop(
    module: ModuleType, work: str, path: str, kind: str, small: Any, large: Any, trees: Running, monkeypatch
) -> None:
    """What takes long is worked on in a thread, so that others are answered meanwhile; a small request is
    answered where it came in."""
    beside_it: list[bool] = []
    done = getattr(module, work)

    def watched(*given: Any) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            beside_it.append(True)
        else:
            beside_it.append(False)
        return done(*given)

    monkeypatch.setattr(module, work, watched)
    week = trees.client.get("/v1/forecasts?series=1&horizon=1").json()["forecasts"][0]["ds"]
    for size, beside in ((small, False), (large, True)):
        if not isinstance(size, int):
            answer = trees.client.post(path, json=size)
        elif kind == "csv":
            text = "unique_id,ds\n" + f"1,{week}\n" * size
            answer = trees.client.post(path, content=text, headers={"content-type": "text/csv"})
        elif module is actuals:
            answer = trees.client.post(
                path, json={"actuals": [{"unique_id": "1", "ds": week, "y": 1}] * size}
            )
        else:
            rows = [{"store": 1, "date": week, "cpi": 200.5}] * (size + 1)
            answer = trees.client.post(path, json={"rows": rows})
        assert answer.status_code == 200, answer.text[:300]
        assert set(beside_it) == {beside}
        beside_it.clear()


def test_a_long_answer_to_mlflow_is_that_of_its_parts(stores: Running) -> None:
    """In many thousand rows each is as when it is asked for alone, in order."""
    weeks = [row["ds"] for row in stores.client.get("/v1/forecasts?series=1&horizon=20").json()["forecasts"]]
    rows = [f"{1 + i % 3},{weeks[i % 20]}" for i in range(9001)]
    as_csv = {"content-type": "text/csv"}

    def ask(some: list[str]) -> list[object]:
        text = "unique_id,ds\n" + "\n".join(some)
        found = stores.client.post("/invocations", content=text, headers=as_csv).json()["predictions"]
        assert len(found) == len(some)
        return found  # type: ignore[no-any-return]

    alone = dict(zip(rows[:60], ask(rows[:60]), strict=True))
    assert ask(rows) == [alone[row] for row in rows]


def test_a_series_asked_for_often_is_added_up_once(stores: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are there twice cost nothing more."""
    counts: list[int] = []
    sums = around._sums

    def counted(values: Any, of: Any, places: list[int]) -> Any:
        counts.append(len(places))
        return sums(values, of, places)

    monkeypatch.setattr(around, "_sums", counted)
    asked = {"by": "total", "series": ["total"] * 200}
    many = stores.client.post("/v1/around", json=asked).json()
    assert set(counts) == {1}
    assert many == stores.client.post("/v1/around", json={**asked, "series": ["total"]}).json()


def test_an_unknown_name_is_compared_with_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands of names those that begin alike are looked at, and the nearest among them told."""
    compared: list[int] = []
    nearest = difflib.get_close_matches

    def counted(name: str, names: list[str], n: int) -> list[str]:
        compared.append(len(names))
        return list(nearest(name, names, n))

    monkeypatch.setattr(champion, "get_close_matches", counted)
    names = [f"{store}_{dept}" for store in range(1, 46) for dept in range(1, 75)]
    view = champion.View("series", names, {n: i for i, n in enumerate(names)}, *(None,) * 3)  # type: ignore[arg-type]
    for asked, near in (("45_745", "45_74"), ("7_1x", "7_1"), ("x", "1_1"), ("", "1_1")):
        with pytest.raises(RequestError) as caught:
            view.find(asked)
        assert f"{near}," in f"{caught.value.expected},"
    assert compared
    assert max(compared) <= 200
