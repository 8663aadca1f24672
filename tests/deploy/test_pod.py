"""The service's pod of the development overlay, run for real.

What podman does not know is translated: ``tests/deploy/pods.py`` says what. Ingress, cert-manager and the
kubelet are stood in for: their part is played by the tests.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from cryptography import x509

from storecast.settings import Settings
from storecast.wiring.signing import make_key
from tests.certificates import Authority
from tests.deploy.manifests import copied, render
from tests.deploy.podman import Machine
from tests.deploy.pods import Node, Pod
from tests.deploy.system import USER, publish_signed
from tests.servers import Postgres, _programs
from tests.service.conftest import Made, versions  # noqa: F401 - a fixture

pytestmark = pytest.mark.rehearsal
GATEWAY = "10.88.0.1"  # of podman's own network, where servers of this machine listen
NAME = "storecast-service"
# As a program in the container sees itself.
SEEN = """
import os, pathlib, re
status = pathlib.Path("/proc/1/status").read_text()
print(os.getuid(), os.getgid(), *(re.search(rf"{name}:\\s*(\\S+)", status)[1] for name in
      ("Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")))
home = "/var/lib/storecast"
for folder in ("/", "/usr", "/opt/storecast", "/run", "/run/secrets", "/run/tls", f"{home}/releases",
               f"{home}/trust", home, f"{home}/spool", "/tmp"):
    try:
        pathlib.Path(folder, "x").write_text("x")
    except OSError:
        print("refused", folder)
    else:
        pathlib.Path(folder, "x").unlink()
        print("written", folder)
"""


class PodsPostgres(Postgres):
    """PostgreSQL by the name and password of the overlay's secret, on the pods' network."""

    def __init__(self, folder: Path, url: str) -> None:
        user = pwd.getpwnam("postgres")
        owner: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        programs, parts = _programs(), urlsplit(url)
        super().__init__(folder, programs, owner)
        assert parts.username
        assert parts.password
        assert parts.port
        self.port, self._at = parts.port, url.replace(f"@{parts.hostname}:", f"@{GATEWAY}:")
        (folder / "word").write_text(parts.password)
        for path in (folder, folder / "word"):
            os.chown(path, user.pw_uid, user.pw_gid)
        made = [str(programs / "initdb"), "-D", str(folder / "data"), "--no-sync", "-U", parts.username]
        made += [f"--pwfile={folder / 'word'}", "--auth-local=trust", "--auth-host=scram-sha-256"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **owner)
        with open(folder / "data" / "pg_hba.conf", "a", encoding="utf-8") as rules:
            rules.write("host all all 10.88.0.0/16 scram-sha-256\n")
        self._command = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder)]
        self._command += ["-c", "fsync=off", "-h", GATEWAY, "-p", str(self.port)]

    def answers(self) -> bool:
        done = subprocess.run(["pg_isready", "-q", "-h", GATEWAY, "-p", str(self.port)], check=False)
        return done.returncode == 0

    def make_database(self) -> None:
        """The one that the URL names."""
        with psycopg.connect(self._at.replace("/storecast?", "/postgres?"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE storecast")

    def logged(self) -> Counter[str]:
        """How often each request's number is in the forecast log."""
        with psycopg.connect(self._at, connect_timeout=5) as connection:
            return Counter(
                dict(connection.execute("SELECT request, count(*) FROM forecasts GROUP BY 1").fetchall())
            )


def shown(pod: Pod) -> int:
    """The number of the certificate that a new caller is shown, whoever signed it."""
    trust = ssl._create_unverified_context()
    with (
        socket.create_connection((pod.address, pod.port("http")), 10) as plain,
        trust.wrap_socket(plain, server_hostname=NAME) as call,
    ):
        return x509.load_der_x509_certificate(call.getpeercert(binary_form=True) or b"").serial_number


