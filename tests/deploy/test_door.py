"""compose.yaml's nginx before real services over TLS: who is asked, and how certificates are renewed."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from storecast.service.security import new_key
from storecast.settings import Settings
from storecast.wiring.serving import key_table
from tests.certificates import Authority
from tests.load import Load, Question
from tests.needs import ROOT, require
from tests.published import content, fitted
from tests.serve_process import Serving, await_, promoted, register
from tests.servers import Server, free_port

QUESTION = Question("/v1/forecasts?series=s000&horizon=2")


class Nginx(Server):
    """Of Debian's, with the configuration of compose.yaml but for addresses and folders."""

    def __init__(self, folder: Path, secrets: Path, services: list[int]) -> None:
        self.door, self.inside, self._plain = free_port(), free_port(), free_port()
        scratch = folder / "scratch"
        scratch.mkdir()
        text = (ROOT / "deploy" / "compose" / "nginx.conf").read_text(encoding="utf-8")
        places = {
            "/tmp/": f"{scratch}/",
            "/run/secrets/": f"{secrets}/",
            "service-1:8000": f"127.0.0.1:{services[0]}",
            "service-2:8000": f"127.0.0.1:{services[1]}",
            "webapp:8501": "127.0.0.1:9",
            "grafana:3000": "127.0.0.1:9",
            "listen 8443": f"listen 127.0.0.1:{self.door}",
            "listen 8000": f"listen 127.0.0.1:{self.inside}",
            "listen 8080": f"listen 127.0.0.1:{self._plain}",
        }
        for place, here in places.items():
            assert place in text, place
            text = text.replace(place, here)
        (folder / "nginx.conf").write_text(text)
        user = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
        program = str(require("nginx", "nginx"))
        super().__init__(folder, [program, "-c", f"{folder}/nginx.conf", "-g", user])

    def answers(self) -> bool:
        try:
            health = httpx.get(f"http://127.0.0.1:{self._plain}/_health", trust_env=False)
        except httpx.TransportError:
            return False
        return health.status_code == 204

    def reload(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)


@dataclass(frozen=True)
class Shop:
    """Two services behind nginx; ``key`` is an operator's."""

    nginx: Nginx
    services: list[Serving]
    secrets: Path
    key: str

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.secrets / "ca.crt"))

    def status(self) -> int:
        """What a caller at the door is answered."""
        url = f"https://localhost:{self.nginx.door}{QUESTION.path}"
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.get(url, headers=headers, verify=self.trust, trust_env=False, timeout=30).status_code

    def renewed(self, times: int) -> None:
        """Wait until each service has taken its ``times``-th new certificate."""
        for one in self.services:
            await_(lambda one=one: one.events().count("certificate renewed") == times, one.written)  # type: ignore[misc]

    def number(self, port: int, name: str) -> int:
        """Of the certificate by which whoever listens proves to be ``name``."""
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            self.trust.wrap_socket(plain, server_hostname=name) as call,
        ):
            return x509.load_der_x509_certificate(call.getpeercert(binary_form=True) or b"").serial_number


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """With the secrets that `make secrets` makes."""
    require("openssl", "openssl")
    secrets, home = tmp_path / "secrets", tmp_path / "home"
    subprocess.run([ROOT / "tools" / "secrets", secrets], check=True, capture_output=True)
    promoted(home, register(home, content(fitted())))
    token, key = new_key("Ann", "operator", now=time.time_ns() // 1000)
    key_table(Settings(home=home)).issue(key)
    files = {"STORECAST_TLS_CERT_FILE": str(secrets / "service.crt")}
    files["STORECAST_TLS_KEY_FILE"] = str(secrets / "service.key")
    with ExitStack() as stack:
        services = [
            stack.enter_context(Serving(home, "--no-follow", wait="listening", **files)) for _ in range(2)
        ]
        nginx = Nginx(tmp_path, secrets, [int(one.url.rpartition(":")[2]) for one in services])
        stack.callback(nginx.stop, signal.SIGTERM)
        nginx.start()
        found = Shop(nginx, services, secrets, token)
        await_(lambda: found.status() == 200, services[0].written)
        yield found


def test_who_cannot_be_verified_is_not_asked(shop: Shop, tmp_path: Path) -> None:
    """Services with a certificate of another authority get no request of nginx'; with their own they do."""
    files = [shop.secrets / f"service.{kind}" for kind in ("crt", "key")]
    own = [file.read_bytes() for file in files]
    stranger = [file.read_bytes() for file in Authority(tmp_path, "stranger").issue("service", "localhost")]
    for times, contents, expected in ((1, stranger, 502), (2, own, 200)):
        for file, text in zip(files, contents, strict=True):
            file.chmod(0o600)
            file.write_bytes(text)
        shop.renewed(times)
        shop.nginx.reload()  # connections that are open were verified when they were made
        await_(lambda: shop.status() == expected)  # noqa: B023


def test_certificates_are_renewed_under_load(shop: Shop) -> None:
    """`make secrets RENEW=yes` and a reload of nginx: all show new ones, and not one request fails."""
    names = {shop.nginx.door: "localhost", shop.nginx.inside: "nginx"}
    names |= {int(one.url.rpartition(":")[2]): "service-1" for one in shop.services}

    def numbers() -> list[int]:
        return [shop.number(port, name) for port, name in names.items()]

    before, headers = numbers(), f"authorization: Bearer {shop.key}\r\n"
    load = Load(shop.nginx.door, [QUESTION], 8, headers=headers, pause=0.1, tls=shop.trust, looks=True)
    with load:
        load.more(50)
        command = [ROOT / "tools" / "secrets", shop.secrets]
        subprocess.run(command, env={**os.environ, "RENEW": "yes"}, check=True, capture_output=True)
        shop.renewed(1)
        shop.nginx.reload()
        await_(lambda: all(old != new for old, new in zip(before, numbers(), strict=True)))
        load.more(100)
    assert (load.broken, load.refused) == ({}, [])
