"""What is told about the service: metrics, lines of JSON, traces."""

from __future__ import annotations

import gzip
import io
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from storecast.service.jsonlog import JsonLines
from storecast.service.rules import rules_of
from tests.needs import ROOT
from tests.servers import Postgres, postgres_server
from tests.service.conftest import Made, Running, publish, running

_BOUNDED = {"method", "route", "status", "kind", "outcome", "le", "name", "version", "digest", "model", "arm"}
_UNITS = (
    "_seconds",
    "_bytes",
    "_info",
    "_entries",
    "_in_flight",
    "_up",
    "_writable",
    "_fds",
    "_active",
    "_ratio",
)


@pytest.fixture
def fresh(tmp_path: Path, versions: dict[str, Made]) -> Iterator[Running]:
    """A service that nobody has asked anything yet."""
    publish(tmp_path, versions["stores"], 1)
    with running(tmp_path) as started:
        yield started


def metrics(service: Running, **headers: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Name and labels -> value, as Prometheus reads them."""
    answer = service.client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


def value(found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, /, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_requests_are_counted_by_route_and_status(fresh: Running) -> None:
    """Each request once, under its template and status; whatever path is asked, labels stay few."""
    asked: Counter[tuple[str, str, str]] = Counter()
    for number in range(40):
        for path, route in (
            (f"/v1/forecasts?series=1&horizon={1 + number % 20}", "/v1/forecasts"),
            (f"/v1/forecasts?series=no-{number}", "/v1/forecasts"),
            (f"/v1/scenarios/00000000-0000-7000-8000-{number:012}", "/v1/scenarios/{scenario_id}"),
            (f"/nothing/{number}", "unmatched"),
            ("/healthz", "/healthz"),
        ):
            answer = fresh.client.get(path)
            asked["any" if route == "unmatched" else "GET", route, str(answer.status_code)] += 1
    assert {status for _, _, status in asked} == {"200", "404", "422"}
    found = metrics(fresh)
    counted = {
        tuple(dict(labels)[name] for name in ("method", "route", "status")): number
        for (name, labels), number in found.items()
        if name == "storecast_http_requests_total"
    }
    assert counted == dict(asked)
    for route in {route for _, route, _ in asked}:
        expected = sum(number for (_, r, _), number in asked.items() if r == route)
        assert value(found, "storecast_http_request_duration_seconds_count", route=route) == expected
        assert 0 < value(found, "storecast_http_request_duration_seconds_sum", route=route) < 60
    rows = sum(1 + number % 20 for number in range(40))
    assert value(found, "storecast_forecasts_served_total", kind="forecast") == rows
    assert value(found, "storecast_log_entries_total", outcome="committed") == 40
    assert value(found, "storecast_http_requests_in_flight") == 1  # the question itself


def test_metrics_have_base_units_and_bounded_labels(fresh: Running) -> None:
    """Names end in a base unit or _total; no label takes values that callers choose."""
    fresh.client.get("/v1/forecasts?series=1")
    info = fresh.client.get("/readyz").json()["model"]
    found = metrics(fresh)
    for name, labels in found:
        base = name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        assert base.endswith(("_total", "_created", *_UNITS)), name
        assert {label for label, _ in labels} <= _BOUNDED, name
    version = {"name": "storecast", "version": "1", "digest": info["digest"], "model": "blend"}
    assert value(found, "storecast_model_info", **version) == 1
    assert 0 < value(found, "storecast_materialization_age_seconds") < 600
    for name, expected in (("queue_entries", 0), ("spool_entries", 0), ("writable", 1), ("database_up", 1)):
        assert found["storecast_log_" + name, frozenset()] == expected
    assert value(found, "process_resident_memory_bytes") > 10_000_000


def test_every_refusal_is_counted(tmp_path: Path, versions: dict[str, Made], issue) -> None:
    """By the kind of its problem document, wherever in the service it was refused."""
    publish(tmp_path, versions["stores"], 1)
    reader, operator = issue(tmp_path, "reader"), issue(tmp_path, "operator")
    kinds: Counter[str] = Counter()
    with running(tmp_path, rate_limit=20.0) as service:
        ask = service.client.request
        as_operator = {"x-api-key": operator}

        def refused(method: str, path: str, key: str = operator, **more) -> int:
            answer = ask(method, path, headers={"x-api-key": key, **more.pop("headers", {})}, **more)
            assert answer.headers["content-type"] == "application/problem+json", answer.text
            kinds[answer.json()["type"].rpartition(":")[2]] += 1
            return answer.status_code

        json_type = {"content-type": "application/json"}
        assert refused("GET", "/v1/forecasts", key="sc_none_none") == 401
        assert refused("POST", "/v1/models/rollback", key=reader, json={}) == 403
        assert refused("GET", "/nowhere") == 404
        assert refused("GET", "/v1/scenarios/00000000-0000-7000-8000-000000000001") == 404
        assert refused("PATCH", "/v1/forecasts") == 405
        assert refused("POST", "/v1/forecasts", content=b"{", headers=json_type) == 400
        assert refused("POST", "/v1/scenarios", content=b"{", headers=json_type) == 400
        assert refused("POST", "/v1/scenarios", json={"name": 1}) == 422
        assert refused("POST", "/v1/scenarios", content=b"a,b") == 415
        assert refused("GET", "/v1/forecasts?series=nobody") == 422
        assert refused("GET", "/v1/forecasts?horizon=99") == 422
        assert refused("GET", "/v1/series?limit=0") == 422
        for _ in range(200):
            if ask("GET", "/v1/forecasts?series=1", headers={"x-api-key": reader}).status_code == 429:
                kinds["too-many-requests"] += 1
                break
        assert kinds["too-many-requests"] == 1
        before_any_request: Counter[str] = Counter()
        for sent, kind in (
            (b"nonsense\r\n\r\n", "malformed-request"),
            (b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000, "headers-too-large"),
        ):
            with socket.create_connection(("127.0.0.1", service.port), timeout=20) as line:
                line.sendall(sent)
                assert kind.encode() in line.recv(65536)
            before_any_request[kind] += 1
        time.sleep(0.2)
        found = metrics(service, **as_operator)
    counted = {
        dict(labels)["kind"]: number
        for (name, labels), number in found.items()
        if name == "storecast_http_refusals_total"
    }
    assert counted == dict(kinds + before_any_request)
    assert sum(
        number
        for (name, labels), number in found.items()
        if name == "storecast_http_requests_total" and dict(labels)["status"] >= "400"
    ) == sum(kinds.values())


def test_a_database_that_is_away_is_told(tmp_path: Path, versions: dict[str, Made]) -> None:
    """Readiness stays, since the spool takes the entries; metrics and readiness show what is spooled."""
    with postgres_server() as server:
        publish(tmp_path, versions["stores"], 1)
        with running(tmp_path, log_url=server.url()) as service:
            assert _answers(service, 5) == 5
            _stop(server)
            assert _answers(service, 7) == 7
            found = metrics(service)
            assert value(found, "storecast_log_database_up") == 0
            assert value(found, "storecast_log_writable") == 1
            assert value(found, "storecast_log_spool_entries") == 7
            assert value(found, "storecast_log_spool_bytes") > 1000
            assert value(found, "storecast_log_entries_total", outcome="spooled") == 7
            ready = service.client.get("/readyz")
            assert (ready.status_code, ready.json()["log"]) == (
                200,
                {"queue": 0, "spool": 7, "database": False},
            )
            server.start()
            wait_for(lambda: value(metrics(service), "storecast_log_database_up") == 1)
            assert service.client.get("/readyz").json()["log"] == {"queue": 0, "spool": 0, "database": True}
            assert value(metrics(service), "storecast_log_spool_bytes") == 0
            assert len(service.entries()) == 12


def _answers(service: Running, number: int) -> int:
    return sum(service.client.get("/v1/forecasts?series=1").status_code == 200 for _ in range(number))


def _stop(server: Postgres) -> None:
    server.stop()


@contextmanager
def _lines() -> Iterator[list[dict[str, object]]]:
    """What the service logs meanwhile, as the lines that ``storecast serve`` writes."""
    stream = io.StringIO()
    found: list[dict[str, object]] = []
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("storecast.service")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        found += [json.loads(line) for line in stream.getvalue().splitlines()]


def test_log_lines_carry_the_request_id(tmp_path: Path, versions: dict[str, Made], issue) -> None:
    """The caller's id or one of ours, the same as in the answer and the log entry; and never a secret."""
    publish(tmp_path, versions["stores"], 1)
    key = issue(tmp_path, "operator")
    with _lines() as lines, running(tmp_path, access_log=True) as service:
        headers = {"authorization": f"Bearer {key}"}
        given = service.client.get(
            "/v1/forecasts?series=1", headers={**headers, "x-request-id": "till-7.of:store_1"}
        )
        made = service.client.get("/v1/forecasts?series=1", headers=headers)
        refused = service.client.get("/v1/forecasts?series=1", headers={"authorization": "Bearer sc_a_b"})
        changed = service.client.post(
            "/v1/scenarios",
            headers=headers,
            json={"name": 'from "one" to {two}', "what_if": {"series": "1", "horizon": 2}},
        )
        logged = [entry.request for entry in service.entries()]
    assert given.headers["x-request-id"] == "till-7.of:store_1"
    assert changed.status_code == 201, changed.text
    told = [line for line in lines if line["event"] == "request"]
    answers = (given, made, refused, changed)
    assert [line["request"] for line in told] == [a.headers["x-request-id"] for a in answers]
    assert [line["status"] for line in told] == [200, 200, 401, 201]
    assert [line["route"] for line in told] == ["/v1/forecasts"] * 3 + ["/v1/scenarios"]
    assert logged == [line["request"] for line in told[:2]]
    (audit,) = (line for line in lines if line["event"] == "audit")
    assert (audit["request"], audit["role"]) == (changed.headers["x-request-id"], "operator")
    text = json.dumps(lines)
    assert key not in text
    assert key.split("_", 2)[2] not in text
    assert all(line["time"].endswith("+00:00") for line in lines)  # type: ignore[attr-defined]


def test_an_unforeseen_error_is_told_with_its_trace(fresh: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller hears nothing of it but an id, under which the trace stands in the log."""

    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    with _lines() as lines:
        monkeypatch.setattr(fresh.worker.service.holder, "serving", broken)
        answer = fresh.client.get("/v1/forecasts?series=1")
    assert answer.status_code == 500
    assert "secret of the inside" not in answer.text
    (line,) = (line for line in lines if line["event"] == "failed")
    assert answer.json()["instance"] == f"urn:storecast:request:{line['request']}"
    assert "RuntimeError: a secret of the inside" in str(line["trace"])


class _Collector:
    """A collector of traces: takes what OTLP sends over HTTP and decodes it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                sent = ExportTraceServiceRequest.FromString(body)
                for resource in sent.resource_spans:
                    for attribute in resource.resource.attributes:
                        if attribute.key == "service.name":
                            collector.services.add(attribute.value.string_value)
                    collector.spans += [span for scope in resource.scope_spans for span in scope.spans]
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def collector() -> Iterator[_Collector]:
    made = _Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def _attributes(span: Span) -> dict[str, object]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value") or "string_value") for a in span.attributes}


def test_traces_go_to_a_collector(tmp_path: Path, versions: dict[str, Made], collector: _Collector) -> None:
    """Each request is a span with its steps inside, in the trace of whoever asked; the log line names it."""
    publish(tmp_path, versions["trees"], 1)
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    with _lines() as lines, running(tmp_path, otlp_endpoint=collector.url, access_log=True) as service:
        began = time.time_ns()
        one = service.client.get("/v1/forecasts?series=1", headers={"traceparent": f"00-{trace}-{parent}-01"})
        unsampled = service.client.get(
            "/v1/forecasts?series=1", headers={"traceparent": f"00-{'a' * 32}-{parent}-00"}
        )
        asked = {"series": "1", "horizon": 2, "inputs": {"temperature": 30.0}}
        what_if = service.client.post("/v1/what-if", json=asked)
        refused = service.client.get("/v1/forecasts?series=nobody")
        ended = time.time_ns()
    assert [a.status_code for a in (one, unsampled, what_if, refused)] == [200, 200, 200, 422]
    assert collector.services == {"storecast"}
    requests = {
        _attributes(s)["storecast.request"]: s for s in collector.spans if s.kind == Span.SPAN_KIND_SERVER
    }
    assert set(requests) == {a.headers["x-request-id"] for a in (one, what_if, refused)}
    first = requests[one.headers["x-request-id"]]
    assert (first.name, first.trace_id.hex(), first.parent_span_id.hex()) == (
        "GET /v1/forecasts",
        trace,
        parent,
    )
    about = _attributes(first)
    assert (about["http.route"], about["http.response.status_code"]) == ("/v1/forecasts", 200)
    steps = {
        key: {s.name: s for s in collector.spans if s.parent_span_id == span.span_id}
        for key, span in requests.items()
    }
    assert set(steps[one.headers["x-request-id"]]) == {"look-up", "log commit"}
    assert set(steps[what_if.headers["x-request-id"]]) == {"model", "log commit"}
    assert set(steps[refused.headers["x-request-id"]]) == set()
    slack = 2_000_000  # the request's own time is taken by another clock
    for key, span in requests.items():
        assert began - slack <= span.start_time_unix_nano <= span.end_time_unix_nano <= ended + slack
        for step in steps[key].values():
            assert step.trace_id == span.trace_id
            assert span.start_time_unix_nano - slack <= step.start_time_unix_nano
            assert step.start_time_unix_nano <= step.end_time_unix_nano <= span.end_time_unix_nano + slack
    told = {line["request"]: line["trace"] for line in lines if line["event"] == "request"}
    assert told[one.headers["x-request-id"]] == trace
    assert told[what_if.headers["x-request-id"]] == requests[what_if.headers["x-request-id"]].trace_id.hex()


def test_a_collector_that_is_away_costs_nothing_but_the_traces(
    tmp_path: Path, versions: dict[str, Made], collector: _Collector
) -> None:
    """Answers go on, and the service ends."""
    publish(tmp_path, versions["stores"], 1)
    collector.server.shutdown()
    collector.server.server_close()
    with running(tmp_path, otlp_endpoint=collector.url) as service:
        assert _answers(service, 50) == 50
    assert collector.spans == []


_LOADED = """
import sys
from pathlib import Path
from storecast.settings import Settings
from storecast.wiring.serving import make_worker
make_worker(Settings(home=Path(sys.argv[1]), otlp_endpoint=sys.argv[2]), "127.0.0.1")
heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto")
print([name for name in heavy if name in sys.modules])
"""


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9"])
def test_opentelemetry_is_loaded_where_traces_are_wanted_alone(endpoint: str, tmp_path: Path) -> None:
    """Without a collector a worker neither waits for SDK and exporter nor keeps them in memory; FastAPI
    brings the bare interface."""
    command = [sys.executable, "-c", _LOADED, str(tmp_path), endpoint]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout.strip() == "[]") == (endpoint == "")


def test_every_route_has_a_bounded_template(fresh: Running) -> None:
    """Labels come from the routes, and there are not many."""
    templates = {rule.template for rule in rules_of(fresh.worker.app.routes).all}
    assert 10 < len(templates) < 100
