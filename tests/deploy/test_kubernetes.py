"""The manifests as kubectl renders them: whole, closed, and of commands and settings that exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from storecast.cli.app import app
from storecast.settings import Settings
from tests.deploy.tools import deploy_environment, kubectl
from tests.needs import ROOT
from tools.deploy import kubernetes
from tools.deploy.cluster_secrets import write_secrets
from tools.deploy.outcome import Outcome

Thing = dict[str, Any]
OVERLAYS = ("development", "staging", "production")
PODS = ("Deployment", "StatefulSet", "Job", "CronJob")


def _tree(folder: Path) -> Path:
    """A copy of the manifests, with secrets for development."""
    shutil.copytree(ROOT / "deploy" / "kubernetes", folder / "deploy" / "kubernetes")
    write_secrets(folder / "deploy/kubernetes/overlays/development/secrets")
    return folder


def _render(tree: Path, overlay: str) -> list[Thing]:
    done = subprocess.run(
        [kubectl(), "kustomize", str(tree / "deploy/kubernetes/overlays" / overlay)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [thing for thing in yaml.safe_load_all(done.stdout) if thing]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def clusters(tree: Path) -> dict[str, list[Thing]]:
    return {overlay: _render(tree, overlay) for overlay in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def cluster(request: pytest.FixtureRequest, clusters: dict[str, list[Thing]]) -> list[Thing]:
    return clusters[request.param]


def _of(things: list[Thing], *kinds: str) -> list[Thing]:
    return [thing for thing in things if thing["kind"] in kinds]


def _name(thing: Thing) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"


def _template(workload: Thing) -> Thing:
    spec = workload["spec"]
    template: Thing = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    return template


def _containers(things: list[Thing]) -> Iterator[tuple[str, Thing, Thing]]:
    """Name of the workload, its pod's spec, one container."""
    for workload in _of(things, *PODS):
        pod = _template(workload)["spec"]
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            yield _name(workload), pod, container


def _matches(selector: Thing, labels: Thing) -> bool:
    assert set(selector) <= {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def test_pods_are_restricted_and_bounded(cluster: list[Thing]) -> None:
    """No root, no privilege, nothing to write to but its volumes; requests, limits and no token."""
    for name, pod, container in _containers(cluster):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) == {"cpu", "memory"}, name
        assert all("sizeLimit" in v["emptyDir"] for v in pod["volumes"] if "emptyDir" in v), name


def test_what_runs_for_long_is_probed(cluster: list[Thing]) -> None:
    """Ready and alive are asked of all; ours may take their time to start."""
    for workload in _of(cluster, "Deployment", "StatefulSet"):
        for container in _template(workload)["spec"]["containers"]:
            assert {"readinessProbe", "livenessProbe"} <= set(container), _name(workload)
            if "storecast" in container["image"] and workload["kind"] == "Deployment":
                assert "startupProbe" in container, _name(workload)


def test_images_are_of_a_release(cluster: list[Thing]) -> None:
    """Each image has a tag that says which, and never latest."""
    for name, _, container in _containers(cluster):
        tag = container["image"].rpartition(":")[2]
        assert re.fullmatch(r"\d+\.\d+.*", tag), f"{name}: {container['image']}"


def test_names_lead_to_what_is_there(cluster: list[Thing]) -> None:
    """Volumes, claims, accounts, settings, secrets, services and selectors: each is met by something."""
    there = {_name(thing) for thing in cluster}
    secrets = {
        thing["spec"]["target"]["name"] if thing["kind"] == "ExternalSecret" else thing["metadata"]["name"]
        for thing in _of(cluster, "Secret", "ExternalSecret")
    }
    pods = [(_name(w), _template(w)["metadata"]["labels"]) for w in _of(cluster, *PODS)]
    for name, pod, container in _containers(cluster):
        if "serviceAccountName" in pod:
            assert f"ServiceAccount/{pod['serviceAccountName']}" in there, name
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        claims = {
            v["persistentVolumeClaim"]["claimName"] for v in volumes.values() if "persistentVolumeClaim" in v
        }
        assert {f"PersistentVolumeClaim/{claim}" for claim in claims} <= there, name
        assert {v["secret"]["secretName"] for v in volumes.values() if "secret" in v} <= secrets, name
        for source in container.get("envFrom", ()):
            assert f"ConfigMap/{source['configMapRef']['name']}" in there, name
    for workload in _of(cluster, "Deployment", "StatefulSet"):
        assert _matches(workload["spec"]["selector"], _template(workload)["metadata"]["labels"])
    for thing in _of(cluster, "Service"):
        met = [name for name, labels in pods if thing["spec"]["selector"].items() <= labels.items()]
        assert len(met) == 1, _name(thing)
    for thing in _of(cluster, "NetworkPolicy", "PodDisruptionBudget"):
        selector = thing["spec"].get("podSelector", thing["spec"].get("selector"))
        assert any(_matches(selector, labels) for _, labels in pods), _name(thing)
    for thing in _of(cluster, "Ingress"):
        for rule in thing["spec"]["rules"]:
            backend = rule["http"]["paths"][0]["backend"]["service"]
            assert f"Service/{backend['name']}" in there, _name(thing)
    scaled = {_name(t): t["spec"]["scaleTargetRef"] for t in _of(cluster, "HorizontalPodAutoscaler")}
    assert {f"{ref['kind']}/{ref['name']}" for ref in scaled.values()} <= there