@dataclass(frozen=True)
class Cluster:
    """A node with a published version in its claim, a database, and an operator's key."""

    node: Node
    machine: Machine
    postgres: PodsPostgres
    key: str

    def client(self, pod: Pod, key: str = "") -> httpx.Client:
        """A caller of the pod who trusts the authority alone."""
        trust = ssl.create_default_context(cafile=str(self.node.authority.ca))
        headers = {"authorization": f"Bearer {key}"} if key else {}
        url = f"https://{pod.address}:{pod.port('http')}"
        return httpx.Client(base_url=url, verify=trust, trust_env=False, headers=headers, timeout=30)

    def ask(self, pod: Pod) -> str:
        """The number of a request for a forecast that was answered, by the name of the service."""
        with self.client(pod, self.key) as client:
            answer = client.get(
                "/v1/forecasts",
                params={"series": "1", "horizon": 3},
                extensions={"sni_hostname": NAME},
            )
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["forecasts"]) == 3
        return answer.headers["x-request-id"]

    def renew(self, pod: Pod, files: dict[str, bytes]) -> None:
        """Lay another certificate into the volume of the pod, and wait until that shows it."""
        self.node.secrets[f"{NAME}-tls"].put(files)
        number = x509.load_pem_x509_certificate(files["tls.crt"]).serial_number
        self.machine.await_(pod.runs, lambda: shown(pod) == number)

    def await_logged(self, request: str) -> None:
        """Wait until a request is in the database."""
        deadline = time.monotonic() + 60
        while self.postgres.logged()[request] != 1:
            assert time.monotonic() < deadline, self.postgres.logged()
            time.sleep(0.1)


