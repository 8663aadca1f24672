"""PostgreSQL and Redis over TLS: who cannot be verified is away, and nothing is told to him in plain text."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from storecast.errors import LogError, SetupError
from storecast.ports.cache import Limit
from storecast.service.security import new_key
from storecast.settings import Settings
from storecast.stores import shared_redis
from storecast.stores.cache import MemoryCache, RedisCache
from storecast.stores.forecast_log.database import Database
from storecast.stores.limits import RedisLimiter
from storecast.stores.shared_redis import SharedRedis
from storecast.wiring.serving import key_table
from tests.certificates import Authority
from tests.cli.calls import call
from tests.published import content, fitted
from tests.serve_process import Serving, await_, promoted, register
from tests.servers import Postgres, Redis, free_port, postgres_server, redis_server

PASSWORD = "a-word-of-its-own"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom the servers' certificates are of."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another, of whom they are not."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def encrypted(authority: Authority) -> Iterator[Postgres]:
    """PostgreSQL that answers over TLS alone, as ``localhost``."""
    with postgres_server(authority.issue("localhost")) as server:
        yield server


@pytest.fixture(scope="module")
def impostor(authority: Authority) -> Iterator[Postgres]:
    """PostgreSQL with a certificate of the right authority, for another host."""
    with postgres_server(authority.issue("elsewhere.example")) as server:
        yield server


def verified(server: Postgres, ca: Path, url: str = "") -> str:
    """The database's URL, whose server is to be verified by the authority in ``ca``."""
    plain = (url or server.new_database()).replace("127.0.0.1", "localhost")
    return f"{plain}?sslmode=verify-full&sslrootcert={ca}"


@contextmanager
def listening(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """(port, what callers said) of somebody who answers ``answer`` to all they say."""
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.1)
        ending = threading.Event()

        def work() -> None:
            while not ending.is_set():
                try:
                    caller, _ = door.accept()
                except TimeoutError:
                    continue
                with caller:
                    caller.settimeout(1)
                    try:
                        while heard := caller.recv(4096):
                            said.append(heard)
                            caller.sendall(answer)
                    except OSError:
                        continue  # the caller hung up, or says no more

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield door.getsockname()[1], said
        finally:
            ending.set()
            thread.join()


async def ended(*shared: SharedRedis) -> None:
    """Close them, and let what TLS has to say at its end be said."""
    for one in shared:
        await one.close()
    await asyncio.sleep(0.05)


def asked_for(redis: SharedRedis) -> object:
    """What it answers to a question."""

    async def ask() -> object:
        found = await redis.call(lambda client: client.get("storecast:x"))
        await ended(redis)
        return found

    return asyncio.run(ask())


def requests_in(url: str) -> Counter[str]:
    """How often each request is in the log, read past the code under test."""
    with psycopg.connect(url) as connection:
        return Counter(row[0] for row in connection.execute("SELECT request FROM forecasts"))


def asked(serving: Serving, numbers: list[str]) -> None:
    """Ask for a forecast under each of these ids; all are answered."""
    for number in numbers:
        question = "series=s000&horizon=2"
        answer = serving.client.get(f"/v1/forecasts?{question}", headers={"x-request-id": number})
        assert answer.status_code == 200


def away(serving: Serving, what: str) -> list[str]:
    """Why, as the log told."""
    return [line["found"] for line in serving.log() if line["event"] == f"{what} away"]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes longer than a tenth of a second; here the answer counts, not its time."""
    monkeypatch.setattr(shared_redis, "_TIMEOUT", 30.0)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A home from which version 1 is served."""
    home = tmp_path / "home"
    promoted(home, register(home, content(fitted())))
    return home