def test_volumes_are_mounted_where_they_are_named(cluster: list[Thing]) -> None:
    """No mount without a volume and no volume without a mount; templates of claims count."""
    for workload in _of(cluster, *PODS):
        pod = _template(workload)["spec"]
        claimed = {t["metadata"]["name"] for t in workload["spec"].get("volumeClaimTemplates", ())}
        mounted = {mount["name"] for c in pod["containers"] for mount in c["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]} | claimed, _name(workload)


def test_everybody_is_shut_off_unless_named(cluster: list[Thing]) -> None:
    """The default denies both ways, every pod is told who may ask it, and none may reach everything."""
    policies = _of(cluster, "NetworkPolicy")
    closed = [p for p in policies if not p["spec"]["podSelector"] and not p["spec"].get("egress")]
    assert [sorted(p["spec"]["policyTypes"]) for p in closed] == [["Egress", "Ingress"]]
    for workload in _of(cluster, *PODS):
        labels = _template(workload)["metadata"]["labels"]
        named = [
            p for p in policies if p["spec"]["podSelector"] and _matches(p["spec"]["podSelector"], labels)
        ]
        assert any("Ingress" in p["spec"]["policyTypes"] for p in named), _name(workload)
    for policy in policies:
        for rule in (*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())):
            assert rule.get("from") or rule.get("to"), _name(policy)
            assert rule.get("ports"), _name(policy)


def test_no_rights_in_the_cluster(cluster: list[Thing]) -> None:
    """Nothing of ours speaks to the API server: no role is bound, and no account mounts a token."""
    assert _of(cluster, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") == []
    accounts = _of(cluster, "ServiceAccount")
    assert accounts
    assert all(account["automountServiceAccountToken"] is False for account in accounts)


def test_nothing_secret_is_written_down(clusters: dict[str, list[Thing]]) -> None:
    """Staging and production name secrets and hold none; no setting or command carries a password."""
    for overlay in ("staging", "production"):
        assert _of(clusters[overlay], "Secret") == []
    for things in clusters.values():
        for thing in _of(things, "ConfigMap", *PODS):
            assert not re.search(r"://[^/\s]*:[^/\s]+@", yaml.safe_dump(thing)), _name(thing)
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", "deploy/kubernetes/overlays/development/secrets/tls.key"],
        cwd=ROOT,
        check=False,
    )
    assert ignored.returncode == 0


def test_development_without_its_secrets_is_refused(tmp_path: Path) -> None:
    """There is no default password: without the files nothing renders."""
    shutil.copytree(ROOT / "deploy" / "kubernetes", tmp_path / "k", ignore=shutil.ignore_patterns("secrets"))
    done = subprocess.run(
        [kubectl(), "kustomize", str(tmp_path / "k/overlays/development")], capture_output=True, check=False
    )
    assert done.returncode != 0


def test_secrets_are_random_and_stay(tmp_path: Path) -> None:
    """Two folders differ, the same folder keeps what it has, and nobody else may read it."""
    one, other = tmp_path / "one", tmp_path / "other"
    assert write_secrets(one)
    assert write_secrets(other)
    assert write_secrets(one) == []
    for name in ("postgres-password", "redis.conf", "tls.key"):
        assert (one / name).read_bytes() != (other / name).read_bytes()
        assert (one / name).stat().st_mode & 0o077 == 0
    assert (one / "postgres-password").read_text() in (one / "storecast_log_url").read_text()


def test_commands_exist(cluster: list[Thing]) -> None:
    """Each of our containers runs a command that this program has, with options that it knows."""
    runner = CliRunner()
    seen = set()
    for name, _, container in _containers(cluster):
        if "storecast" not in container["image"] or container.get("command"):
            continue
        words = container["args"]
        seen.add(words[0])
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        told = runner.invoke(app, [words[0], "--help"], terminal_width=200)
        assert told.exit_code == 0, f"{name}: {shlex.join(words)}"
        assert [option for option in options if option not in told.output] == [], name
    assert {"serve", "web", "follow", "migrate"} <= seen


def test_settings_exist(cluster: list[Thing]) -> None:
    """Each variable is a setting of the program, and the secrets' files are named as settings."""
    known = {f"STORECAST_{field.upper()}" for field in Settings.model_fields}
    for thing in _of(cluster, "ConfigMap"):
        assert set(thing["data"]) <= known
    for name, _, container in _containers(cluster):
        ours = {e["name"] for e in container.get("env", ()) if e["name"].startswith("STORECAST_")}
        assert ours <= known, name
    named = [
        item["secretKey"]
        for thing in _of(cluster, "ExternalSecret")
        if thing["metadata"]["name"] in ("storecast-service", "storecast-jobs")
        for item in thing["spec"]["data"]
    ]
    named += [
        key
        for thing in _of(cluster, "Secret")
        if thing["metadata"]["name"].startswith(("storecast-service", "storecast-jobs"))
        for key in (thing.get("data") or {})
    ]
    assert named
    assert {key.upper() for key in named} <= known


def test_no_release_goes_down_while_it_rolls(cluster: list[Thing]) -> None:
    """A new pod is ready before an old one ends, a pod has time to drain, and zones are spread over."""
    for name in ("storecast-service", "storecast-webapp"):
        (found,) = [t for t in _of(cluster, "Deployment") if t["metadata"]["name"] == name]
        assert found["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        assert _template(found)["spec"]["topologySpreadConstraints"]
    (settings,) = _of(cluster, "ConfigMap")
    (service,) = [t for t in _of(cluster, "Deployment") if t["metadata"]["name"] == "storecast-service"]
    grace = _template(service)["spec"]["terminationGracePeriodSeconds"]
    assert grace > 2 * float(settings["data"]["STORECAST_DRAIN_SECONDS"])
    assert "replicas" not in service["spec"], "the autoscaler says how many"


_SERVICE, _WEBAPP = "base/service/deployment.yaml", "base/webapp/deployment.yaml"
_LINKS = "enableServiceLinks: false"
BREAKS = {
    "root": (_SERVICE, "runAsUser: 10001", "runAsUser: 0"),
    "privilege": (_SERVICE, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
    "writable root": (_WEBAPP, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
    "capabilities": ("base/follower/deployment.yaml", "drop: [ALL]", "add: [SYS_ADMIN]"),
    "no limits": (_SERVICE, 'limits: {cpu: "1", memory: 512Mi}', "limits: {}"),
    "unknown field": ("base/service/service.yaml", "targetPort: http", "targetPort: http\n      target: 1"),
    "wrong type": (_WEBAPP, "replicas: 2", "replicas: two"),
    "no liveness": (_WEBAPP, "livenessProbe:", "x-liveness:"),
    "host network": (_WEBAPP, _LINKS, f"{_LINKS}\n      hostNetwork: true"),
}


@pytest.mark.rehearsal
@pytest.mark.parametrize("which", BREAKS)
def test_checks_bite(which: str, tmp_path: Path) -> None:
    """Each rule broken once in a copy: the static checks fail, and name the overlay."""
    deploy_environment()
    kubectl()
    tree = _tree(tmp_path)
    for overlay in ("development", "production"):  # one is enough, and the quickest
        shutil.rmtree(tree / "deploy/kubernetes/overlays" / overlay)
    path, right, wrong = BREAKS[which]
    file = tree / "deploy/kubernetes" / path
    text = file.read_text(encoding="utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    found: list[Outcome] = list(kubernetes.checks(tree))
    assert "failed" in [outcome.result for outcome in found]
