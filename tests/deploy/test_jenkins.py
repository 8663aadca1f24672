"""The pipelines, stage by stage: each command really runs, with stubs for the cloud and without a Jenkins."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.answers import deployed
from tests.deploy.stubs import Clone, clone, with_cluster
from tests.needs import ROOT, require

pytestmark = pytest.mark.rehearsal

SECRETS = {"SECRET_AWS_SECRET_ACCESS_KEY": "never-shown-1", "SECRET_STORECAST_SMOKE_KEY": "never-shown-2"}
SECRETS |= {"SECRET_REGISTRY_PASSWORD": "never-shown-3"}


@pytest.fixture
def here(tmp_path: Path) -> Clone:
    require("java", "default-jre-headless")
    require("groovy", "groovy")
    made = clone(tmp_path)
    made.environment |= SECRETS | {
        "SECRET_BACKEND": str(made.folder / "backend.hcl"),
        "SECRET_STORECAST_CA": str(made.folder / "ca.crt"),
        "BRANCH": "main",
        "ANSWER": "proceed",
        "PARAM_VERSION": "1.4.0",
    }
    return made


def _pipeline(here: Clone, pipeline: str, **environment: str) -> tuple[int, list[dict[str, Any]], str]:
    """(exit status, what was done, output): 0 success, 1 failure, 3 aborted."""
    record = here.folder.parent / "record"
    stand_in = str(ROOT / "tests" / "deploy" / "jenkins" / "stand_in.groovy")
    done = here.run("groovy", stand_in, str(ROOT / pipeline), str(record), str(here.folder), **environment)
    assert record.exists(), done.stdout
    return done.returncode, [json.loads(line) for line in record.read_text().splitlines()], done.stdout


def _stages(record: list[dict[str, Any]]) -> list[str]:
    return [line["stage"] for line in record if "stage" in line]


def test_a_release_goes_through_every_stage(here: Clone) -> None:
    """From the checks to the smoke test, in order; the release is the one that was asked for."""
    with deployed("1.4.0") as (url, asked):
        status, record, output = _pipeline(here, "Jenkinsfile", PARAM_ENVIRONMENT="production", SYSTEM=url)
    assert status == 0, output
    assert _stages(record) == [
        "check", "test", "e2e", "rehearsal", "build", "scan",
        "environment", "push", "plan", "approval", "apply", "release", "deploy", "smoke",
    ]  # fmt: skip
    assert (here.state / "release").read_text().strip() == "1.4.0"
    assert (here.folder / "build" / "previous-production").read_text().strip() == "1.0.0"
    assert sorted(path.name for path in (here.state / "bucket" / "1.4.0").iterdir()) == [
        "bundle.tar.gz",
        "bundle.tar.gz.sha256",
    ]
    assert "/v1/forecasts?series=7&horizon=1 Bearer never-shown-2" in asked
    pushed = [call for call in here.calls("docker") if call.startswith("push")]
    assert [call.split("/")[-1] for call in pushed] == [
        f"storecast-production-{image}:1.4.0" for image in ("service", "webapp", "jobs")
    ]


@pytest.mark.parametrize(("without", "status"), [("yes", 0), ("", 1)])
def test_a_first_release_has_no_model_yet(here: Clone, without: str, status: int) -> None:
    """It stays where that was said; else the missing forecast leads back, as it does for any release."""
    said = {"PARAM_STORECAST_SMOKE_WITHOUT_MODEL": without} if without else {}
    with deployed("1.4.0", missing=("champion",)) as (url, _):
        done = _pipeline(here, "Jenkinsfile", PARAM_ENVIRONMENT="development", SYSTEM=url, **said)
    assert done[0] == status, done[2]
    assert (here.state / "release").read_text().strip() == ("1.4.0" if without else "1.0.0")


def test_a_person_has_a_day_and_each_command_hours(here: Clone) -> None:
    """No limit of time around an approval is shorter than its own, and no command may hang for a day, the way
    back included."""
    with deployed("1.3.9") as (url, _):
        _, record, output = _pipeline(here, "Jenkinsfile", PARAM_ENVIRONMENT="staging", SYSTEM=url)
    (asked,) = [line["within"] for line in record if line.get("step") == "input"]
    assert min(asked) == asked[-1] == 24, output
    limits = {line["script"]: min(line["within"]) for line in record if line.get("step") == "sh"}
    assert {"make check deploy-check", "make apply", "make deploy", "make rollback-release VERSION="} <= set(
        limits
    )
    assert max(limits.values()) <= 4


def test_secrets_reach_the_stages_that_need_them_and_nothing_else(here: Clone) -> None:
    """No secret is in the output, in an argument or in a file; stages before the environment see none."""
    with deployed("1.4.0") as (url, _):
        _, record, output = _pipeline(here, "Jenkinsfile", PARAM_ENVIRONMENT="staging", SYSTEM=url)
    seen = [line for line in record if line.get("step") == "sh"]
    plain = {"AWS_DEFAULT_REGION", "AWS_REGION"}
    assert [line["script"] for line in seen if set(line["env"]) == plain] == [
        "make check deploy-check",
        'make test ARGS="--junit-xml build/reports/test.xml"',
        'make e2e ARGS="--junit-xml build/reports/e2e.xml"',
        'make rehearsal ARGS="--junit-xml build/reports/rehearsal.xml"',
        "make image",
        "make scan",
    ]
    files = [path for path in here.folder.rglob("*") if path.is_file() and path.stat().st_size < 1_000_000]
    texts = [
        output,
        Path(here.environment["NOTES"]).read_text(),
        *(f.read_text(errors="replace") for f in files),
    ]
    assert not [text for text in texts if "never-shown" in text]


def test_a_failed_smoke_test_leads_back(here: Clone) -> None:
    """The release that ran before runs again, the build has failed, and its reports are kept."""
    with deployed("1.3.9") as (url, _):
        status, record, output = _pipeline(here, "Jenkinsfile", PARAM_ENVIRONMENT="production", SYSTEM=url)
    assert status == 1
    assert "version 1.3.9 answers, expected 1.4.0" in output
    assert [line["script"] for line in record if line.get("step") == "sh"][-2:] == [
        "make smoke",
        "make rollback-release VERSION=",
    ]
    assert (here.state / "release").read_text().strip() == "1.0.0"
    assert (here.state / "asked").read_text().strip() == "1.0.0"
    assert [line["step"] for line in record[-3:-1]] == ["junit", "archive"]


def test_a_release_that_does_not_start_leads_back(here: Clone) -> None:
    """The parameter of the running release never named the one that did not start."""
    status, record, output = _pipeline(here, "Jenkinsfile", PARAM_ENVIRONMENT="staging", UNHEALTHY="1.4.0")
    assert status == 1
    assert "it did not become healthy" in output
    assert "smoke" not in _stages(record)
    assert (here.state / "asked").read_text().strip() == "1.0.0"
    assert not [call for call in here.calls("aws") if call.startswith("ssm put") and "1.4.0" in call]


def test_a_refused_approval_stops_before_anything_changes(here: Clone) -> None:
    """Nothing is applied and nothing started; reports are kept."""
    status, record, _ = _pipeline(here, "Jenkinsfile", PARAM_ENVIRONMENT="production", ANSWER="abort")
    assert status == 3
    assert _stages(record)[-1] == "approval"
    assert not [call for call in here.calls("terraform") if " apply" in call]
    assert not [call for call in here.calls("aws") if "send-command" in call]
    assert (here.state / "release").read_text().strip() == "1.0.0"
    assert record[-1] == {"result": "aborted"}


def test_development_asks_nobody(here: Clone) -> None:
    """Staging and production need a person; development does not."""
    with deployed("1.4.0") as (url, _):
        status, record, output = _pipeline(here, "Jenkinsfile", PARAM_ENVIRONMENT="development", SYSTEM=url)
    assert status == 0, output
    assert {"skipped": "approval"} in record
    assert not [line for line in record if line.get("step") == "input"]


def test_a_cluster_s_release_goes_the_same_way(here: Clone) -> None:
    """No Terraform, and no key of AWS: images, plan, a person, the release, the smoke test of its address;
    where that fails, back."""
    with_cluster(here)
    asked = {"PARAM_ENVIRONMENT": "staging", "PARAM_TARGET": "kubernetes"}
    assert (
        here.run("make", "deploy", ENVIRONMENT="staging", TARGET="kubernetes", VERSION="1.3.0").returncode
        == 0
    )
    status, record, output = _pipeline(here, "Jenkinsfile", **asked)
    # the host of the overlay is answered by nobody here
    assert status == 1
    assert "smoke: https://api.staging.storecast.example.com does not work" in output
    assert _stages(record)[6:] == ["environment", "push", "plan", "approval", "release", "deploy", "smoke"]
    assert {"skipped": "apply"} in record
    given = {name for line in record for name in line.get("env", ())}
    assert {"KUBECONFIG", "REGISTRY_PASSWORD", "STORECAST_SMOKE_KEY"} <= given
    assert not given & {"AWS_SECRET_ACCESS_KEY", "BACKEND"}
    assert here.calls("terraform") == here.calls("aws") == []
    assert "never-shown" not in output + Path(here.environment["NOTES"]).read_text()
    assert (here.folder / "build" / "previous-staging").read_text() == "1.3.0\n"
    undone = [call for call in here.calls("kubectl") if "rollout undo" in call]
    assert len(undone) == 3


@pytest.mark.parametrize(("branch", "environment"), [("a-change", "production"), ("main", "none")])
def test_other_branches_are_checked_and_built_alone(here: Clone, branch: str, environment: str) -> None:
    """Only main and tags reach an environment, and only where one was named."""
    status, record, output = _pipeline(here, "Jenkinsfile", PARAM_ENVIRONMENT=environment, BRANCH=branch)
    assert status == 0, output
    assert _stages(record) == ["check", "test", "e2e", "rehearsal", "build", "scan"]
    assert here.calls("aws") == []


def test_critical_findings_leave_no_bundle(here: Clone) -> None:
    """What the registry's scan finds ends the pipeline before a host could start it."""
    status, record, output = _pipeline(here, "Jenkinsfile", PARAM_ENVIRONMENT="staging", CRITICAL="2")
    assert status == 1
    assert "2 critical findings" in output
    assert _stages(record)[-1] == "push"
    assert not (here.state / "bucket").exists()


