"""The system of compose.yaml as far as it runs here, in the order in which compose starts it."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from storecast.stores.manifest import MANIFEST
from storecast.stores.signatures import SIGNATURE, signature_of
from storecast.stores.signing_keys import read_key
from tests.deploy.composed import Composed, EncryptedPostgres, EncryptedRedis, Store, nginx_image
from tests.deploy.podman import Machine
from tests.servers import _programs
from tests.service.conftest import Made, publish

__all__ = ["DOOR", "USER", "Stores", "System", "publish_signed", "started"]

USER = 10001
DOOR = 8443


@dataclass(frozen=True)
class System:
    """What runs: ``url`` is the door's, ``trust`` the root of its chain, ``key`` a planner's, ``data`` where
    the jobs find sales."""

    composed: Composed
    machine: Machine
    store: Store
    postgres: EncryptedPostgres
    redis: EncryptedRedis
    secrets: Path
    data: Path
    url: str
    key: str

    def logged(self) -> Counter[str]:
        """How often each request's number is in the forecast log."""
        with self.postgres.connect("storecast_log_url") as connection:
            return Counter(
                dict(connection.execute("SELECT request, count(*) FROM forecasts GROUP BY 1").fetchall())
            )

    @property
    def trust(self) -> ssl.SSLContext:
        """What a browser that knows the root alone believes."""
        return ssl.create_default_context(cafile=str(self.secrets / "ca.crt"))

    def metrics(self, name: str) -> str:
        """What a replica tells Prometheus, by Prometheus' own key."""
        code = (
            "import pathlib, ssl, urllib.request as web; key = pathlib.Path('/keys/metrics').read_text(); "
            "trust = ssl.create_default_context(cafile='/run/secrets/ca.crt'); "
            f"call = web.Request('https://{name}:8000/metrics', headers={{'x-api-key': key}}); "
            "print(web.urlopen(call, context=trust).read().decode())"
        )
        return self.composed.run("first-key", "--entrypoint=python3", wait=True, words=["-c", code])

    def weeks(self, client: httpx.Client) -> list[str]:
        """The first weeks that are forecast."""
        told = client.get("/v1/forecasts?series=1&horizon=3").raise_for_status().json()
        return [row["ds"] for row in told["forecasts"]]

    def client(self, **options) -> httpx.Client:
        """A caller with the key, by HTTP/1.1 over TLS."""
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.Client(
            base_url=self.url, verify=self.trust, trust_env=False, headers=headers, timeout=30, **options
        )

    def opens(self, path: str) -> bool:
        """Whether the door opens to a replica whose answer at ``path`` is 200."""
        with self.client() as client:
            try:
                return client.get(path).status_code == 200
            except httpx.TransportError:
                return False


def publish_signed(made: Made, releases: Path, signing: Path) -> None:
    """A version, signed with the key in the file ``signing``, where the follower would have put it."""
    key = read_key(signing)
    assert key is not None
    with tempfile.TemporaryDirectory() as home:
        publish(Path(home), made, 1)
        for manifest in Path(home).rglob(MANIFEST):
            manifest.with_name(SIGNATURE).write_bytes(signature_of(manifest.read_bytes(), key))
        shutil.copytree(Path(home) / "releases", releases, dirs_exist_ok=True)
    for path in (releases, *releases.rglob("*")):
        os.chown(path, USER, USER)


def _folder(stack: ExitStack, name: str) -> Path:
    """A folder that users of servers may enter, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"storecast-{name}-"))
    folder.chmod(0o755)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


@dataclass(frozen=True)
class Stores:
    """Where PostgreSQL and Redis are: compose's ``files`` for that, their names, the file of their authority,
    and who makes the databases, as PostgreSQL's client reads it; by default the one who owns it all."""

    files: tuple[Path, ...] = ()
    database: str = "postgres"
    cache: str = "redis"
    authority: str = "ca.crt"
    maker: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def started(
    machine: Machine, images: dict[str, str], secrets: Path, made: Made | None, stores: Stores | None = None
) -> Iterator[System]:
    """Two replicas behind the door, the web app, both databases; ``made`` is what serves. Without it nothing
    does yet, and what can change that is there: the object store, MLflow's server, the follower."""
    at = stores or Stores()
    with ExitStack() as stack:
        places = {name: _folder(stack, name) for name in ("releases", "jobs", "trust")}
        for place in places.values():
            os.chown(place, USER, USER)
        places["./data"] = _folder(stack, "data")
        hosts = (at.database, at.cache, "s3")
        others = {"nginx": nginx_image()}
        composed = Composed(machine, images, secrets, places, others, at.files, hosts)
        stack.callback(machine.clear)
        with Composed.network(machine):
            postgres = EncryptedPostgres(_folder(stack, "postgres"), _programs(), secrets)
            redis = EncryptedRedis(_folder(stack, "redis"), secrets, at.cache, at.authority)
            store = Store(_folder(stack, "s3"), secrets, composed.services["s3"]["command"])
            stack.callback(store.stop)
            stack.callback(postgres.stop, signal.SIGINT)
            stack.callback(redis.stop)
            postgres.start()
            if at.maker:
                who, word = at.maker["POSTGRES_USER"], at.maker["PGPASSWORD"]
                postgres.by_hand(f"CREATE ROLE {who} LOGIN CREATEROLE CREATEDB PASSWORD '{word}'")
            postgres.make_databases(**at.maker)
            redis.start()
            composed.run("migrate", wait=True)
            composed.run("signing", wait=True)
            if made is not None:
                publish_signed(made, places["releases"], places["jobs"] / "signing" / "key.pem")
            composed.run("first-key", wait=True)
            words = ["keys", "issue", "--role", "operator", "--name", "Ann"]
            key = composed.run("migrate", wait=True, words=words).split()[-1]
            names = ["service-1", "service-2", "webapp"]
            if made is None:
                store.start()
                composed.run("bucket", wait=True)
                composed.run("mlflow")
                machine.await_("mlflow", lambda: machine.healthy("mlflow"))
                names.append("follower")
            for name in names:
                composed.run(name)
            # the name of what is not run here, so that the door opens
            away = "--add-host=grafana:172.28.10.131"
            composed.run("nginx", away, f"--publish={DOOR}:8443", "--publish=8081:8080")
            parts = (store, postgres, redis, secrets, places["./data"])
            system = System(composed, machine, *parts, f"https://localhost:{DOOR}", key)
            machine.await_("nginx", lambda: system.opens("/readyz" if made is not None else "/healthz"))
            for name in names:
                machine.await_(name, lambda name=name: machine.healthy(name))
        yield system
