"""Who may ask what: every route and role, kinds of keys, rates, headers, origins, what is written down."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute

from storecast.errors import LogError, SetupError
from storecast.ports.records import ApiKey
from storecast.service.jsonlog import JsonLines
from storecast.service.rules import PUBLIC, ROLES, rules_of
from storecast.service.security import KeyRing, new_key
from storecast.settings import Settings
from storecast.wiring.serving import key_table, make_worker
from tests.service.conftest import Made, Running, publish, running

# Written down here once more, on purpose: a route that is new or changes its role is to be thought about.
EXPECTED = {
    "public": "GET /healthz, GET /readyz, GET /ping, GET /health, GET /version",
    "reader": "GET /v1/forecasts, POST /v1/forecasts, GET /v1/forecasts/{forecast_id}, "
    "POST /v1/forecasts/{forecast_id}/reproduction, POST /v1/predictions, POST /v1/what-if, "
    "GET /v1/explanations, GET /v1/series, GET /v1/series/history, GET /v1/models, GET /v1/events, "
    "GET /v1/events/{event_id}, GET /v1/backtests, GET /v1/actuals, GET /v1/overrides, GET /v1/scenarios, "
    "GET /v1/scenarios/{scenario_id}, GET /v1/scenarios/{scenario_id}/answer, POST /invocations, "
    "GET /metrics, POST /v1/around, GET /v1/inputs, GET /v1/overview, GET /v1/session, POST /v1/usage, "
    "GET /v1/models/versions, GET /v1/models/card, "
    "GET /v1/models/trial, GET /v1/models/served, GET /v1/monitoring/accuracy, "
    "GET /v1/monitoring/status, "
    "GET /v1/overrides/scores, GET /v1/explanations/change, GET /v1/explanations/drivers",
    "planner": "POST /v1/backtests, POST /v1/actuals, POST /v1/overrides, POST /v1/scenarios, "
    "POST /v1/overrides/{override_id}/undo, "
    "PUT /v1/scenarios/{scenario_id}, DELETE /v1/scenarios/{scenario_id}, POST /v1/datasets, "
    "GET /v1/datasets, GET /v1/datasets/{dataset_id}, GET /v1/datasets/{dataset_id}/contents, "
    "DELETE /v1/datasets/{dataset_id}, GET /v1/jobs, GET /v1/jobs/{job_id}",
    "operator": "POST /v1/models/promote, POST /v1/models/rollback, POST /v1/models/shadow, "
    "POST /v1/models/canary, POST /v1/models/trial/stop, POST /v1/models/trial/promote",
}
RULES = {route: role for role, routes in EXPECTED.items() for route in routes.split(", ")}
PAGES = {"GET /docs", "GET /docs/oauth2-redirect", "GET /openapi.json"}
NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Guarded:
    """A service with a key of each role: ``ask`` with the key of one, or with none."""

    service: Running
    keys: dict[str, str]

    def ask(self, method: str, path: str, role: str | None = None, **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers["authorization"] = f"Bearer {self.keys[role]}"
        return self.service.client.request(method, path, headers=headers, **more)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, versions: dict[str, Made], issue) -> Iterator[Guarded]:
    """Rates are no matter here."""
    home = tmp_path_factory.mktemp("guarded")
    publish(home, versions["stores"], 1)
    keys = {role: issue(home, role) for role in ROLES}
    with running(home, rate_limit=0.0) as service:
        yield Guarded(service, keys)


def _operations(guarded: Guarded) -> dict[str, str]:
    paths = guarded.ask("GET", "/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path}": operation["x-storecast-role"]
        for path, item in paths.items()
        for method, operation in item.items()
    }


def test_every_route_is_declared_and_documented(guarded: Guarded) -> None:
    """The document, the routes that answer and the list above agree; pages for people are public."""
    assert _operations(guarded) == RULES
    served = {
        f"{rule.method} {rule.template}": rule.role
        for rule in rules_of(guarded.service.worker.app.routes).all
    }
    assert served == RULES | dict.fromkeys(PAGES, PUBLIC)


def test_every_route_and_role(guarded: Guarded) -> None:
    """Without a key or with a wrong one 401, with too low a role 403, else the route's own answer; public
    routes answer anybody."""
    asked = 0
    for route, least in _operations(guarded).items():
        method, template = route.split(" ")
        path = re.sub(r"\{\w+\}", NOBODY, template)
        for role in (None, "wrong", *ROLES):
            headers = {"authorization": "Bearer sc_1_2"} if role == "wrong" else {}
            answer = guarded.ask(method, path, role if role in ROLES else None, headers=headers)
            where = f"{route} as {role}: {answer.status_code}"
            if least == PUBLIC:
                assert answer.status_code not in (401, 403), where
            elif role not in ROLES:
                assert answer.status_code == 401, where
                assert answer.headers["www-authenticate"] == "Bearer", where
            elif ROLES.index(role) < ROLES.index(least):
                assert answer.status_code == 403, where
                assert f"--role {least}" in answer.json()["remedy"], where
            else:
                assert answer.status_code not in (401, 403), where
                assert answer.status_code < 500, where
            asked += 1
    assert asked == 5 * len(RULES)


def test_head_is_a_get_without_its_body(guarded: Guarded) -> None:
    """Where GET is answered so is HEAD, with its status, headers and rules of access; elsewhere it is told
    what the path takes."""
    for path, role in (
        ("/healthz", None),
        ("/readyz", None),
        ("/ping", None),
        ("/docs", None),
        ("/v1/forecasts?series=1", "reader"),
        ("/v1/models", "reader"),
        ("/v1/models", None),
        ("/v1/forecasts?series=9", "reader"),
        ("/v1/jobs", "reader"),
        (f"/v1/scenarios/{NOBODY}", "reader"),
        ("/nowhere", "reader"),
    ):
        got, head = (guarded.ask(method, path, role) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers.keys() == got.headers.keys(), path
    refused = guarded.ask("HEAD", "/v1/predictions", "reader")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert guarded.ask("DELETE", "/v1/series", "reader").headers["allow"] == "GET, HEAD"
    assert guarded.ask("GET", "/healthz").status_code == 200  # the connection is in order


def test_a_route_without_a_role_does_not_start() -> None:
    """Whoever adds a route says who may ask it, or the service refuses to be made."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/v1/secrets")
    def secrets() -> str:
        return ""

    routes: list[BaseRoute] = list(app.routes)
    with pytest.raises(SetupError, match="who may ask") as caught:
        rules_of(routes)
    assert caught.value.where == "/v1/secrets"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "sc_",
        "sc__",
        "x",
        "sc_{id}_",
        "sc_{id}_{secret}x",
        "sc_{id}_{other}",
        "sk_{id}_{secret}",
        "SC_{id}_{secret}",
        "sc_{id}{secret}",
        "sc_nobody_{secret}",
        "{secret}",
        "sc_{id}_{secret}" + "A" * 200,
        "sc_%00_\u00ff",
    ],
)
def test_what_is_no_key_is_refused(token: str, guarded: Guarded) -> None:
    """Nothing but the very key is one."""
    _, name, secret = guarded.keys["operator"].split("_", 2)
    other = guarded.keys["reader"].split("_", 2)[2]
    given = token.format(id=name, secret=secret, other=other)
    for header, value in ((b"authorization", f"Bearer {given}".strip()), (b"x-api-key", given)):
        answer = guarded.service.client.get("/v1/series", headers={header: value.encode("latin-1")})
        assert answer.status_code == 401, header
        assert given not in answer.text or len(given) < 4
    basic = guarded.service.client.get(
        "/v1/series", headers={"authorization": f"Basic {guarded.keys['reader']}"}
    )
    assert basic.status_code == 401