def _training_settings(here: Clone, text: str = "STORECAST_RUN_DATA=/sales\n") -> str:
    """The file that the credential is."""
    file = here.folder.parent / "training.env"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("passed", "decision", "answer", "last", "promoted"),
    [
        (True, "promote", "proceed", "promote", True),
        (True, "promote", "abort", "approval", False),
        (False, "refuse", "proceed", "gate", False),
        (False, "keep", "proceed", "gate", False),
    ],
)
def test_a_retrained_version_serves_by_gate_and_person(
    here: Clone, passed: bool, decision: str, answer: str, last: str, promoted: bool
) -> None:
    """Trained without serving; both the gate and a person must agree."""
    made = {
        "name": "storecast",
        "version": 4,
        "gate": {"passed": passed, "decision": decision, "reason": "as it is"},
    }
    program = here.folder / ".venv" / "bin" / "storecast"
    program.write_text(f"{program.read_text()}case $1 in train) echo '{json.dumps(made)}' ;; esac\n")
    (here.folder / ".venv" / "bin" / "python").write_text('#!/bin/sh\nexec python3 "$@"\n')
    status, record, output = _pipeline(
        here,
        "jenkins/retrain.Jenkinsfile",
        ANSWER=answer,
        SECRET_STORECAST_TRAINING_ENV=_training_settings(here),
    )
    assert (status == 0) is promoted, output
    assert _stages(record)[-1] == last
    asked = [line["within"] for line in record if line.get("step") == "input"]
    assert [min(limits) for limits in asked] == [48] * len(asked)
    calls = here.calls("storecast")
    assert calls[0] == "train /sales --no-promote --json"
    assert any(call.startswith("models promote 4 ") for call in calls) is promoted
    assert record[0]["triggers"] == [["H 3 * * 1"]] or record[0]["triggers"] == ["H 3 * * 1"]


