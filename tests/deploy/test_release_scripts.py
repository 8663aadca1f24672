"""The scripts behind make push, plan, apply, deploy, smoke, and the one that starts a release on a host."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

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


@pytest.mark.parametrize(
    ("missing", "asked", "status"),
    [
        (("champion",), "yes", 0),
        (("champion",), "", 1),
        (("log",), "yes", 1),
        (("champion", "log"), "yes", 1),
        ((), "yes", 0),
    ],
)
def test_a_first_release_passes_without_a_model_where_that_is_asked_for(
    here: Clone, missing: tuple[str, ...], asked: str, status: int
) -> None:
    """Nobody can have trained before the first release runs; all else must hold, and where there is a model
    a forecast is asked for all the same."""
    settings = {"STORECAST_SMOKE_SECONDS": "0.1", "STORECAST_SMOKE_WITHOUT_MODEL": asked}
    with deployed("1.4.0", missing=missing) as (url, calls):
        done = here.run("deploy/scripts/smoke", url, "1.4.0", **settings)
        wrong = here.run("deploy/scripts/smoke", url, "1.5.0", **settings)
    assert done.returncode == status, done.stdout
    assert wrong.returncode == 1
    assert any("/v1/forecasts" in call for call in calls) == (not missing)


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


def test_containers_can_read_a_release_and_its_data_and_nobody_the_secrets(
    host: Clone, tmp_path: Path
) -> None:
    """They run as users of their own, without root's rights: each folder and file that is mounted is open to
    them, also where the clone and the host keep to themselves what they write; parameters stay root's."""
    (host.folder / "compose.yaml").chmod(0o600)
    before = os.umask(0o077)
    try:
        assert host.run("deploy/scripts/push", VERSION="2.0.0").returncode == 0
        done = host.run(str(HOST / "storecast-release"), "2.0.0")
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stdout
    release = tmp_path / "releases" / "2.0.0"
    modes = {path: path.stat().st_mode & 0o777 for path in (release, *release.rglob("*"))}
    assert {modes[path] for path in modes if path.is_dir()} == {0o755}
    assert {modes[path] for path in modes if path.is_file()} == {0o644}
    assert (tmp_path / "releases" / "data").stat().st_mode & 0o777 == 0o755
    memory = tmp_path / "memory"
    assert [path.stat().st_mode & 0o077 for path in (memory, memory / "env", memory / "secrets")] == [0, 0, 0]


def test_a_release_whose_secrets_are_not_all_there_is_not_started(host: Clone, tmp_path: Path) -> None:
    """compose.yaml asks for each by name; those that are missing, the backups' key or another, are named
    before anything is pulled, and what runs goes on running. With all of them it starts."""
    release = [str(HOST / "storecast-release"), "2.0.0"]
    assert host.run(*release).returncode == 0
    (tmp_path / "releases" / "2.0.0" / "compose.yaml").write_bytes((ROOT / "compose.yaml").read_bytes())
    asked = sorted(yaml.safe_load((ROOT / "compose.yaml").read_text())["secrets"])
    assert "backup_key" in asked
    before = len(host.calls("docker"))
    done = host.run(*release)
    assert done.returncode == 1
    assert "2.0.0 asks for parameters that are not there, below /storecast/staging/secrets:" in done.stdout
    named = done.stdout.strip().splitlines()[-1].rpartition("secrets:")[2]
    assert set(named.split()) == set(asked) - {"tls.key"}
    assert len(host.calls("docker")) == before
    for left_out in (["backup_key"], []):
        there = [name for name in asked if name not in left_out]
        found = {"Parameters": [{"Name": f"/storecast/staging/secrets/{n}", "Value": "x"} for n in there]}
        (host.state / "secrets.json").write_text(json.dumps(found))
        done = host.run(*release)
        assert done.returncode == len(left_out), done.stdout
        assert ("secrets: backup_key" in done.stdout) == bool(left_out)