def test_either_header_carries_a_key(guarded: Guarded) -> None:
    """Authorization: Bearer, or X-API-Key for clients that cannot set it."""
    key = guarded.keys["reader"]
    for headers in ({"authorization": f"bearer  {key}"}, {"x-api-key": key}):
        assert guarded.service.client.get("/v1/series", headers=headers).status_code == 200


def test_keys_end(tmp_path: Path, versions: dict[str, Made]) -> None:
    """A revoked key is refused as soon as the keys are read again, an expired one when its time comes; a
    restart while the database is away still knows the rest."""
    publish(tmp_path, versions["stores"], 1)
    table = key_table(Settings(home=tmp_path))
    now = time.time_ns() // 1000
    tokens = []
    for expires in (None, now + 3_600_000_000, None):
        token, key = new_key("a key", "reader", now=now, expires=expires)
        table.issue(key)
        tokens.append(token)
    clock = [now * 1000]
    ring = KeyRing(table, tmp_path / "copy.json", clock=lambda: clock[0])
    ring.refresh()
    assert all(ring.check(token) for token in tokens)
    clock[0] += 3_600_000_000_000
    assert [ring.check(token) is not None for token in tokens] == [True, False, True]
    table.revoke(tokens[0].split("_")[1])
    ring.refresh()
    assert [ring.check(token) is not None for token in tokens] == [False, False, True]
    copy = tmp_path / "copy.json"
    assert copy.stat().st_mode & 0o077 == 0
    assert not any(token.split("_", 2)[2] in copy.read_text() for token in tokens)


