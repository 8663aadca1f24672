"""Containers as compose.yaml describes them, run by podman; servers of other makers stand in as processes.

Images of PostgreSQL, Redis and nginx cannot be had without a registry. nginx is built of Debian's package
into an image of the same kind; PostgreSQL and Redis run as processes on the containers' network, with the
configuration, secrets and certificates that compose.yaml gives them.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Any

import psycopg

from tests.deploy.merging import merged
from tests.deploy.podman import BASE, Machine, podman
from tests.needs import ROOT, require
from tests.servers import Postgres, Redis, Server

__all__ = ["GATEWAY", "Composed", "EncryptedPostgres", "EncryptedRedis", "Store", "nginx_image"]

# The addresses of compose.yaml's network between nginx and what it asks.
NETWORK, SUBNET, GATEWAY = "storecast", "172.28.10.0/24", "172.28.10.1"
PORT = 5432
CONF = ROOT / "deploy" / "compose"
_VARIABLES = {"STORECAST_VERSION": "0.0.0", "STORECAST_DOMAIN": "localhost"}
_NGINX = """FROM {base}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx-light curl >/dev/null \
 && rm -rf /var/lib/apt/lists/*
USER 33:33
ENTRYPOINT ["nginx", "-g", "daemon off;"]
"""


def nginx_image() -> str:
    """nginx of Debian on the base of the other images, without root."""
    name = "localhost/storecast-nginx-stand-in:bookworm"
    if not podman("images", "-q", name).strip():
        certificates = "/etc/ssl/certs"
        flags = ["--isolation", "chroot", "--format", "docker", "--network", "host", "--pull=never"]
        file = ROOT / "build" / "images" / "nginx.Dockerfile"
        file.write_text(_NGINX.format(base=BASE))
        where = [*flags, "-v", f"{certificates}:{certificates}:ro", "-t", name, "-f", str(file), str(CONF)]
        podman("build", *where)
    return name


class EncryptedPostgres(Postgres):
    """PostgreSQL with compose.yaml's configuration, on the containers' network."""

    def __init__(self, folder: Path, programs: Path, secrets: Path) -> None:
        user = pwd.getpwnam("postgres")
        self.owner: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        super().__init__(folder, programs, self.owner)
        self.port, self._secrets, self._folder = PORT, secrets, folder
        for name in ("postgresql.conf", "pg_hba.conf"):
            (folder / name).write_bytes((CONF / name).read_bytes())
        for name in ("postgres.crt", "postgres.key", "log_password", "mlflow_password"):
            (folder / name).write_bytes((secrets / name).read_bytes())
            os.chown(folder / name, user.pw_uid, user.pw_gid)
            (folder / name).chmod(0o600)
        os.chown(folder, user.pw_uid, user.pw_gid)
        initdb: list[str] = [
            str(programs / "initdb"),
            "-D",
            str(folder / "data"),
            "-U",
            "postgres",
            "--no-sync",
            "--data-checksums",
        ]
        subprocess.run(
            [*initdb, "--auth-local=peer", "--auth-host=scram-sha-256"],
            check=True,
            capture_output=True,
            cwd=folder,
            **self.owner,
        )
        places = {
            "hba_file": "pg_hba.conf",
            "ssl_cert_file": "postgres.crt",
            "ssl_key_file": "postgres.key",
            "unix_socket_directories": "",
        }
        self._command = [str(programs / "postgres"), "-D", str(folder / "data"), "-c", "fsync=off"]
        self._command += ["-c", f"config_file={folder / 'postgresql.conf'}"]
        for setting, name in places.items():
            self._command += ["-c", f"{setting}={folder / name if name else folder}"]

    def answers(self) -> bool:
        done = subprocess.run(["pg_isready", "-q", "-h", GATEWAY, "-p", str(PORT)], check=False)
        return done.returncode == 0

    def make_databases(self, **environment: str) -> None:
        """As the image does on an empty volume, or as whom and where ``environment`` says."""
        text = (CONF / "databases.sh").read_text(encoding="utf-8")
        for there, here in (("/run/secrets", self._folder), ("/etc/storecast", CONF)):
            text = text.replace(there, str(here))
        owner: dict[str, Any] = {} if environment else self.owner
        done = subprocess.run(
            ["sh", "-c", text],
            env=os.environ | {"PGHOST": str(self._folder)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd="/",
            **owner,
        )
        assert done.returncode == 0, done.stdout

    def by_hand(self, statement: str) -> None:
        """Done by the one who owns it all."""
        command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self._folder), "-U", "postgres"]
        subprocess.run([*command, "-c", statement], check=True, capture_output=True, cwd="/", **self.owner)

    def connect(self, name: str) -> psycopg.Connection[Any]:
        """A connection by the URL that the services use, from this machine."""
        url = (self._secrets / name).read_text().replace("+psycopg", "")
        url = url.replace("/run/secrets", str(self._secrets))
        return psycopg.connect(url, hostaddr=GATEWAY, connect_timeout=5)


class EncryptedRedis(Redis):
    """Redis with compose.yaml's configuration, on the containers' network, by its ``name`` and a certificate
    of the one whose file among the secrets is ``authority``."""

    def __init__(self, folder: Path, secrets: Path, name: str, authority: str) -> None:
        super().__init__(folder)
        self._secrets, self._name, self._authority = secrets, name, authority
        self._command = [self._command[0], str(CONF / "redis.conf"), "--dir", str(folder)]
        for setting, name in (
            ("tls-cert-file", "redis.crt"),
            ("tls-key-file", "redis.key"),
            ("tls-ca-cert-file", "ca.crt"),
            ("aclfile", "redis_users"),
        ):
            self._command += [f"--{setting}", str(secrets / name)]

    def call(self, *words: str, password: str = "") -> str:
        """What redis-cli prints."""
        login = ["--user", "storecast", "--pass", password, "--no-auth-warning"] if password else []
        tls = ["--tls", "--cacert", str(self._secrets / self._authority), "--sni", self._name]
        done = subprocess.run(
            [require("redis-cli", "redis-server"), *tls, "-h", GATEWAY, *login, *words],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout + done.stderr

    def answers(self) -> bool:
        return bool(re.search("NOAUTH|PONG", self.call("ping")))


class Store(Server):
    """The S3-compatible store with compose.yaml's ``arguments``, on the containers' network."""

    def __init__(self, folder: Path, secrets: Path, arguments: Sequence[str]) -> None:
        (folder / "data").mkdir()
        self._secrets = secrets
        places = {"/data": str(folder / "data"), "/run/secrets": str(secrets), "-ip=s3": f"-ip={GATEWAY}"}
        words = [reduce(lambda word, place: word.replace(*place), places.items(), word) for word in arguments]
        super().__init__(folder, [str(Path(sys.executable).with_name("weed")), *words])

    def client(self, secret: str = "") -> Any:
        """boto3's, which trusts the root alone; another ``secret`` than the right one where it is given."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            # by the name in the certificate, which this machine does not know: the address stands for it
            endpoint_url=f"https://{GATEWAY}:8333",
            aws_access_key_id=(self._secrets / "s3_key").read_text(),
            aws_secret_access_key=secret or (self._secrets / "s3_secret").read_text(),
            region_name="us-east-1",
            verify=False,
            config=Config(retries={"max_attempts": 1}, proxies={}),
        )

    def answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(2)
            return probe.connect_ex((GATEWAY, 8333)) == 0

    def count(self, prefix: str) -> int:
        """How many objects there are."""
        return int(
            self._quiet(lambda: self.client().list_objects_v2(Bucket="storecast", Prefix=prefix))["KeyCount"]
        )

    def refuses(self, secret: str) -> bool:
        """Whether who signs with another secret is turned away."""
        from botocore.exceptions import ClientError

        try:
            self._quiet(lambda: self.client(secret).list_objects_v2(Bucket="storecast"))
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "SignatureDoesNotMatch")
        return False

    @staticmethod
    def _quiet(call: Callable[[], Any]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the certificate's name is not looked at
            return call()


class Composed:
    """``run(NAME)`` starts a service of compose.yaml on ``machine``, under its name.

    ``images``: by target; ``others``: image of a service that is not ours; ``places``: folders instead of
    named volumes; ``files``: further ones beside compose.yaml; ``hosts``: names of servers that stand in.
    """

    def __init__(
        self,
        machine: Machine,
        images: dict[str, str],
        secrets: Path,
        places: dict[str, Path],
        others: dict[str, str],
        files: Sequence[Path],
        hosts: Sequence[str],
    ) -> None:
        text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
        text = re.sub(r"(?<!\$)\$\{(\w+):-([^}]*)\}", r"\2", text)
        text = re.sub(r"(?<!\$)\$\{(\w+):\?[^}]*\}", lambda found: _VARIABLES[found[1]], text)
        found = merged(text.replace("$$", "$"), *files)
        self.services: dict[str, dict[str, Any]] = found["services"]
        self._hosts = hosts
        self._machine, self._images, self._secrets = machine, images, secrets
        self._places, self._others = places, others

    @classmethod
    @contextmanager
    def network(cls, machine: Machine) -> Iterator[None]:
        """The containers' network, and this thread on it inside the block."""
        machine.podman("network", "create", "--subnet", SUBNET, "--gateway", GATEWAY, NETWORK)
        with machine.bridge(NETWORK, GATEWAY):
            yield

    def _options(self, name: str) -> list[str]:
        service = self.services[name]
        limits = service["deploy"]["resources"]["limits"]
        options = [
            f"--network={service.get('network_mode', NETWORK)}",
            "--read-only",
            "--read-only-tmpfs=false",
            "--log-driver=k8s-file",
        ]
        options += [f"--cap-drop={cap}" for cap in service["cap_drop"]]
        options += [f"--cap-add={cap}" for cap in service.get("cap_add", [])]
        options += ["--security-opt=no-new-privileges", f"--memory={limits['memory'].lower()}"]
        options += [f"--cpus={limits['cpus']}", f"--pids-limit={limits['pids']}"]
        if "network_mode" not in service:
            options += [f"--add-host={host}:{GATEWAY}" for host in self._hosts]
        options += [f"--env={key}={value}" for key, value in service.get("environment", {}).items()]
        options += [f"--tmpfs={place.replace(':', ':rw,', 1)}" for place in service["tmpfs"]]
        networks = service.get("networks", [])
        if isinstance(networks, dict) and "front" in networks:
            options.append(f"--ip={networks['front']['ipv4_address']}")
        options += ["--init"] if service.get("init") else []
        check = service.get("healthcheck", {}).get("test", [""])
        options += [f"--health-cmd={json.dumps(check[1:])}"] if check[0] == "CMD" else []
        for secret in service.get("secrets", []):
            options.append(f"--volume={self._secrets / secret}:/run/secrets/{secret}:ro")
        for volume in service.get("volumes", []):
            what, rest = volume.split(":", 1)
            place = self._places.get(what, (ROOT / what).resolve() if what.startswith("./") else what)
            options.append(f"--volume={place}:{rest}")
        return options

    def run(self, name: str, *more: str, wait: bool = False, words: Sequence[str] | None = None) -> str:
        """Start it, or run it to its end with ``wait``, whose output is given.

        ``more``: further options of podman; ``words``: another command, after the image's entrypoint.
        """
        service = self.services[name]
        ours = re.search(r"storecast-(\w+):", service["image"])
        image = self._images[ours[1]] if ours else self._others[name]
        command = [str(word) for word in (service.get("command", []) if words is None else words)]
        entry: list[str] = []
        if "entrypoint" in service and words is None:
            first, *rest = service["entrypoint"]
            entry, command = ["--entrypoint", first], [*rest, *command]
        kept = ["--rm"] if wait else ["--detach"]
        options = [f"--name={name}", *kept, *self._options(name), *more, *entry]
        return self._machine.podman("run", *options, image, *command)
