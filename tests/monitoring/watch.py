"""Prometheus, Alertmanager, the node exporter and whoever is told, on the repository's own configuration.

Only waits are shortened, by one rule and nothing else: a minute of the configuration is a second here
(``hastened``: each ``for``, each window in brackets, each wait of Alertmanager's groups). Prometheus looks
every second. Addresses are those of this machine, and the receivers, which have none, get the webhook's.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.needs import ROOT, require
from tests.servers import Server, free_port

__all__ = ["Told", "Watch", "hastened", "watching"]

_OWN = ROOT / "monitoring"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FASTER = 60
_WAIT = re.compile(r"(?:(?<=for: )|(?<=\[)|(?<=_wait: )|(?<=_interval: ))(\d+)([smhd])(?=\]|$)", re.MULTILINE)


def _faster(found: re.Match[str]) -> str:
    return f"{int(found[1]) * _SECONDS[found[2]] * 1000 // _FASTER}ms"


def hastened(text: str) -> str:
    """Rules, or Alertmanager's settings, with each wait and window 60 times shorter."""
    return _WAIT.sub(_faster, text)


class _Web(Server):
    """A server that is there when ``path`` answers."""

    def __init__(self, folder: Path, port: int, path: str, command: Sequence[object]) -> None:
        folder.mkdir()
        self.port, self._path = port, path
        super().__init__(folder, [str(word) for word in command])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}{self._path}", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@dataclass(frozen=True)
class Told:
    """One alert as a receiver was told of it; ``status``: firing or resolved."""

    receiver: str
    status: str
    alert: str
    labels: dict[str, str]
    annotations: dict[str, str]


class _Receiver(ThreadingHTTPServer):
    """A webhook: writes down what it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.told: list[Told] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"

    @contextmanager
    def listening(self) -> Iterator[None]:
        thread = threading.Thread(target=self.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


class _Call(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["content-length"])))
        for alert in said["alerts"]:
            name = alert["labels"]["alertname"]
            told = Told(said["receiver"], alert["status"], name, alert["labels"], alert["annotations"])
            self.server.told.append(told)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: what was told is looked at."""


@dataclass(frozen=True)
class Watch:
    """What watches: ``told`` grows as the webhook is called."""

    prometheus: str
    told: list[Told]

    def ask(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus answers to a query at this moment."""
        address = f"http://{self.prometheus}/api/v1/query"
        reply = httpx.get(address, params={"query": query}, trust_env=False, timeout=30)
        answer = reply.json()
        assert answer["status"] == "success", (query, answer)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def heard(self) -> str:
        """All that was said, for who reads why a test failed."""
        return "\n".join(f"{told.status} {told.alert} {told.labels}" for told in self.told)

    def last(self, alert: str, **labels: str) -> Told | None:
        """What was said last of an alert with these labels."""
        said = [t for t in self.told if t.alert == alert and labels.items() <= t.labels.items()]
        return said[-1] if said else None

    def ringing(self) -> set[tuple[str, ...]]:
        """The alerts, each with its labels, whose end was not told yet."""
        last = {(told.alert, *map("=".join, sorted(told.labels.items()))): told.status for told in self.told}
        return {alert for alert, status in last.items() if status == "firing"}

    def says(self, status: str, alert: str, **labels: str) -> bool:
        """Whether that was ``status``."""
        last = self.last(alert, **labels)
        return last is not None and last.status == status


def _prometheus_settings(folder: Path, services: Sequence[str], key: str, others: dict[str, str]) -> None:
    """The repository's, with the addresses of this machine; what is not here is not asked."""
    settings = yaml.safe_load((_OWN / "prometheus" / "prometheus.yml").read_text())
    settings["global"] = dict.fromkeys(settings["global"], "1s")
    targets = others | {"storecast": ""}
    jobs = [job for job in settings["scrape_configs"] if job["job_name"] in targets]
    for job in jobs:
        at = list(services) if job["job_name"] == "storecast" else [others[job["job_name"]]]
        job["static_configs"] = [{"targets": at}]
        job.pop("scheme", None)  # these listen on this machine alone, without TLS
        job.pop("tls_config", None)
    settings["scrape_configs"] = jobs
    settings["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [others["alertmanager"]]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    for name in ("keys", "rules"):
        (folder / name).mkdir()
    (folder / "keys" / "metrics").write_text(key)
    for path in (_OWN / "prometheus" / "rules").glob("*.yml"):
        if path.name == "host.yml":  # how full the machine of the tests is, is no matter of theirs
            continue
        (folder / "rules" / path.name).write_text(hastened(path.read_text()))


def _alertmanager_settings(path: Path, url: str) -> None:
    """The repository's, with the webhook for each receiver but nobody."""
    settings = yaml.safe_load(hastened((_OWN / "alertmanager" / "alertmanager.yml").read_text()))
    for receiver in settings["receivers"]:
        if receiver["name"] != "nobody":
            receiver["webhook_configs"] = [{"url": url}]
    path.write_text(yaml.safe_dump(settings))


@contextmanager
def watching(folder: Path, services: Sequence[str], key: str) -> Iterator[Watch]:
    """All of it, watching ``services`` (host:port) with ``key``, a reader's."""
    programs = {
        "alertmanager": require("prometheus-alertmanager", "prometheus-alertmanager"),
        "node": require("prometheus-node-exporter", "prometheus-node-exporter"),
        "prometheus": require("prometheus", "prometheus"),
    }
    ports = {name: free_port() for name in programs}
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    folder.mkdir()
    receiver = _Receiver()
    _prometheus_settings(folder, services, key, addresses)
    _alertmanager_settings(folder / "alertmanager.yml", receiver.url)
    words: dict[str, tuple[str, list[object]]] = {
        "node": ("/", []),
        "alertmanager": (
            "/-/ready",
            [
                f"--config.file={folder / 'alertmanager.yml'}",
                "--storage.path=data",
                "--cluster.listen-address=",
            ],
        ),
        "prometheus": (
            "/-/ready",
            [
                f"--config.file={folder / 'prometheus.yml'}",
                "--storage.tsdb.path=data",
                "--rules.alert.resend-delay=1s",
            ],
        ),
    }
    with ExitStack() as stack:
        stack.enter_context(receiver.listening())
        for name, (path, more) in words.items():
            command = [programs[name], f"--web.listen-address={addresses[name]}", *more]
            server = _Web(folder / name, ports[name], path, command)
            stack.callback(server.stop)
            server.start()
        yield Watch(addresses["prometheus"], receiver.told)