class _Away:
    """The keys of a database that is away."""

    def listing(self) -> list[ApiKey]:
        raise LogError("away")


def test_keys_that_are_not_known_let_nobody_in(tmp_path: Path, versions: dict[str, Made], issue) -> None:
    """A start without the database: with a copy of the keys, also of none, as if it were there; without one
    that can be read nobody is taken for this machine's operator, and told when to ask again."""
    publish(tmp_path, versions["stores"], 1)
    copy = tmp_path / "copies" / "keys.json"
    with running(tmp_path) as service:  # a home that is new: no key is needed
        assert service.client.get("/v1/series").status_code == 200
    none = copy.read_text()
    token = issue(tmp_path, "reader")
    with running(tmp_path) as service:
        assert service.client.get("/v1/series").status_code == 401
    some = copy.read_text()
    with socket.socket() as unanswered:
        unanswered.bind(("127.0.0.1", 0))  # nobody listens
        url = f"postgresql://nobody@127.0.0.1:{unanswered.getsockname()[1]}/log"
        for text, alone, with_key in ((none, 200, 200), (some, 401, 200), (some[:-9], 503, 503)):
            copy.write_text(text)
            with running(tmp_path, log_url=url) as service:
                asked = service.client.get("/v1/series")
                keyed = service.client.get("/v1/series", headers={"x-api-key": token})
                assert (asked.status_code, keyed.status_code) == (alone, with_key)
                assert service.client.get("/healthz").status_code == 200
                ready = service.client.get("/readyz")
                assert (ready.status_code, ready.json()["checks"]["keys"]) == (
                    (503, False) if alone == 503 else (200, True)
                )
                if alone == 503:
                    assert asked.json()["type"] == "urn:storecast:problem:keys-not-known"
                    assert "database" in asked.json()["remedy"]
                    assert int(asked.headers["retry-after"]) > 0
    first = KeyRing(_Away(), tmp_path / "no copy at all")  # type: ignore[arg-type]
    first.refresh()
    assert not first.read


