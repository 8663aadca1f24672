"""compose.yaml, read: nothing is published, privileged, unlimited, unpinned or without a file by accident."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from storecast.stores.backups.sealed import read_backup_key
from tests.deploy.merging import merged
from tests.needs import ROOT, require

TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
SYSTEM: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = SYSTEM["services"]
OURS = re.compile(r"^\$\{STORECAST_IMAGES:-storecast\}-(service|webapp|jobs):\$\{STORECAST_VERSION:\?.+\}$")
PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.]+)?$")
ONCE = {name for name, service in SERVICES.items() if str(service["restart"]).startswith("on-failure")}
SECRETS = "${STORECAST_SECRETS_FOLDER:-./deploy/compose/secrets}/"
PAGES = [
    page
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    if re.search("compose (run|exec) ", page.read_text(encoding="utf-8"))
]
# Programs alone, without a shell or any other: nothing could look from inside.
BLIND = {"collector"}
# Whoever begins as root to become somebody else, or to give a volume away.
MAY = {"postgres": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}, "s3-folder": {"CHOWN"}}


def mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, where) of each volume, with the variables' defaults in place."""
    plain = [re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", volume) for volume in service.get("volumes", [])]
    return [(volume.split(":")[0], volume.split(":")[1]) for volume in plain]


def bytes_of(memory: str) -> int:
    return int(memory[:-1]) << {"M": 20, "G": 30}[memory[-1]]


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_is_pinned_limited_and_hardened(name: str) -> None:
    """An image by version, a ceiling of memory, processors and processes, no privilege it does not need, a
    read-only root filesystem, logs that end, and a check of its health where it stays."""
    service = SERVICES[name]
    assert OURS.match(service["image"]) or PINNED.match(service["image"])
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= limits.keys()
    assert 64 << 20 <= bytes_of(limits["memory"]) <= 3 << 30
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", [])) == MAY.get(name, set())
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    check = service.get("healthcheck", {})
    assert ("test" in check) == (name not in ONCE | BLIND)


def test_one_door() -> None:
    """nginx alone is published; databases and stores are on a network that leads nowhere."""
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    inside = {name for name, network in SYSTEM["networks"].items() if (network or {}).get("internal")}
    assert inside == {"front", "back", "watch"}
    outside = {name for name, s in SERVICES.items() if set(s.get("networks", [])) - inside}
    assert outside == {"nginx", "alertmanager"}
    for name in ("postgres", "redis", "s3", "mlflow"):
        assert SERVICES[name]["networks"] == ["back"]
    assert "back" not in SERVICES["nginx"]["networks"]
    assert set(SERVICES["webapp"]["networks"]) == {"front"}
    # On nginx' network each has its own address: a container made anew must be found where the old one was.
    front = [
        s["networks"]["front"]["ipv4_address"] for s in SERVICES.values() if "front" in s.get("networks", [])
    ]
    assert len(set(front)) == len(front) == 5
    assert [name for name, s in SERVICES.items() if s.get("network_mode") not in (None, "none")] == []


BESIDE = {
    "database": ({"storecast_log_url", "mlflow_database_url"}, "postgres"),
    "cache": ({"storecast_redis_url"}, "redis"),
}


@pytest.mark.parametrize("files", [("database",), ("cache",), ("database", "cache")])
def test_what_stands_beside_this_machine_is_reached_and_waited_for_by_nobody(files: tuple[str, ...]) -> None:
    """Of compose's own nothing is left in use: who asks the other machine has a way out and trusts its
    authority, nothing that starts waits for what does not, and all else is as it was."""
    system = merged(TEXT, *(ROOT / "deploy" / "compose" / f"{name}.yaml" for name in files))
    services = system["services"]
    left_out = {BESIDE[name][1] for name in files}
    assert {name for name in left_out if services[name]["profiles"] == ["own"]} == left_out
    starting = {name for name, service in services.items() if "profiles" not in service}
    assert starting == SERVICES.keys() - left_out
    for name in starting:
        assert (
            set(services[name].get("depends_on", {})) == set(SERVICES[name].get("depends_on", {})) - left_out
        )
        before, after = set(SERVICES[name].get("networks", [])), set(services[name].get("networks", []))
        secrets = set(services[name].get("secrets", []))
        asks = [what for what in files if _asks(name, what)]
        assert after - before == ({"out"} if asks else set()), name
        assert ("databases.crt" in secrets) == ("database" in asks), name
        for key in services[name].keys() - {"depends_on", "networks", "secrets"}:
            assert services[name][key] == SERVICES[name][key], (name, key)
    assert {secret for service in services.values() for secret in service.get("secrets", [])} == set(
        system["secrets"]
    )
    assert all(value["file"] == f"{SECRETS}{name}" for name, value in system["secrets"].items())


def _asks(name: str, what: str) -> bool:
    """Whether a service asks: of those with the address of the cache the two that answer requests."""
    named = set(SERVICES[name].get("secrets", [])) & BESIDE[what][0]
    return bool(named) and (what == "database" or name.startswith("service-"))


def test_who_makes_the_databases_is_hardened_too() -> None:
    """It runs once, by hand, without root and with no more than it needs."""
    service = merged(TEXT, ROOT / "deploy" / "compose" / "database.yaml")["services"]["databases"]
    assert service["image"] == SERVICES["postgres"]["image"]
    assert (service["profiles"], service["read_only"], service["cap_drop"]) == (["once"], True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()
    assert (service["environment"]["PGSSLMODE"], service["networks"]) == ("verify-full", ["out"])
    for what, where in mounts(service):
        assert (ROOT / what).is_file(), what
        assert where.startswith("/etc/storecast/")


def test_what_it_waits_for_is_there() -> None:
    """Each condition fits: who ends is waited for to end, who stays to be healthy; there is no ring."""
    done: set[str] = set()
    waiting = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    while waiting:
        ready = {name for name, needs in waiting.items() if needs <= done}
        assert ready, waiting
        done |= ready
        waiting = {name: needs for name, needs in waiting.items() if name not in ready}
    staying = [service.get("depends_on", {}) for name, service in SERVICES.items() if name not in ONCE]
    assert {
        name for name in ONCE if not any(name in needs for needs in staying)
    } == set()  # `up --wait` would fail
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how == {"condition": wanted}


def test_every_file_and_volume_is_there() -> None:
    """What is mounted lies in the repository, read-only; each named volume is declared and used."""
    used = set()
    for service in SERVICES.values():
        for what, where in mounts(service):
            if what.startswith("./") and where != "/data":
                assert (ROOT / what).exists(), what
            elif not what.startswith(("/", "./")):
                used.add(what)
        for volume in service.get("volumes", []):
            if volume.startswith(("./", "/", "${")):
                assert volume.split(":")[-1].split(",")[0] == "ro", volume
    assert used == set(SYSTEM["volumes"])


def test_secrets_are_files_and_no_credential_is_written_here(tmp_path: Path) -> None:
    """Each is used and made by the script; what is set by name in the environment is none."""
    used = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert used == set(SYSTEM["secrets"])
    assert {name: secret["file"] for name, secret in SYSTEM["secrets"].items()} == {
        n: SECRETS + n for n in used
    }
    require("openssl", "openssl")
    subprocess.run([ROOT / "tools" / "secrets", tmp_path], check=True, capture_output=True)
    assert used <= {path.name for path in tmp_path.iterdir()}
    assert read_backup_key(str(tmp_path / "backup_key")) is not None
    words = re.compile(r"password|secret|token|key$", re.IGNORECASE)
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not words.search(name) or str(value).startswith("/run/secrets/"), name
    assert not re.search(r"://[^/\s]+:[^@\s]+@", TEXT)


def test_variables_have_a_default_or_are_asked_for() -> None:
    """`${NAME}` alone would be empty without a word; the example names each that may be set, and no other."""
    variables = set(re.findall(r"(?<!\$)\$\{(\w+)[^}]*\}", TEXT))
    assert re.findall(r"(?<!\$)\$\{\w+\}", TEXT) == []
    example = (ROOT / "deploy" / "compose" / "env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#?(\w+)=", example, re.MULTILINE)) == variables


def commands() -> list[list[str]]:
    """The words of each call of storecast in compose.yaml."""
    found = [
        service["command"]
        for service in SERVICES.values()
        if OURS.match(service["image"]) and service.get("entrypoint", ["storecast"])[-1] == "storecast"
    ]
    scripts = [
        line
        for service in SERVICES.values()
        for word in service.get("command", [])
        for line in str(word).split("\n")
    ]
    scripts = [line.removeprefix("exec ") for line in scripts]
    found += [line.split(">")[0].split()[1:] for line in scripts if line.startswith("storecast ")]
    unique: list[list[str]] = []
    for words in found:
        if words not in unique:
            unique.append(list(words))
    return unique


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_one(words: list[str]) -> None:
    """The command line knows each, with the options that are used."""
    options = [word for word in words if word.startswith("--")]
    names = words[: next((i for i, word in enumerate(words) if word.startswith("-")), len(words))]
    program = [sys.executable, "-c", "from storecast.cli import main; main()"]
    done = subprocess.run(
        [*program, *names, "--help"],
        env={**os.environ, "COLUMNS": "200", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [option for option in options if option not in done.stdout] == []


@pytest.mark.parametrize(
    ("name", "refused", "then"),
    [
        ("update", "no", ["update /data/sales"]),
        ("monitor", "no", ["monitor --json"]),
        ("update", "yes", []),
        ("monitor", "yes", ["monitor --json"]),
    ],
)
def test_the_clock_takes_actuals_first(name: str, refused: str, then: list[str], tmp_path: Path) -> None:
    """Without them nothing that was forecast is ever judged. Sales that are refused make no version, and do
    not keep what serves from being looked at."""
    program = tmp_path / "storecast"
    program.write_text(
        '#!/bin/sh\necho "$*" >>"$CALLS"\n[ "$1 $REFUSED" != "actuals yes" ]\n', encoding="utf-8"
    )
    program.chmod(0o755)
    service, calls = SERVICES[name], tmp_path / "calls"
    words = [*service["entrypoint"], *service["command"]]
    done = subprocess.run(
        words[words.index("sh") :],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "CALLS": str(calls), "REFUSED": refused},
        check=False,
    )
    assert calls.read_text(encoding="utf-8").splitlines() == ["actuals /data/sales", *then]
    assert (done.returncode == 0) is bool(then)
    assert "/data" in {where for _, where in mounts(service)}


def test_backups_go_where_the_host_looks_and_are_encrypted() -> None:
    """The volume is the one that a host copies away; the key is of the kind the command reads."""
    service = SERVICES["backup"]
    host = ROOT / "deploy" / "terraform" / "modules" / "host" / "files" / "storecast-backup"
    assert f"volumes/{SYSTEM['name']}_backups/_data" in host.read_text(encoding="utf-8")
    places = {where: what for what, where in mounts(service)}
    assert places[service["environment"]["STORECAST_BACKUP_TO"]] == "backups"
    key = Path(service["environment"]["STORECAST_BACKUP_KEY_FILE"])
    assert key.parent == Path("/run/secrets")
    assert key.name in service["secrets"]
    assert [name for name, s in SERVICES.items() if key.name in s.get("secrets", [])] == ["backup"]
    state = {"/var/lib/storecast", "/var/lib/storecast/releases", "/var/lib/storecast/trust"}
    assert state <= places.keys()
    assert {"--keep", "--verify"} <= set(service["command"])  # each night one, and restored for a trial


def test_backups_hold_registry_and_spools() -> None:
    """They ask the tracking server that jobs train into, over its network, and read the spool of every
    replica, where it is mounted and cannot be written."""
    service = SERVICES["backup"]
    assert service["environment"]["STORECAST_TRACKING_URI"] == "https://mlflow:5000"
    assert service["networks"] == ["back"]
    assert service["depends_on"]["mlflow"] == {"condition": "service_healthy"}
    spools = [Path(folder) for folder in service["environment"]["STORECAST_BACKUP_SPOOLS"].split(":")]
    places = {Path(where): what for what, where in mounts(service)}
    homes = {
        name: what
        for name, s in SERVICES.items()
        if s["image"] == SERVICES["service-1"]["image"] and name not in ONCE
        for what, where in mounts(s)
        if where == "/var/lib/storecast"
    }
    assert set(homes) == {"service-1", "service-2"}
    assert {spool.name for spool in spools} == {"spool"}
    assert [places[spool.parent] for spool in spools] == [homes["service-1"], homes["service-2"]]
    replicas = [volume for volume in service["volumes"] if "/replicas/" in volume]
    assert all(volume.endswith(":ro") for volume in replicas)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_documented_commands_fit_what_runs(page: Path) -> None:
    """A container made for one command beside the one that runs cannot have the same fixed address: there a
    command runs in the container that is there, by a program, which `run` alone adds by itself."""
    all_of_it = merged(TEXT, ROOT / "deploy" / "compose" / "database.yaml")["services"]
    fixed = {name for name, service in SERVICES.items() if "ipv4_address" in json.dumps(service)}
    assert {"service-1", "service-2"} <= fixed
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for how, words in re.findall(r"(?:tools/|docker |storecast-)compose (run|exec) ([^\n`]*)", text):
        named = [word for word in words.split() if word in all_of_it]
        assert named, words
        assert how != "run" or named[0] not in fixed, words
        assert how != "exec" or words.split(named[0], 1)[1].split()[0] in ("storecast", "mlflow"), words


def test_both_replicas_are_behind_the_door_and_watched() -> None:
    """nginx and Prometheus name the services that are there."""
    door = (ROOT / "deploy" / "compose" / "nginx.conf").read_text(encoding="utf-8")
    hosts = set(re.findall(r"^\s+server ([\w-]+):\d+", door, re.MULTILINE))
    assert hosts == {"service-1", "service-2", "webapp", "grafana"}
    watched = yaml.safe_load((ROOT / "monitoring" / "prometheus" / "prometheus.yml").read_text())
    targets = {
        target.split(":")[0]
        for job in watched["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    } - {"localhost"}
    assert targets <= set(SERVICES)
    assert {"service-1", "service-2", "node-exporter", "cadvisor"} <= targets
    assert all("watch" in SERVICES[name]["networks"] for name in targets)


# In plain text between containers: figures on their way to Prometheus and Grafana, alerts, traces.
FIGURES = {"prometheus", "alertmanager", "node-exporter", "cadvisor", "collector"}


def test_all_that_carries_sales_or_keys_is_encrypted() -> None:
    """Every address in settings, commands and nginx' configuration is TLS, but for what measures; whoever
    asks has the authority to verify with, and whoever answers a key to his certificate."""
    text = "\n".join(json.dumps(service) for service in SERVICES.values())
    plain = set(re.findall(r"http://([\w.-]+)", text))
    assert plain <= FIGURES | {"127.0.0.1"}
    checks = {name: json.dumps(service.get("healthcheck", {})) for name, service in SERVICES.items()}
    inside = {name for name, check in checks.items() if "http://127.0.0.1" in check}
    assert inside == {"nginx", "s3", *FIGURES - {"collector"}}  # its own health, asked inside the container
    door = (ROOT / "deploy" / "compose" / "nginx.conf").read_text(encoding="utf-8")
    assert set(re.findall(r"proxy_pass (\w+)://", door)) == {"https"}
    for line in ("proxy_ssl_verify on;", "proxy_ssl_trusted_certificate /run/secrets/ca.crt;"):
        assert len(re.findall(rf"^    {line}$", door, re.MULTILINE)) == 1
    assert "proxy_ssl_verify off" not in door
    assert re.findall(r"listen (\d+)(?! ssl);", door) == ["8080"]  # health, and the way to TLS
    for name, service in SERVICES.items():
        for secret in service.get("secrets", []):
            if secret.endswith(".crt") and secret != "ca.crt":
                assert secret.replace(".crt", ".key") in service["secrets"], name
    watched = yaml.safe_load((ROOT / "monitoring" / "prometheus" / "prometheus.yml").read_text())
    for job in watched["scrape_configs"]:
        if "authorization" in job:
            assert job["scheme"] == "https"
            assert job["tls_config"] == {"ca_file": "/run/secrets/ca.crt"}
