"""The system of compose.yaml, asked from outside: its door, its stores, two replicas while one is killed."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest
from cryptography import x509
from psycopg.conninfo import make_conninfo
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.certificates import Authority
from tests.deploy.composed import GATEWAY
from tests.deploy.podman import Machine
from tests.deploy.system import DOOR, System, started
from tests.load import Load, mixed, when_entered
from tests.needs import ROOT
from tests.serve_process import await_
from tests.service.conftest import Made, versions  # noqa: F401 - a fixture

pytestmark = pytest.mark.rehearsal


@pytest.fixture(scope="module")
def running(
    machine: Machine,
    images: dict[str, str],
    secrets: Path,
    versions: dict[str, Made],  # noqa: F811
) -> Iterator[System]:
    """Everything that answers, for as long as these tests take."""
    with started(machine, images, secrets, versions["stores"]) as system:
        yield system


@pytest.fixture
def system(running: System) -> Iterator[System]:
    """The same, from where it can be reached: a test is on its network, and nothing else is."""
    with running.machine.network():
        yield running


def test_the_door_opens_to_new_tls_with_the_whole_chain(system: System) -> None:
    """Who trusts the root alone gets in by TLS 1.2 or 1.3, an older or a wrong name does not."""
    with system.client() as client:
        assert client.get("/v1/series").status_code == 200
    for old, name, works in (
        ("-tls1_2", "localhost", True),
        ("-tls1_3", "localhost", True),
        ("-tls1_1", "localhost", False),
        ("-tls1_3", "elsewhere.example", False),
    ):
        command = ["openssl", "s_client", "-connect", f"localhost:{DOOR}", old, "-verify_return_error"]
        command += ["-cipher", "ALL:@SECLEVEL=0", "-CAfile", str(system.secrets / "ca.crt")]
        done = subprocess.run(
            [*command, "-verify_hostname", name, "-servername", name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode == 0) is works, (old, name, done.stderr[-500:])


# Who answers behind the door, and by what name: address, port, name.
INSIDE = [
    ("172.28.10.111", 8000, "service-1"),
    ("172.28.10.112", 8000, "service-2"),
    ("172.28.10.121", 8501, "webapp"),
    ("172.28.10.102", 8000, "nginx"),
]


def shown(address: str, port: int, name: str, trust: ssl.SSLContext) -> int:
    """The number of the certificate by which somebody proves to be ``name``; raises where he does not."""
    with (
        socket.create_connection((address, port), 10) as plain,
        trust.wrap_socket(plain, server_hostname=name) as call,
    ):
        return x509.load_der_x509_certificate(call.getpeercert(binary_form=True) or b"").serial_number


@pytest.mark.parametrize(("address", "port", "name"), INSIDE)
def test_behind_the_door_everything_is_tls(system: System, address: str, port: int, name: str) -> None:
    """Each proves who he is to who trusts this machine's root; nobody answers in plain text."""
    assert shown(address, port, name, system.trust)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shown(address, port, "elsewhere.example", system.trust)
    with pytest.raises(ssl.SSLCertVerificationError, match="issuer"):
        shown(address, port, name, ssl.create_default_context())
    try:
        told = httpx.get(f"http://{address}:{port}/healthz", trust_env=False).status_code
    except httpx.TransportError:
        told = 0  # hung up
    assert told in (0, 400)


def test_who_cannot_be_verified_is_not_asked(system: System, tmp_path: Path) -> None:
    """A replica with a certificate of another authority gets no request of nginx'; with its own it does."""
    stranger = Authority(tmp_path).issue("service", "localhost")
    files = [(system.secrets / f"service.{kind}") for kind in ("crt", "key")]
    own = [file.read_bytes() for file in files]
    trust = ssl.create_default_context(cafile=str(tmp_path / "root.pem"))

    def put(contents: list[bytes], seen: ssl.SSLContext, name: str) -> None:
        for file, content in zip(files, contents, strict=True):
            file.write_bytes(content)
        for address, port, _ in INSIDE[:2]:
            await_(partial(_shows, address, port, name, seen))
        system.machine.podman("kill", "--signal=HUP", "nginx")  # connections that are open were verified

    put([file.read_bytes() for file in stranger], trust, "service")
    try:
        with system.client() as client:
            await_(lambda: client.get("/v1/series").status_code == 502)
    finally:
        put(own, system.trust, "service-1")
    machine = system.machine
    for name in ("service-1", "service-2"):
        machine.await_(name, lambda name=name: machine.healthy(name))
    with system.client() as client:
        await_(lambda: client.get("/v1/series").status_code == 200)