def test_a_copy_of_the_keys_is_tried_until_it_is_there(tmp_path: Path, issue) -> None:
    """A disk that refused it once is asked again, also where no key has changed since."""
    token, copy = issue(tmp_path, "reader"), tmp_path / "copies" / "keys.json"
    copy.parent.touch()  # no folder
    ring = KeyRing(key_table(Settings(home=tmp_path)), copy)
    ring.refresh()
    assert ring.check(token) is not None
    copy.parent.unlink()
    ring.refresh()
    restarted = KeyRing(_Away(), copy)  # type: ignore[arg-type]
    restarted.refresh()
    assert restarted.check(token) is not None
    before = copy.stat().st_ino
    ring.refresh()
    assert copy.stat().st_ino == before  # what is there is not written again


def test_a_key_counts_at_once(guarded: Guarded) -> None:
    """Whoever is handed one may use it before the next look at the keys, and many at once."""
    table, now = key_table(Settings(home=guarded.service.home)), time.time_ns() // 1000
    for _ in range(3):
        token, key = new_key("just issued", "reader", now=now)
        table.issue(key)
        headers = {"authorization": f"Bearer {token}"}
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(guarded.service.client.get, "/v1/series", headers=headers) for _ in range(8)]
        assert {answer.result().status_code for answer in asked} == {200}


class _Slow:
    """Keys that are read when the test lets them be; ``reads`` counts."""

    def __init__(self) -> None:
        self.known: list[ApiKey] = []
        self.reads, self.may = 0, threading.Event()

    def listing(self) -> list[ApiKey]:
        self.reads += 1
        assert self.may.wait(60)
        return self.known