@pytest.fixture(scope="module")
def cluster(
    machine: Machine,
    images: dict[str, str],
    versions: dict[str, Made],  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """The schema is made by the overlay's own Job, and the key in a pod like it."""
    things = render(copied(tmp_path_factory.mktemp("manifests")), "development")
    with ExitStack() as stack:
        folders = []
        for name in ("pods", "postgres"):
            folders.append(Path(tempfile.mkdtemp(prefix=f"storecast-{name}-")))
            folders[-1].chmod(0o755)
            stack.callback(shutil.rmtree, folders[-1], ignore_errors=True)
        stack.callback(machine.clear)
        node = Node(machine, images, things, folders[0], {"postgres": GATEWAY})
        state = node.claim("storecast-state", USER)
        signing = Settings(
            home=folders[0],
            signing_key_file=str(state / "signing" / "key.pem"),
            trust_file=str(state / "trust" / "trusted.json"),
        )
        make_key(signing)
        (state / "releases").mkdir()
        publish_signed(versions["trees"], state / "releases", state / "signing" / "key.pem")
        for path in (state / "trust", *(state / "trust").iterdir()):
            os.chown(path, USER, USER)
        with machine.bridge("podman", GATEWAY):
            postgres = PodsPostgres(folders[1], node.content(_secret(things))["storecast_log_url"].decode())
            stack.callback(postgres.stop)
            postgres.start()
            postgres.make_database()
            node.job("storecast-migrate")
            said = node.job("storecast-migrate", "keys", "issue", "--role", "operator", "--name", "Ann")
            yield Cluster(node, machine, postgres, said.split()[-1])


def _secret(things: list[Any]) -> str:
    """The service's secret: its name carries a hash."""
    (found,) = [
        thing["metadata"]["name"]
        for thing in things
        if thing["kind"] == "Secret" and re.fullmatch(rf"{NAME}-\w+", thing["metadata"]["name"])
    ]
    return str(found)


@pytest.fixture
def pod(cluster: Cluster) -> Iterator[Pod]:
    """The service's pod, ready."""
    played = cluster.node.deployment(NAME)
    played.await_ready()
    yield played
    cluster.machine.podman("pod", "rm", "--force", "--time=0", played.name, check=False)


def test_the_pod_serves_is_closed_and_ends_kindly(cluster: Cluster, pod: Pod) -> None:
    """Ready by the manifest's probe, it answers over TLS by the service's name, whoever has a key; as nobody
    in particular, without a privilege, writing to its volumes alone, within its limits; what it answered is
    in the database; told to end it drains and ends with 0 in time."""
    assert pod.url("readinessProbe") == f"https://{pod.address}:8000/readyz"
    assert pod.ready("livenessProbe")
    with cluster.client(pod) as stranger:
        asked = {"params": {"series": "1"}, "extensions": {"sni_hostname": NAME}}
        assert stranger.get("/v1/forecasts", **asked).status_code == 401  # type: ignore[arg-type]
    with (
        cluster.client(pod) as stranger,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        stranger.get("/v1/forecasts", extensions={"sni_hostname": "another-service"})
    with pytest.raises(httpx.TransportError):
        httpx.get(pod.url("readinessProbe").replace("https", "http"), trust_env=False)
    cluster.await_logged(cluster.ask(pod))
    first, *lines = pod.python(SEEN).splitlines()
    assert first.split() == [str(USER), str(USER), str(USER), "0" * 16, "0" * 16, "1", "2"]
    assert {line.split()[1] for line in lines if line.startswith("written")} == {
        "/var/lib/storecast",
        "/var/lib/storecast/spool",
        "/tmp",
    }
    limits = cluster.machine.inspect(pod.runs)["HostConfig"]
    assert pod.container["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
    assert (limits["Memory"], limits["CpuQuota"] / limits["CpuPeriod"]) == (512 << 20, 1.0)
    begun = time.monotonic()
    assert pod.stop() == 0
    assert time.monotonic() - begun < pod.spec["terminationGracePeriodSeconds"]
    logged = cluster.machine.logs(pod.runs)
    assert logged.index('"draining"') < logged.index('"ended"')


def test_what_a_lost_pod_has_answered_is_entered_by_the_next(cluster: Cluster, pod: Pod) -> None:
    """While the database is away it answers from the claim's spool; the node is lost, and the next pod, with
    nothing of the first but the claim, starts meanwhile, knows the key, and enters the answer, once."""
    cluster.await_logged(cluster.ask(pod))
    cluster.postgres.stop(signal.SIGQUIT)
    request = cluster.ask(pod)
    assert pod.ready()
    cluster.machine.podman("pod", "rm", "--force", "--time=0", pod.name)
    other = cluster.node.deployment(NAME)
    other.await_ready()
    second = cluster.ask(other)
    cluster.postgres.start()
    cluster.await_logged(request)
    cluster.await_logged(second)
    assert set(cluster.postgres.logged().values()) == {1}


def test_a_renewed_certificate_needs_no_new_pod(cluster: Cluster, pod: Pod) -> None:
    """When cert-manager renews it and the kubelet lays it into the volume, the pod shows the new one."""
    before = shown(pod)
    cluster.renew(pod, cluster.node.issue(f"{NAME}-tls"))
    assert shown(pod) != before
    cluster.ask(pod)


def test_the_web_app_asks_the_service_over_tls(cluster: Cluster, pod: Pod) -> None:
    """Its pod, beside the service's, is ready by its own probe; it does not believe a service of another
    authority, and takes a key that the service knows once that shows the right certificate."""
    right, other = cluster.node.issue(f"{NAME}-tls"), cluster.node.folder / "other"
    other.mkdir()
    wrong = Authority(other).issue(NAME)
    cluster.renew(pod, {"tls.crt": wrong.certificate.read_bytes(), "tls.key": wrong.key.read_bytes()})
    cluster.node.aliases[NAME] = pod.address
    web = cluster.node.deployment("storecast-webapp")

    def sign_in(key: str) -> int:
        with cluster.client(web) as browser:
            extensions = {"sni_hostname": "storecast-webapp"}
            return browser.post("/app/signin", data={"key": key}, extensions=extensions).status_code

    try:
        web.await_ready()
        assert web.url("readinessProbe").startswith("https://")
        assert sign_in(cluster.key) == 503
        cluster.renew(pod, right)
        assert (sign_in(cluster.key), sign_in("sc_wrong")) == (303, 401)
        assert web.stop() == 0
    finally:
        cluster.node.secrets[f"{NAME}-tls"].put(right)
        cluster.machine.podman("pod", "rm", "--force", "--time=0", web.name, check=False)