def _shows(address: str, port: int, name: str, trust: ssl.SSLContext) -> bool:
    try:
        return bool(shown(address, port, name, trust))
    except ssl.SSLError:
        return False


def test_certificates_are_renewed_under_load(system: System) -> None:
    """`make secrets RENEW=yes` and a reload of nginx: all show new ones, and not one request fails."""
    with system.client() as client:
        questions = mixed(["1", "2", "3"], system.weeks(client))
    everybody = [*INSIDE, ("localhost", DOOR, "localhost")]

    def numbers() -> list[int]:
        return [shown(*who, system.trust) for who in everybody]

    before = numbers()
    headers = f"authorization: Bearer {system.key}\r\n"
    load = Load(DOOR, questions, 8, headers=headers, pause=0.1, tls=system.trust, looks=True)
    with load:
        load.more(100)
        command = [ROOT / "tools" / "secrets", system.secrets]
        subprocess.run(command, env={**os.environ, "RENEW": "yes"}, check=True, capture_output=True)
        system.machine.podman("kill", "--signal=HUP", "nginx")
        await_(lambda: all(old != new for old, new in zip(before, numbers(), strict=True)))
        load.more(200)
    assert (load.broken, load.refused) == ({}, [])


def test_http_2_and_a_redirect(system: System) -> None:
    """Browsers speak HTTP/2; who comes by plain HTTP is sent on, method and path kept."""
    trusted = ["--cacert", str(system.secrets / "ca.crt"), "-sS", "-o", "/dev/null"]
    shown = subprocess.run(
        ["curl", *trusted, "-w", "%{http_version} %{http_code}", f"{system.url}/docs"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "2 200"
    sent = httpx.post("http://localhost:8081/v1/what-if?a=1", trust_env=False)
    assert (sent.status_code, sent.headers["location"]) == (308, "https://localhost/v1/what-if?a=1")


SAID = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/series", 200),
        ("GET", "/v1/nothing-like-it", 404),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/app/signin", 200),
        ("GET", "/", 200),
        ("GET", "/metrics", 404),
        ("GET", "/grafana/", 502),  # which is not run here
        ("POST", "/v1/actuals", 413),
    ],
)
def test_every_answer_carries_the_headers_once(system: System, method: str, path: str, status: int) -> None:
    """Of the service, of the app, of nginx itself, whole or refused: none lacks a header, none has it twice,
    and none says which version of what is there."""
    with system.client() as client:
        answer = client.request(method, path, content=b"x" * (2 << 20) if status == 413 else None)
    assert answer.status_code == status or (status == 502 and answer.status_code == 504)
    for name, value in SAID.items():
        assert answer.headers.get_list(name) == [value], name
    for name in ("x-frame-options", "referrer-policy", "x-request-id"):
        assert len(answer.headers.get_list(name)) == 1, name
    assert answer.headers.get("server", "nginx") == "nginx"
    assert "x-powered-by" not in answer.headers
    if status in (413, 502):
        told = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (told["status"], told["instance"]) == (answer.status_code, answer.headers["x-request-id"])


def test_a_browser_keeps_its_websocket(system: System) -> None:
    """The app's pages are live through the door."""
    with system.machine.network():
        socket_url = system.url.replace("https", "wss") + "/_stcore/stream"
        with connect(
            socket_url, ssl=system.trust, origin=Origin(system.url), open_timeout=30, proxy=None
        ) as open_page:
            assert open_page.response is not None
            assert open_page.response.status_code == 101


def test_passwords_are_not_tried_by_the_dozen(system: System) -> None:
    """Signing in is bounded by address, with a problem document and when to come again."""
    with system.client() as client:
        answers = [client.get("/app/signin") for _ in range(60)]
    codes = Counter(answer.status_code for answer in answers)
    assert set(codes) == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["title"] == "Too many requests from this address"


def test_forecasts_are_never_answered_without_being_logged(system: System) -> None:
    """Asked twice they are two entries; while nobody is there to log, nothing is answered from a cache, but
    the app's files and the description of the API are."""
    with system.client() as client:
        page = client.get("/").text
        file = re.search(r'src="\./(static/[^"]+\.js)"', page)
        assert file is not None
        asked = [f"twice-{number}-{uuid.uuid4().hex}" for number in range(2)]
        for number in asked:
            answer = client.get("/v1/forecasts?series=1&horizon=2", headers={"x-request-id": number})
            assert answer.headers["x-request-id"] == number
        logged = when_entered(asked, system.logged)
        assert [logged[number] for number in asked] == [1, 1]
        same = [client.get(f"/{file[1]}").content, client.get("/openapi.json").content]
        for name in ("service-1", "service-2", "webapp"):
            system.machine.podman("kill", name)
        try:
            assert [client.get(f"/{file[1]}").content, client.get("/openapi.json").content] == same
            gone = client.get("/v1/forecasts?series=1&horizon=2")
            assert gone.status_code in (502, 504)
        finally:
            for name in ("service-1", "service-2", "webapp"):
                system.machine.podman("start", name)
        for name in ("service-1", "service-2", "webapp"):
            system.machine.await_(name, lambda name=name: system.machine.healthy(name))