def test_the_clock_trains_on_no_sample(here: Clone) -> None:
    """With the settings of real versions and no sales nothing is made and nothing trained; sales that a
    person names go before those of the settings."""
    settings = _training_settings(here, "STORECAST_TRACKING_URI=https://registry.example.com\n")
    pipeline = "jenkins/retrain.Jenkinsfile"
    status, record, output = _pipeline(here, pipeline, SECRET_STORECAST_TRAINING_ENV=settings)
    assert status == 1
    assert "no sales to train on" in output
    assert _stages(record) == ["train"]
    assert here.calls("storecast") == []
    _pipeline(here, pipeline, SECRET_STORECAST_TRAINING_ENV=_training_settings(here), PARAM_DATA="other.csv")
    assert here.calls("storecast")[0] == "train other.csv --no-promote --json"


def test_a_person_without_settings_may_train_on_the_sample(here: Clone) -> None:
    """At home nothing is needed: the sample is made and trained on."""
    assert here.run("make", "retrain").returncode == 0
    sample = "build/retrain/sample.csv"
    assert here.calls("storecast") == [f"sample {sample}", f"train {sample} --no-promote --json"]


def test_a_word_that_the_stand_in_does_not_know_is_refused(here: Clone) -> None:
    """What it cannot carry out it does not pass over: a misspelt step fails the drill."""
    text = (ROOT / "Jenkinsfile").read_text(encoding="utf-8")
    assert "sh 'make check deploy-check'" in text
    (here.folder / "Jenkinsfile").write_text(text.replace("sh 'make check", "bash 'make check"))
    status, record, output = _pipeline(here, str(here.folder / "Jenkinsfile"), PARAM_ENVIRONMENT="none")
    assert status not in (0, 3)
    assert "bash" in output
    assert _stages(record) == ["check"]


def test_stages_call_make_targets_alone() -> None:
    """Whatever a pipeline does, a person can do by hand."""
    targets = set(re.findall(r"^([a-z0-9-]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for pipeline in (ROOT / "Jenkinsfile", ROOT / "jenkins" / "retrain.Jenkinsfile"):
        commands = re.findall(r"\bsh\b *\(?'([^']*)'", pipeline.read_text())
        assert commands
        assert len(commands) == len(re.findall(r"\bsh\b", pipeline.read_text()))
        for command in commands:
            words = re.sub(r'\w+=("[^"]*"|\S*)', "", command).split()
            assert words[0] == "make"
            assert set(words[1:]) <= targets