def test_the_parameters_of_the_page_are_those_a_release_asks_for() -> None:
    """docs/operations/aws.md puts each secret file of compose.yaml into a parameter, and no other."""
    page = (ROOT / "docs" / "operations" / "aws.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^for name in ((?:[^\n]*\\\n)*[^\n]*); do$", page, re.MULTILINE)
    names = listed.replace("\\\n", " ").split()
    assert sorted(names) == sorted(yaml.safe_load((ROOT / "compose.yaml").read_text())["secrets"])


def test_compose_is_called_on_the_release_that_runs(host: Clone, tmp_path: Path) -> None:
    """Whoever is on the host gives compose's own words; without a release he is told that none runs."""
    command = [str(HOST / "storecast-compose"), "exec", "service-1", "storecast", "keys", "issue"]
    done = host.run(*command)
    assert (done.returncode, "no release runs here" in done.stdout) == (1, True)
    assert host.run(str(HOST / "storecast-release"), "2.0.0").returncode == 0
    assert host.run(*command).returncode == 0
    folder = (tmp_path / "releases" / "2.0.0").resolve()
    where = f"--project-directory {folder} --env-file {tmp_path}/memory/env -f {folder}/compose.yaml"
    words = "exec service-1 storecast keys issue"
    assert host.calls("docker")[-1] == f"compose --project-name storecast {where} {words}"


def test_what_stands_beside_the_host_has_files_of_its_own(host: Clone, tmp_path: Path) -> None:
    """Told by a parameter: compose reads them too, before the command, and their secrets are asked for by
    name. A release that was only fetched runs nothing."""
    release = [str(HOST / "storecast-release"), "2.0.0"]
    assert host.run(*release).returncode == 0
    folder = (tmp_path / "releases" / "2.0.0").resolve()
    for name in ("database", "cache"):
        shutil.copy(ROOT / "deploy" / "compose" / f"{name}.yaml", folder / "deploy" / "compose")
    told = {"Parameters": [{"Name": "/storecast/staging/env/STORECAST_BESIDE", "Value": "database cache"}]}
    (host.state / "env.json").write_text(json.dumps(told))
    done = host.run(*release)
    assert done.returncode == 1
    assert done.stdout.strip().endswith("below /storecast/staging/secrets: databases.crt")
    found = {"Parameters": [{"Name": "/storecast/staging/secrets/databases.crt", "Value": "x"}]}
    (host.state / "secrets.json").write_text(json.dumps(found))
    before = len(host.calls("docker"))
    done = host.run(release[0], "--fetch", release[1])
    assert (done.returncode, f"STORECAST_RELEASE={folder}" in done.stdout) == (0, True), done.stdout
    calls = [call for call in host.calls("docker")[before:] if call.startswith("compose")]
    assert [call.split()[-2:] for call in calls] == [["pull", "--quiet"]]
    assert host.run(*release).returncode == 0
    files = f" -f {folder}/compose.yaml -f {folder}/deploy/compose/cache.yaml"
    files += f" -f {folder}/deploy/compose/database.yaml up "
    assert files in host.calls("docker")[-2]


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
    """Each can be started, the shell understands it to its end, and the host is given all of its own."""
    programs = [path for path in HOST.iterdir() if not path.suffix]
    (given,) = re.findall(r"programs +=.*\[(.*)\]", (HOST.parent / "main.tf").read_text(encoding="utf-8"))
    assert sorted(re.findall(r'"(.+?)"', given)) == sorted(path.name for path in programs)
    shells = [*(ROOT / "deploy" / "scripts").iterdir(), *programs]
    for script in shells:
        first = script.read_text(encoding="utf-8").splitlines()[0]
        assert os.access(script, os.X_OK) is (script.suffix != ".sh"), script
        if "python" not in first:
            subprocess.run(["sh", "-n", script], check=True)


def test_the_version_that_is_released_by_default_is_the_one_that_answers(here: Clone) -> None:
    """Without VERSION a release has the version that the service says it has."""
    assert here.run("deploy/scripts/push").returncode == 0
    assert [path.name for path in (here.state / "bucket").iterdir()] == [__version__]