@pytest.mark.parametrize("wrong", ["authority", "name", "no TLS"])
def test_a_database_that_cannot_be_verified_is_away(
    wrong: str,
    shop: Path,
    authority: Authority,
    stranger: Authority,
    encrypted: Postgres,
    impostor: Postgres,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another authority, another name, no TLS at all: the service answers and keeps what it answered in its
    spool, its log says why; a command refuses. With the right URL all of it enters the log, once."""
    plain = encrypted.new_database()
    url, word = {
        "authority": (verified(encrypted, stranger.ca, plain), "certificate verify failed"),
        "name": (verified(impostor, authority.ca), 'does not match host name "localhost"'),
        "no TLS": (verified(postgres, authority.ca), "server does not support SSL"),
    }[wrong]
    numbers = [f"number-{wrong.replace(' ', '-')}-{i}" for i in range(20)]
    right = verified(encrypted, authority.ca, plain)
    with Serving(shop, "--no-follow", STORECAST_LOG_URL=right):
        pass  # from here on it knows that no keys were issued; before, it would answer nobody
    with Serving(shop, "--no-follow", STORECAST_LOG_URL=url) as serving:
        asked(serving, numbers[:10])
        told = serving.client.get("/readyz").json()
        assert (told["status"], told["log"]) == ("ready", {"queue": 0, "spool": 10, "database": False})
        await_(lambda: away(serving, "log database"), serving.written)
        assert word in away(serving, "log database")[0]
    monkeypatch.setenv("STORECAST_HOME", str(shop))
    monkeypatch.setenv("STORECAST_LOG_URL", url)
    done = call("migrate")
    assert done.code == 1
    assert word in done.err
    assert "sslrootcert" in done.err
    assert "secret-word" not in done.err + serving.written()
    with Serving(shop, "--no-follow", STORECAST_LOG_URL=right) as serving:
        await_(lambda: serving.client.get("/readyz").json()["log"]["spool"] == 0, serving.written)
        asked(serving, numbers[10:])
    assert away(serving, "log database") == []
    assert requests_in(right) == Counter(numbers)


def test_the_log_is_kept_over_tls(authority: Authority, encrypted: Postgres) -> None:
    """Each connection of it, as the server sees them."""
    database = Database(verified(encrypted, authority.ca))
    try:
        database.ensure_schema()
        with database.read() as connection:
            text = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            used, version = connection.exec_driver_sql(text).one()
        assert used
        assert version in ("TLSv1.2", "TLSv1.3")
    finally:
        database.close()


def test_a_password_is_never_sent_to_who_cannot_be_verified(authority: Authority) -> None:
    """Who says that he has no TLS, as a thief between would, hears the question for it and nothing more;
    who answers nonsense in place of Redis hears the beginning of a handshake."""
    with listening(b"N") as (port, said):
        url = f"postgresql://storecast:{PASSWORD}@localhost:{port}/log"
        database = Database(f"{url}?sslmode=verify-full&sslrootcert={authority.ca}")
        with pytest.raises(LogError, match="does not support SSL"):
            database.ensure_schema()
        database.close()
    assert set(said) == {(8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")}  # PostgreSQL's SSLRequest
    with listening(b"+OK\r\n") as (port, said):
        redis = SharedRedis(f"rediss://storecast:{PASSWORD}@127.0.0.1:{port}/0?ssl_ca_certs={authority.ca}")
        assert asked_for(redis) is None
    assert said
    assert {heard[:2] for heard in said} <= {b"\x16\x03", b"\x15\x03"}  # TLS: handshake, alert
    assert PASSWORD.encode() not in b"".join(said)


@pytest.mark.parametrize(
    ("where", "mode"),
    [
        ("db.example", "verify-full"),
        ("10.0.0.7", "verify-full"),
        ("127.0.0.1,db.example", "verify-full"),
        ("127.0.0.1", None),
        ("localhost", None),
        ("[::1]", None),
        ("/x?host=/var/run/postgresql", None),
        ("/x?host=db.example", "verify-full"),
        ("db.example/x?sslmode=disable", "disable"),
        ("db.example/x?sslmode=require", "require"),
    ],
)
def test_another_machines_database_is_verified_unless_the_url_says_otherwise(
    where: str, mode: str | None
) -> None:
    """libpq's own default would be to take plain text where TLS is not offered."""
    database = Database(f"postgresql://storecast:word@{where}")
    assert database.engine.url.query.get("sslmode") == mode
    database.close()


@pytest.fixture(scope="module")
def hidden(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """Redis over TLS alone, for one user alone."""
    with redis_server(tmp_path_factory.mktemp("redis"), authority.issue("127.0.0.1"), PASSWORD) as server:
        yield server


def test_redis_over_tls_is_shared(authority: Authority, hidden: Redis) -> None:
    """A value that one worker put another finds; together they grant no more than the limit."""

    async def run() -> None:
        url = f"{hidden.url}?ssl_ca_certs={authority.ca}"
        shared = [SharedRedis(url) for _ in range(2)]
        caches = [RedisCache(one, MemoryCache()) for one in shared]
        await caches[0].put("key", b"value")
        assert await caches[1].get("key") == b"value"
        limiters, limit = [RedisLimiter(one) for one in shared], Limit(0.001, 60)
        waits = [await limiters[i % 2].take("Ann", limit) for i in range(100)]
        assert waits.count(0.0) == 60
        assert [(one.failures, one.trouble) for one in shared] == [(0, None), (0, None)]
        await ended(*shared)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ("authority", "certificate verify failed"),
        ("public", "certificate verify failed"),
        ("name", "not valid for"),
        ("password", "invalid username-password"),
        ("plain", "127.0.0.1"),
    ],
)
def test_redis_that_cannot_be_verified_is_away(
    wrong: str, word: str, authority: Authority, stranger: Authority, hidden: Redis, tmp_path: Path
) -> None:
    """Another authority (or the system's), another name, another password, no TLS: no answer, and why."""
    with redis_server(tmp_path, authority.issue("elsewhere.example"), PASSWORD) as impostor:
        url = {
            "authority": f"{hidden.url}?ssl_ca_certs={stranger.ca}",
            "public": hidden.url,
            "name": f"{impostor.url}?ssl_ca_certs={authority.ca}",
            "password": f"{hidden.url}?ssl_ca_certs={authority.ca}".replace(PASSWORD, "guessed"),
            "plain": hidden.url.replace("rediss", "redis"),
        }[wrong]
        redis = SharedRedis(url)
        assert asked_for(redis) is None
    assert not redis.alive
    assert word in str(redis.trouble)
    assert PASSWORD not in str(redis.trouble)


