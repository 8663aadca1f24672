"""The scripts of a release on a cluster: real rendering, before a stand-in that keeps what it is given."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.stubs import Clone, clone, with_cluster

pytestmark = pytest.mark.rehearsal

DEPLOYMENTS = ("storecast-service", "storecast-webapp", "storecast-follower")


@pytest.fixture
def here(tmp_path: Path) -> Clone:
    made = with_cluster(clone(tmp_path))
    made.environment |= {"TARGET": "kubernetes", "ENVIRONMENT": "staging"}
    return made


def _make(here: Clone, target: str, **environment: str) -> tuple[int, str]:
    """(status, output) of a make target."""
    done = here.run("make", target, **environment)
    return done.returncode, done.stdout


def _things(here: Clone) -> dict[str, Any]:
    file = here.state / "cluster.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _runs(here: Clone) -> set[str]:
    """Each release that some pod of ours would be of."""
    return {
        container["image"]
        for thing in _things(here).values()
        if thing["kind"] in ("Deployment", "CronJob")
        for spec in (thing["spec"].get("jobTemplate", thing)["spec"],)
        for pod in (spec["template"]["spec"],)
        for container in (*pod.get("initContainers", ()), *pod["containers"])
    }


def _images(version: str) -> set[str]:
    return {f"registry.example.com/storecast-{part}:{version}" for part in ("service", "webapp", "jobs")}


def _changes(here: Clone) -> list[str]:
    """What changed the cluster, or waited for it, in order."""
    calls = [call.replace("-n storecast-staging ", "") for call in here.calls("kubectl")]
    return [call for call in calls if call.startswith(("apply", "delete", "rollout", "set"))]


def test_a_release_migrates_first_and_waits_until_it_is_ready(here: Clone) -> None:
    """Settings, then the migration, then what serves; committed files stay as they are, and all images are of
    the release."""
    assert _make(here, "deploy", VERSION="1.3.0")[0] == 0
    first = len(_changes(here))
    before = {p: p.read_bytes() for p in (here.folder / "deploy/kubernetes").rglob("*.yaml")}
    assert _make(here, "deploy", VERSION="1.4.0")[0] == 0
    assert {p: p.read_bytes() for p in (here.folder / "deploy/kubernetes").rglob("*.yaml")} == before
    assert _changes(here)[first:] == [
        "apply -f build/kubernetes/staging/ground.yaml",
        "delete job storecast-migrate --ignore-not-found --wait",
        "apply -f build/kubernetes/staging/migration.yaml",
        "apply -f build/kubernetes/staging/programs.yaml",
        *(f"rollout status Deployment/{name} --timeout=600s" for name in sorted(DEPLOYMENTS)),
    ]
    things = _things(here)
    migration = things["Job/storecast-migrate"]["spec"]["template"]["spec"]["containers"][0]
    assert migration["image"] == "registry.example.com/storecast-jobs:1.4.0"
    assert _runs(here) == _images("1.4.0")
    assert {"NetworkPolicy", "Ingress", "HorizontalPodAutoscaler"} <= {t["kind"] for t in things.values()}
    assert (here.folder / "build/url-staging").read_text() == "https://api.staging.storecast.example.com\n"
    assert (here.folder / "build" / "previous-staging").read_text() == "1.3.0\n"


def test_a_first_release_says_what_is_next(here: Clone) -> None:
    """The service is not ready without a key and a version, which come after it: all else is waited for, and
    the commands that make both are said. Nothing ran before."""
    status, output = _make(here, "deploy", VERSION="1.4.0")
    assert status == 0, output
    waited = [call for call in _changes(here) if call.startswith("rollout")]
    others = sorted(set(DEPLOYMENTS) - {"storecast-service"})
    assert waited == [f"rollout status Deployment/{name} --timeout=600s" for name in others]
    assert _runs(here) == _images("1.4.0")
    follower = "kubectl -n storecast-staging exec deploy/storecast-follower -- storecast"
    key, train = f"{follower} keys issue --role operator", f"{follower} train /data/sales"
    assert -1 < output.index(key) < output.index(train) < output.index("rollout restart")
    assert not (here.folder / "build" / "previous-staging").exists()


def test_a_first_release_whose_follower_does_not_start_fails(here: Clone) -> None:
    """Only the service is let off: where nobody could train, the status says so."""
    status, output = _make(here, "deploy", VERSION="1.4.0", UNHEALTHY="1.4.0")
    assert status != 0
    assert "storecast-follower does not become ready" in output


def test_stores_inside_are_ready_before_the_migration(here: Clone) -> None:
    """Development has its own database: the migration does not run against nothing."""
    assert here.run(sys.executable, "-m", "tools.deploy.cluster_secrets").returncode == 0
    status, output = _make(here, "deploy", VERSION="1.4.0", ENVIRONMENT="development")
    assert status == 0, output
    calls = [call for call in here.calls("kubectl") if "rollout" in call or "apply" in call]
    waited = next(i for i, call in enumerate(calls) if "StatefulSet/postgres" in call)
    assert waited < next(i for i, call in enumerate(calls) if "migration.yaml" in call)


def test_the_way_back_is_the_cluster_s_own_and_leads_to_the_same_each_time(here: Clone) -> None:
    """Deployments to the revision of that release, CronJobs to its image; twice is as once."""
    for version in ("1.3.0", "1.4.0"):
        assert _make(here, "deploy", VERSION=version)[0] == 0
    assert (here.folder / "build" / "previous-staging").read_text() == "1.3.0\n"
    for _ in range(2):
        status, output = _make(here, "rollback-release")
        assert status == 0, output
        assert _runs(here) == _images("1.3.0")
    undone = [call for call in _changes(here) if call.startswith("rollout undo")]
    assert sorted(undone) == sorted(f"rollout undo deployment/{n} --to-revision=1" for n in DEPLOYMENTS)
    assert _make(here, "rollback-release", VERSION="1.4.0")[0] == 0
    assert _runs(here) == _images("1.4.0")


def test_a_release_that_the_cluster_does_not_remember_changes_nothing(here: Clone) -> None:
    """Half a way back is none: said before the first step."""
    assert _make(here, "deploy", VERSION="1.4.0")[0] == 0
    before = _things(here)
    status, output = _make(here, "rollback-release", VERSION="1.1.0")
    assert status != 0
    assert "remembers no storecast-service of 1.1.0 (it runs 1.4.0)" in output
    assert _things(here) == before


def test_a_failed_migration_leaves_what_serves_as_it_was(here: Clone) -> None:
    """Its words are shown; no program of the new release is started."""
    assert _make(here, "deploy", VERSION="1.3.0")[0] == 0
    status, output = _make(here, "deploy", VERSION="1.4.0", MIGRATION="Failed")
    assert status != 0
    assert "the database cannot be reached" in output
    assert "the migration of 1.4.0 did not end well (Failed)" in output
    assert _runs(here) == _images("1.3.0")
    assert _make(here, "rollback-release")[0] == 0  # nothing to do, and no harm done
    assert _runs(here) == _images("1.3.0")


def test_a_release_that_does_not_become_ready_fails(here: Clone) -> None:
    """The status says so, with the pods; the release before is remembered."""
    assert _make(here, "deploy", VERSION="1.3.0")[0] == 0
    status, output = _make(here, "deploy", VERSION="1.4.0", UNHEALTHY="1.4.0")
    assert status != 0
    assert "ImagePullBackOff" in output
    assert "storecast-follower does not become ready" in output
    assert _make(here, "rollback-release")[0] == 0
    assert _runs(here) == _images("1.3.0")


def test_a_plan_is_kept_and_changes_nothing(here: Clone) -> None:
    """What would change is shown; a cluster that cannot be asked is an error."""
    status, output = _make(here, "plan", VERSION="1.4.0")
    assert status == 0
    assert "+kind: Deployment" in (here.folder / "build" / "plan-staging.txt").read_text()
    assert "make deploy TARGET=kubernetes ENVIRONMENT=staging carries it out" in output
    assert _things(here) == {}
    assert _make(here, "deploy", VERSION="1.4.0")[0] == 0
    assert "nothing changes" in _make(here, "plan", VERSION="1.4.0")[1]


def test_images_go_to_the_registry_of_the_overlay(here: Clone) -> None:
    """All three by the release's tag; a password goes by standard input and is in no argument."""
    status, output = _make(here, "push", VERSION="1.4.0", REGISTRY_USER="ann", REGISTRY_PASSWORD="not-shown")
    assert status == 0, output
    calls = here.calls("docker")
    assert calls[0] == "login --username ann --password-stdin registry.example.com"
    assert {call.split()[-1] for call in calls if call.startswith("push")} == _images("1.4.0")
    assert "not-shown" not in output + "\n".join(calls)


@pytest.mark.parametrize(
    ("script", "wrong", "said"),
    [
        ("deploy", {"TARGET": "k8s"}, "TARGET is 'k8s'; expected host or kubernetes"),
        ("deploy", {"ENVIRONMENT": "prod"}, "ENVIRONMENT is 'prod'"),
        ("deploy", {"VERSION": "1.0; rm"}, "VERSION is '1.0; rm'"),
        ("apply", {}, "a cluster has no part in this"),
        ("rollback-release", {}, "no build/previous-staging; name the release"),
        ("push", {"ENVIRONMENT": "development"}, "names no registry"),
    ],
)
def test_wrong_usage_is_refused(here: Clone, script: str, wrong: dict[str, str], said: str) -> None:
    """Status 2 and the remedy; the cluster was asked nothing that changes it."""
    assert here.run(sys.executable, "-m", "tools.deploy.cluster_secrets").returncode == 0
    done = here.run(f"deploy/scripts/{script}", **wrong)
    assert (done.returncode, said in done.stdout) == (2, True), done.stdout
    assert _things(here) == {}
