"""The scripts behind make push, plan, apply, deploy, smoke, and the one that starts a release on a host."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from storecast import __version__
from tests.deploy.answers import deployed
from tests.deploy.stubs import Clone, clone
from tests.needs import ROOT

HOST = ROOT / "deploy" / "terraform" / "modules" / "host" / "files"


@pytest.fixture
def here(tmp_path: Path) -> Clone:
    made = clone(tmp_path)
    made.environment |= {"ENVIRONMENT": "staging", "BACKEND": "backend.hcl"}
    return made


@pytest.mark.parametrize(
    ("script", "wrong", "said"),
    [
        ("push", {"ENVIRONMENT": ""}, "ENVIRONMENT is ''; expected development, staging or production"),
        ("plan", {"ENVIRONMENT": "prod"}, "ENVIRONMENT is 'prod'"),
        ("plan", {"BACKEND": "nowhere"}, "BACKEND is 'nowhere'"),
        ("apply", {}, "no build/plan-staging.tfplan; run make plan ENVIRONMENT=staging"),
        ("deploy", {"VERSION": "new; rm -rf /"}, "VERSION is 'new; rm -rf /'"),
        ("rollback-release", {}, "no build/previous-staging; name the release"),
        ("retrain", {}, "expected train, gate or promote"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_done(
    here: Clone, script: str, wrong: dict[str, str], said: str
) -> None:
    """Status 2, what was wrong and what is expected; the cloud was not asked to change anything."""
    done = here.run(f"deploy/scripts/{script}", **wrong)
    assert done.returncode == 2
    assert said in done.stdout
    assert here.calls("aws") == []


def test_only_the_plan_that_was_kept_is_applied_and_once(here: Clone) -> None:
    """What was read is what is carried out; it fits no later state."""
    assert here.run("deploy/scripts/plan").returncode == 0
    kept = here.folder / "build" / "plan-staging.tfplan"
    assert "1 to add" in (here.folder / "build" / "plan-staging.txt").read_text()
    assert here.run("deploy/scripts/apply").returncode == 0
    assert here.calls("terraform")[-1].endswith(f"apply -input=false -no-color {kept.resolve()}")
    assert here.run("deploy/scripts/apply").returncode == 2


def test_a_bundle_is_the_same_each_time_and_holds_no_secret(here: Clone) -> None:
    """What git knows of compose, byte for byte; not the secrets that lie beside it."""
    secret = here.folder / "deploy" / "compose" / "secrets" / "tls.key"
    secret.parent.mkdir()
    secret.write_text("private", encoding="utf-8")
    bundle, made = here.folder / "build" / "bundle" / "2.0.0" / "bundle.tar.gz", []
    for _ in range(2):
        assert here.run("deploy/scripts/push", VERSION="2.0.0").returncode == 0
        made.append(bundle.read_bytes())
    assert made[0] == made[1]
    listed = subprocess.run(["tar", "-tzf", bundle], capture_output=True, text=True, check=True).stdout
    assert listed.split() == ["compose.yaml", "deploy/compose/nginx.conf"]


def test_going_back_twice_leads_to_the_same_release(here: Clone) -> None:
    """The release that failed is never taken for the one that ran before."""
    assert here.run("deploy/scripts/deploy", VERSION="1.4.0").returncode == 0
    for _ in range(2):
        assert here.run("deploy/scripts/rollback-release").returncode == 0
        assert (here.state / "release").read_text().strip() == "1.0.0"


@pytest.mark.parametrize(
    ("version", "ready", "expected", "status"),
    [
        ("1.4.0", True, "1.4.0", 0),
        ("1.4.0", True, "1.4.0-rc.2", 0),
        ("1.4.0", True, "1.5.0", 1),
        ("1.4.0", False, "1.4.0", 1),
    ],
)
def test_smoke_asks_for_readiness_version_and_a_forecast(
    here: Clone, version: str, ready: bool, expected: str, status: int
) -> None:
    """All three must hold."""
    with deployed(version, ready=ready) as (url, _):
        done = here.run("deploy/scripts/smoke", url, expected, STORECAST_SMOKE_SECONDS="0.1")
    assert done.returncode == status, done.stdout


def test_smoke_speaks_to_no_other_machine_without_tls(here: Clone) -> None:
    """A key is not sent in the clear."""
    assert here.run("deploy/scripts/smoke", "http://forecast.example.com").returncode == 2


@pytest.fixture
def host(here: Clone, tmp_path: Path) -> Clone:
    """A host with a release in its bucket, parameters and secrets."""
    settings = {"REGION": "eu-central-1", "PARAMETERS": "/storecast/staging", "ARTIFACTS": "artifacts"}
    settings |= {"BACKUPS": "backups", "IMAGES": "registry.example.com/storecast-staging"}
    (tmp_path / "host.env").write_text("".join(f"STORECAST_{k}='{v}'\n" for k, v in settings.items()))
    assert here.run("deploy/scripts/push", VERSION="2.0.0").returncode == 0
    odd = {"Parameters": [{"Name": "/storecast/staging/env/GREETING", "Value": 'it\'s $HOME \\ "all"'}]}
    (here.state / "env.json").write_text(json.dumps(odd))
    key = {"Parameters": [{"Name": "/storecast/staging/secrets/tls.key", "Value": "-----BEGIN\nlines\n"}]}
    (here.state / "secrets.json").write_text(json.dumps(key))
    here.environment |= {
        "STORECAST_SETTINGS": str(tmp_path / "host.env"),
        "STORECAST_RELEASES": str(tmp_path / "releases"),
        "STORECAST_MEMORY": str(tmp_path / "memory"),
    }
    return here


def test_a_host_fetches_a_release_once_and_starts_it(host: Clone, tmp_path: Path) -> None:
    """Bundle checked, parameters as variables and files in memory, images pulled, started, waited for."""
    for _ in range(2):
        done = host.run(str(HOST / "storecast-release"), "2.0.0")
        assert done.returncode == 0, done.stdout
    assert done.stdout.count("fetching") == 0
    assert (tmp_path / "releases" / "current").resolve() == (tmp_path / "releases" / "2.0.0").resolve()
    memory = tmp_path / "memory"
    lines = (memory / "env").read_text().splitlines()
    assert lines[0] == "GREETING='it\\'s $HOME \\\\ \"all\"'"
    assert lines[1:] == [
        "STORECAST_VERSION='2.0.0'",
        f"STORECAST_SECRETS_FOLDER='{memory}/secrets'",
        "STORECAST_IMAGES='registry.example.com/storecast-staging'",
        "STORECAST_HTTPS_PORT='443'",
        f"STORECAST_DATA='{tmp_path}/releases/data'",
        "STORECAST_BACKUPS='s3://backups/host'",
    ]
    assert (memory / "secrets" / "tls.key").read_text() == "-----BEGIN\nlines\n"
    assert oct((memory / "secrets").stat().st_mode)[-3:] == "700"
    assert sorted(path.name for path in memory.iterdir()) == ["env", "secrets"]
    compose = [
        call.split(" compose.yaml ")[-1] for call in host.calls("docker") if call.startswith("compose")
    ]
    assert [call.split("compose.yaml ")[1].split()[0] for call in compose] == ["pull", "up", "pull", "up"]


def test_a_damaged_bundle_is_not_started(host: Clone, tmp_path: Path) -> None:
    """What runs goes on running; the damaged release is not kept."""
    (host.state / "bucket" / "2.0.0" / "bundle.tar.gz").write_bytes(b"damaged")
    done = host.run(str(HOST / "storecast-release"), "2.0.0")
    assert done.returncode == 1
    assert "damaged" in done.stdout
    assert [path.name for path in (tmp_path / "releases").iterdir()] == ["data"]


def test_a_release_that_is_not_healthy_is_not_the_current_one(host: Clone, tmp_path: Path) -> None:
    """Whoever asked for it learns so by the status."""
    done = host.run(str(HOST / "storecast-release"), "2.0.0", UP="1")
    assert done.returncode == 1
    assert "2.0.0 did not become healthy" in done.stdout
    assert not (tmp_path / "releases" / "current").exists()


def test_a_new_host_waits_for_its_first_release(host: Clone) -> None:
    """At boot the parameter says what runs; "none" is no failure, and nonsense is refused."""
    (host.state / "release").write_text("none\n")
    assert host.run(str(HOST / "storecast-release")).returncode == 0
    assert host.run(str(HOST / "storecast-release"), "../../etc").returncode == 1
    assert not [call for call in host.calls("docker") if call.startswith("compose")]


def test_backups_are_copied_and_none_removed(host: Clone, tmp_path: Path) -> None:
    """The host adds to the bucket; it has no right to remove."""
    (tmp_path / "backups").mkdir()
    done = host.run(str(HOST / "storecast-backup"), STORECAST_BACKUP_FOLDER=str(tmp_path / "backups"))
    assert done.returncode == 0
    assert host.calls("aws")[-1] == f"s3 sync --only-show-errors {tmp_path / 'backups'} s3://backups/host"


def test_scripts_are_executable_and_parse() -> None:
    """Each can be started, and the shell understands it to its end."""
    shells = [*(ROOT / "deploy" / "scripts").iterdir(), HOST / "storecast-release", HOST / "storecast-backup"]
    for script in shells:
        first = script.read_text(encoding="utf-8").splitlines()[0]
        assert os.access(script, os.X_OK) is (script.suffix != ".sh"), script
        if "python" not in first:
            subprocess.run(["sh", "-n", script], check=True)


def test_the_version_that_is_released_by_default_is_the_one_that_answers(here: Clone) -> None:
    """Without VERSION a release has the version that the service says it has."""
    assert here.run("deploy/scripts/push").returncode == 0
    assert [path.name for path in (here.state / "bucket").iterdir()] == [__version__]