def test_the_service_shares_its_limits_by_redis_over_tls(
    shop: Path, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    """While its certificate is a stranger's it is away, the log says why, and answers go on;
    with one of the right authority it is found again."""
    token, key = new_key("load", "reader", now=time.time_ns() // 1000)
    key_table(Settings(home=shop)).issue(key)
    folder = tmp_path / "redis"
    folder.mkdir()
    good, bad = authority.issue("127.0.0.1"), stranger.issue("127.0.0.1")
    port = free_port()
    current = Redis(folder, bad, PASSWORD, port=port)
    current.start()
    try:
        settings = {"STORECAST_REDIS_URL": f"{current.url}?ssl_ca_certs={authority.ca}"}
        with Serving(shop, "--no-follow", wait="listening", **settings) as serving:
            serving.client.headers["x-api-key"] = token
            await_(serving.is_ready, serving.written)

            def up(value: float) -> Callable[[], bool]:
                def look() -> bool:
                    asked(serving, ["once-more-again"])
                    return f"storecast_redis_up {value}" in serving.client.get("/metrics").text

                return look

            await_(up(0.0), serving.written)
            await_(lambda: "certificate verify failed" in str(away(serving, "redis")), serving.written)
            asked(serving, [f"without-redis-{i}" for i in range(20)])
            current.stop()
            current = Redis(folder, good, PASSWORD, port=port)
            current.start()
            await_(up(1.0), serving.written)
            await_(lambda: "redis back" in serving.events(), serving.written)
        assert PASSWORD not in serving.written()
    finally:
        current.stop()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ssl_cert_reqs=none", "ssl_cert_reqs"),
        ("ssl_check_hostname=false", "ssl_check_hostname"),
        ("ssl_ca_certs=/no/such/file", "/no/such/file"),
    ],
)
def test_a_url_that_would_not_verify_is_refused(query: str, found: str) -> None:
    """At the start: a verification that is switched off, or an authority that is not there."""
    with pytest.raises(SetupError, match=found) as caught:
        SharedRedis(f"rediss://storecast:{PASSWORD}@redis:6379/0?{query}")
    assert PASSWORD not in str(caught.value)