def test_guessing_keys_costs_little(tmp_path: Path) -> None:
    """Of a hundred callers with keys that nobody knows few wait for one look at the database, the others are
    refused at once; whoever waits with a key that was just issued is let in."""
    token, key = new_key("just issued", "reader", now=time.time_ns() // 1000)

    async def run() -> None:
        slow = _Slow()
        ring = KeyRing(slow, tmp_path / "copy.json")  # type: ignore[arg-type]
        slow.known = [key]
        issued = asyncio.create_task(ring.check_again(token))
        guesses = [asyncio.create_task(ring.check_again(f"sc_{i:012x}_guess")) for i in range(100)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert 60 < sum(guess.done() for guess in guesses) < 100
        slow.may.set()
        assert await issued == key
        assert set(await asyncio.gather(*guesses)) == {None}
        assert slow.reads == 1
        assert await ring.check_again("guess without a form") is None
        assert slow.reads == 1

    asyncio.run(run())


def test_comparing_takes_one_way_whoever_asks(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known id with a wrong secret, an unknown id, and nonsense are each compared once, hash with hash, by
    the comparison whose time tells nothing."""
    compared: list[tuple[str, str]] = []
    honest = hmac.compare_digest

    def listening(one: str, other: str) -> bool:
        compared.append((one, other))
        return bool(honest(one, other))

    monkeypatch.setattr(hmac, "compare_digest", listening)
    ring = guarded.service.worker.ring
    right = guarded.keys["reader"]
    name = right.split("_")[1]
    for token, valid in (
        (right, True),
        (f"sc_{name}_wrong", False),
        ("sc_000000000000_wrong", False),
        ("", False),
    ):
        compared.clear()
        assert (ring.check(token) is not None) is valid
        assert [len(one) == len(other) == 64 for one, other in compared] == [True]


def test_each_key_has_a_rate_of_its_own(tmp_path: Path, versions: dict[str, Made], issue) -> None:
    """Who asks too often gets 429 and how long to wait, others are served on, and health is always told; it
    is counted, and after the wait the key is let in again."""
    publish(tmp_path, versions["stores"], 1)
    eager, calm = issue(tmp_path, "reader"), issue(tmp_path, "reader")
    with running(tmp_path, rate_limit=2.0) as service:
        as_eager, as_calm = ({"authorization": f"Bearer {key}"} for key in (eager, calm))
        answers = [service.client.get("/v1/series?limit=1", headers=as_eager) for _ in range(200)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert answers[0].status_code == 200
        assert len(refused) >= 100
        problem = refused[-1].json()
        assert problem["type"].endswith("too-many-requests")
        assert service.client.get("/v1/series", headers=as_calm).status_code == 200
        assert service.client.get("/healthz").status_code == 200
        page = service.client.get("/metrics", headers=as_calm).text
        assert f'storecast_http_refusals_total{{kind="too-many-requests"}} {len(refused)}.0' in page
        time.sleep(int(refused[-1].headers["retry-after"]))
        assert service.client.get("/v1/series", headers=as_eager).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/series", 200),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/v1/series", 405),
        ("POST", "/v1/forecasts", 415),
        ("GET", "/v1/forecasts?series=9", 422),
    ],
)
def test_every_answer_has_the_headers_of_care(method: str, path: str, status: int, guarded: Guarded) -> None:
    """No sniffing, no frames, no referrer, nothing kept, no script but the documentation's; and an id."""
    answer = guarded.ask(method, path, "operator")
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert re.fullmatch(r"[A-Za-z0-9_.:-]{8,128}", answer.headers["x-request-id"])
    if path != "/docs":
        assert "script-src" not in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers


def test_a_request_keeps_its_id_if_that_is_harmless(guarded: Guarded) -> None:
    """So that it is found again in logs; what could break a line of them is replaced."""
    for given, kept in (
        ("trace-1234:ab", True),
        ("short", False),
        ("x" * 200, False),
        ("a b c d e f g", False),
    ):
        answer = guarded.ask("GET", "/healthz", headers={"x-request-id": given})
        assert (answer.headers["x-request-id"] == given) is kept


def test_other_origins_get_nothing(guarded: Guarded) -> None:
    """A preflight is answered as any unknown method, without a header that would allow anything."""
    headers = {
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    answer = guarded.ask("OPTIONS", "/v1/forecasts", headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_without_keys_a_page_of_another_site_gets_nothing(stores: Running) -> None:
    """On one's own machine everybody is an operator, but for pages of other sites: neither by a name of their
    own for this address nor by a form."""
    client = stores.client
    host = f"127.0.0.1:{stores.port}"
    form = {"files": {"file": ("a.csv", b"store,date\n1,2012-06-01\n")}}
    assert client.get("/v1/series", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/v1/series", headers={"host": f"localhost:{stores.port}"}).status_code == 200
    for origin, status in ((f"http://{host}", 200), ("https://evil.example", 403), ("null", 403)):
        answer = client.post("/v1/predictions", headers={"origin": origin}, **form)  # type: ignore[arg-type]
        assert (origin, answer.status_code) == (origin, status)
    upload = client.post("/v1/datasets", headers={"origin": "https://evil.example"}, **form)  # type: ignore[arg-type]
    assert upload.status_code == 403
    assert client.get("/v1/datasets").json()["datasets"] == []


def test_a_key_ends_the_freedom_of_this_machine(tmp_path: Path, versions: dict[str, Made], issue) -> None:
    """With the first key issued, calls from this machine need one too, without a restart."""
    publish(tmp_path, versions["stores"], 1)
    with running(tmp_path) as service:
        assert service.client.get("/v1/series").status_code == 200
        issue(tmp_path, "reader")
        service.worker.ring.refresh()
        assert service.client.get("/v1/series").status_code == 401


def test_other_machines_need_a_key(tmp_path: Path) -> None:
    """Listening where others can reach it is refused without one."""
    worker = make_worker(Settings(home=tmp_path), "0.0.0.0")
    with pytest.raises(SetupError, match="without a key"):
        worker.start()


def test_other_machines_wait_where_the_keys_are_not_known(tmp_path: Path, versions: dict[str, Made]) -> None:
    """The database is away at the first start: it may hold keys, so that the service starts, is not ready,
    and turns everybody away who asks, with a key or without."""
    publish(tmp_path, versions["stores"], 1)

    async def ask(app: FastAPI, path: str, head: dict[str, str]) -> httpx.Response:
        way = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=way, base_url="http://storecast.example") as client:
            return await client.get(path, headers=head)

    with socket.socket() as unanswered:
        unanswered.bind(("127.0.0.1", 0))  # nobody listens
        url = f"postgresql://nobody@127.0.0.1:{unanswered.getsockname()[1]}/log"
        worker = make_worker(Settings(home=tmp_path, log_url=url), "0.0.0.0")
        worker.start()
        try:
            for head in ({}, {"x-api-key": "sc_000000000000_any"}):
                answer = asyncio.run(ask(worker.app, "/v1/series", head))
                assert (answer.status_code, answer.json()["type"]) == (
                    503, "urn:storecast:problem:keys-not-known",
                )  # fmt: skip
            assert asyncio.run(ask(worker.app, "/readyz", {})).status_code == 503
        finally:
            worker.close()


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the service logs, as JSON lines."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name.startswith(("http", "uvicorn.access")):  # this test's client; off when served
                return
            found.append(JsonLines().format(record))

    logger, handler = logging.getLogger(), Keep()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in found]
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_no_secret_is_written_anywhere(
    tmp_path: Path, versions: dict[str, Made], issue, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """However a key is sent, right or wrong, no log line, answer, metric or file of the service holds its
    secret."""
    publish(tmp_path, versions["stores"], 1)
    key = issue(tmp_path, "operator")
    secret = key.split("_", 2)[2]
    sent = {"authorization": f"Bearer {key}"}
    with running(tmp_path, access_log=True) as service:
        client = service.client
        answers = [
            client.get("/v1/forecasts?series=1", headers=sent),
            client.get(f"/v1/forecasts?series=1&key={key}", headers=sent),
            client.get(f"/v1/series?api_key={key}", headers=sent),
            client.get(f"/v1/{key}", headers=sent),
            client.get("/v1/series", headers={"authorization": f"Bearer {key}x"}),
            client.get("/v1/series", headers={"authorization": f"Basic {key}"}),
            client.get("/v1/series", headers={"cookie": key, "x-request-id": "abcdefgh"}),
            client.post("/v1/models/promote", headers=sent, json={"version": 0, "why": "x"}),
            client.get("/metrics", headers=sent),
        ]
    assert [answer.status_code for answer in answers[:2]] == [200, 422]
    logged = json.dumps(lines())
    assert "request" in logged
    assert secret not in logged
    for answer in answers:
        assert secret not in answer.text
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def test_whoever_changes_something_is_written_down(
    guarded: Guarded, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """Each use of a planner's or operator's route leaves a line: who, what, how it ended; refused attempts as
    well, and mere reading not."""
    ids = {role: key.split("_")[1] for role, key in guarded.keys.items()}
    guarded.ask("GET", "/v1/series", "reader")
    guarded.ask("POST", "/v1/models/promote", "planner", json={"version": 2, "why": "better"})
    guarded.ask("POST", "/v1/models/promote", "operator", json={"version": 2, "why": "better"})
    guarded.ask("POST", "/v1/models/rollback", None, json={"why": "worse"})
    guarded.ask("DELETE", f"/v1/datasets/{NOBODY}", "planner")
    audit = [line for line in lines() if line["event"] == "audit"]
    told = [(l["caller"], l["role"], l["method"], l["route"], l["status"]) for l in audit]  # noqa: E741
    assert told == [
        (ids["planner"], "planner", "POST", "/v1/models/promote", 403),
        (ids["operator"], "operator", "POST", "/v1/models/promote", 202),
        ("", "", "POST", "/v1/models/rollback", 401),
        (ids["planner"], "planner", "DELETE", "/v1/datasets/{dataset_id}", 404),
    ]
    assert audit[3]["path"] == f"/v1/datasets/{NOBODY}"
    event = guarded.ask("GET", "/v1/events?limit=1", "reader").json()["events"][0]
    assert (event["kind"], event["who"], event["why"], event["to_version"]) == (
        "promote",
        ids["operator"],
        "better",
        2,
    )