def test_the_database_is_reached_encrypted_and_by_its_owner_alone(system: System) -> None:
    """Without TLS, with another password, or for another database there is no way in."""
    with system.postgres.connect("storecast_log_url") as connection:
        row = connection.execute(
            "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()
        assert row is not None
        assert row[0] is True
        others = connection.execute(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
            "WHERE usename = 'storecast' AND NOT ssl"
        ).fetchone()
        assert others == (0,)
    password = (system.secrets / "log_password").read_text()
    for wrong in (
        {"sslmode": "disable"},
        {"password": "guessed"},
        {"dbname": "mlflow"},
        {"user": "mlflow"},
    ):
        right = {"host": GATEWAY, "user": "storecast", "password": password, "dbname": "storecast"}
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(make_conninfo(**right | wrong), connect_timeout=5)


def test_the_cache_is_reached_by_its_user_alone(system: System) -> None:
    """Nobody without the password, nothing dangerous with it; the service is connected."""
    password = (system.secrets / "redis_password").read_text()
    assert "NOAUTH" in system.redis.call("GET", "storecast:x")
    assert system.redis.call("SET", "storecast:x", "1", password=password).strip() == "OK"
    assert "NOPERM" in system.redis.call("FLUSHALL", password=password)
    assert "NOPERM" in system.redis.call("GET", "others", password=password)
    with system.client() as client:
        rows = [{"store": "1", "date": day} for day in system.weeks(client) * 60]
        assert client.post("/v1/predictions", json={"rows": rows}).status_code == 200
    # A call is given up after a tenth of a second, which a busy machine may take: not for ever, though.
    await_(
        lambda: all("storecast_redis_up 1.0" in system.metrics(name) for name in ("service-1", "service-2"))
    )


def test_a_replica_is_killed_under_load(system: System, request: pytest.FixtureRequest) -> None:
    """Of everything that is asked less than one in 200 fails, and whatever was answered is in the log."""
    with system.client() as client:
        questions = mixed(["1", "2", "3"], system.weeks(client))
    load = Load(
        DOOR,
        questions,
        16,
        headers=f"authorization: Bearer {system.key}\r\n",
        pause=0.1,
        tls=system.trust,
    )
    with load, system.client() as client:
        load.more(300)
        system.machine.podman("kill", "--signal=KILL", "service-1")
        load.more(600)
        system.machine.podman("start", "service-1")
        system.machine.await_("service-1", lambda: system.machine.healthy("service-1"))
        load.more(300)
        # nginx leaves one that failed alone for two seconds: in the end the one that came back is asked again
        await_(lambda: _answering(system) == ["service-1", "service-2"])
    failed = len(load.refused) + sum(load.broken.values())
    asked = len(load.requests) + failed
    request.node.user_properties += [("asked", asked), ("failed", failed), ("longest seconds", load.seconds)]
    assert failed < 0.005 * asked, (load.broken, load.refused[:5])
    when_entered(load.requests, system.logged)


def test_a_replica_is_replaced_under_load(system: System) -> None:
    """SIGTERM, as an upgrade sends it: not one request fails, and each answer is in the log once."""
    with system.client() as client:
        questions = mixed(["1", "2", "3"], system.weeks(client))
    headers = f"authorization: Bearer {system.key}\r\n"
    with Load(DOOR, questions, 16, headers=headers, pause=0.1, tls=system.trust) as load:
        load.more(200)
        system.machine.podman("stop", "--time=60", "service-2")
        assert system.machine.state("service-2")["ExitCode"] == 0
        load.more(200)
        system.machine.podman("start", "service-2")
        system.machine.await_("service-2", lambda: system.machine.healthy("service-2"))
        load.more(200)
    assert (load.broken, load.refused) == ({}, [])
    logged = when_entered(load.requests, system.logged)
    assert {logged[number] for number in load.requests} == {1}


def _answering(system: System) -> list[str]:
    """The replicas that have answered something since they started."""
    pattern = re.compile(r"storecast_forecasts_served_total\{[^}]*\} ([1-9]|\d\d)")
    return [name for name in ("service-1", "service-2") if pattern.search(system.metrics(name))]
