"""The manifests as kubectl renders them: whole, closed, and of commands and settings that exist."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from mlflow.server.security_utils import is_allowed_host_header, is_health_endpoint
from typer.testing import CliRunner

from storecast.cli.app import app
from storecast.settings import Settings
from tests.deploy.manifests import Thing, copied, named, of, render, template
from tests.deploy.tools import deploy_environment, kubectl
from tests.needs import ROOT
from tools.deploy import kubernetes
from tools.deploy.cluster_secrets import write_secrets
from tools.deploy.outcome import Outcome

OVERLAYS = ("development", "staging", "production")
PODS = ("Deployment", "StatefulSet", "Job", "CronJob")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def clusters(tree: Path) -> dict[str, list[Thing]]:
    return {overlay: render(tree, overlay) for overlay in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def cluster(request: pytest.FixtureRequest, clusters: dict[str, list[Thing]]) -> list[Thing]:
    return clusters[request.param]


def _name(thing: Thing) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"


def _containers(things: list[Thing]) -> Iterator[tuple[str, Thing, Thing]]:
    """Name of the workload, its pod's spec, one container."""
    for workload in of(things, *PODS):
        pod = template(workload)["spec"]
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            yield _name(workload), pod, container


def _matches(selector: Thing, labels: Thing) -> bool:
    assert set(selector) <= {"matchLabels"}
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _secrets(cluster: list[Thing]) -> set[str]:
    """Names of the secrets that are there or will be: our own, those from outside, those of certificates."""
    names = {thing["metadata"]["name"] for thing in of(cluster, "Secret")}
    names |= {thing["spec"]["target"]["name"] for thing in of(cluster, "ExternalSecret")}
    return names | {thing["spec"]["secretName"] for thing in of(cluster, "Certificate")}


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
    for workload in of(cluster, "Deployment", "StatefulSet"):
        for container in template(workload)["spec"]["containers"]:
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
    secrets = _secrets(cluster)
    pods = [(_name(w), template(w)["metadata"]["labels"]) for w in of(cluster, *PODS)]
    pods.append(("Pod of cert-manager", _SOLVER))
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
    for workload in of(cluster, "Deployment", "StatefulSet"):
        assert _matches(workload["spec"]["selector"], template(workload)["metadata"]["labels"])
    for thing in of(cluster, "Service"):
        met = [name for name, labels in pods if thing["spec"]["selector"].items() <= labels.items()]
        assert len(met) == 1, _name(thing)
    for thing in of(cluster, "NetworkPolicy", "PodDisruptionBudget"):
        selector = thing["spec"].get("podSelector", thing["spec"].get("selector"))
        assert any(_matches(selector, labels) for _, labels in pods), _name(thing)
    for thing in of(cluster, "Ingress"):
        for rule in thing["spec"]["rules"]:
            backend = rule["http"]["paths"][0]["backend"]["service"]
            assert f"Service/{backend['name']}" in there, _name(thing)
    for thing in of(cluster, "Certificate"):
        assert f"Issuer/{thing['spec']['issuerRef']['name']}" in there, _name(thing)
    for thing in of(cluster, "Issuer"):
        assert thing["spec"].get("ca", {}).get("secretName") in {None, *secrets}, _name(thing)
    scaled = {_name(t): t["spec"]["scaleTargetRef"] for t in of(cluster, "HorizontalPodAutoscaler")}
    assert {f"{ref['kind']}/{ref['name']}" for ref in scaled.values()} <= there


def _nodes(value: Any) -> Iterator[Thing]:
    """Every mapping within ``value``, at any depth."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(inner)


def test_kinds_that_kustomize_does_not_know_find_their_secrets(cluster: list[Thing]) -> None:
    """What an operator or the ingress is told to read is there by the name it is told, hash and all."""
    secrets, found = _secrets(cluster), set()
    for thing in of(cluster, "ServiceMonitor"):
        # A key of a secret is named by these two words alone, in each field of the operator's.
        found |= {node["name"] for node in _nodes(thing["spec"]) if set(node) == {"name", "key"}}
    for thing in of(cluster, "Ingress"):
        notes = thing["metadata"]["annotations"]
        found |= {value.split("/")[1] for key, value in notes.items() if key.endswith("/proxy-ssl-secret")}
        if "cert-manager.io/cluster-issuer" not in notes:  # which makes the secret that is named
            found |= {tls["secretName"] for tls in thing["spec"]["tls"]}
    assert {"storecast-metrics", "storecast-service-tls", "storecast-ingress-tls"} <= found
    assert found <= secrets


# As cert-manager labels the pods that answer for a host.
_SOLVER = {"acme.cert-manager.io/http01-solver": "true"}


def test_public_certificates_can_be_issued(cluster: list[Thing]) -> None:
    """Each ingress names a secret of its own, for cert-manager makes none of which two say what is in it; and
    the pods that answer for a host are reached by the ingress, at their port alone."""
    ingresses = of(cluster, "Ingress")
    public = [tls["secretName"] for thing in ingresses for tls in thing["spec"]["tls"]]
    inside = {thing["spec"]["secretName"] for thing in of(cluster, "Certificate")}
    assert len(set(public)) == len(public) == len(ingresses) == 2
    assert not set(public) & inside
    rules = [
        (policy["spec"]["policyTypes"], policy["spec"].get("ingress"))
        for policy in of(cluster, "NetworkPolicy")
        if policy["spec"]["podSelector"] and _matches(policy["spec"]["podSelector"], _SOLVER)
    ]
    door = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}
    assert rules == [(["Ingress"], [{"from": [door], "ports": [{"protocol": "TCP", "port": 8089}]}])]


def test_development_runs_on_a_cluster_of_one_node(clusters: dict[str, list[Thing]]) -> None:
    """Its claims are such as the local storage of kind and k3d fulfils; elsewhere nodes share them."""
    for overlay, mode in (("development", "ReadWriteOnce"), ("production", "ReadWriteMany")):
        claims = of(clusters[overlay], "PersistentVolumeClaim")
        assert {"storecast-state", "storecast-sales"} <= {claim["metadata"]["name"] for claim in claims}
        assert [claim["spec"]["accessModes"] for claim in claims] == [[mode]] * len(claims)


def test_mlflow_inside_answers_to_its_name(clusters: dict[str, list[Thing]]) -> None:
    """MLflow's server refuses questions to a name that it was not told: it is told the one that is asked."""
    things = clusters["development"]
    (settings,) = of(things, "ConfigMap")
    asked = urlsplit(settings["data"]["STORECAST_TRACKING_URI"])
    (container,) = template(named(things, "StatefulSet", "mlflow"))["spec"]["containers"]
    told = dict(word.partition("=")[::2] for word in container["args"])
    assert is_allowed_host_header(told["--allowed-hosts"].split(","), asked.netloc)
    assert {named(things, "Service", asked.hostname or "")["spec"]["ports"][0]["port"]} == {asked.port}
    probes = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("readiness", "liveness")}
    assert all(is_health_endpoint(path) for path in probes)  # which the kubelet asks by the pod's address


def test_volumes_are_mounted_where_they_are_named(cluster: list[Thing]) -> None:
    """No mount without a volume and no volume without a mount; templates of claims count."""
    for workload in of(cluster, *PODS):
        pod = template(workload)["spec"]
        claimed = {t["metadata"]["name"] for t in workload["spec"].get("volumeClaimTemplates", ())}
        mounted = {mount["name"] for c in pod["containers"] for mount in c["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]} | claimed, _name(workload)


def test_everybody_is_shut_off_unless_named(cluster: list[Thing]) -> None:
    """The default denies both ways, every pod is told who may ask it, and none may reach everything."""
    policies = of(cluster, "NetworkPolicy")
    closed = [p for p in policies if not p["spec"]["podSelector"] and not p["spec"].get("egress")]
    assert [sorted(p["spec"]["policyTypes"]) for p in closed] == [["Egress", "Ingress"]]
    for workload in of(cluster, *PODS):
        labels = template(workload)["metadata"]["labels"]
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
    assert of(cluster, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") == []
    accounts = of(cluster, "ServiceAccount")
    assert accounts
    assert all(account["automountServiceAccountToken"] is False for account in accounts)


def test_nothing_secret_is_written_down(clusters: dict[str, list[Thing]]) -> None:
    """Staging and production name secrets and hold none; no setting or command carries a password."""
    for overlay in ("staging", "production"):
        assert of(clusters[overlay], "Secret") == []
    for things in clusters.values():
        for thing in of(things, "ConfigMap", *PODS):
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
        names = words[:2] if words[0] == "backup" else words[:1]
        told = runner.invoke(app, [*names, "--help"], terminal_width=200)
        assert told.exit_code == 0, f"{name}: {shlex.join(words)}"
        assert [option for option in options if option not in told.output] == [], name
    assert {"serve", "web", "follow", "migrate"} <= seen


def test_settings_exist(cluster: list[Thing]) -> None:
    """Each variable is a setting of the program, and the secrets' files are named as settings."""
    known = {f"STORECAST_{field.upper()}" for field in Settings.model_fields}
    for thing in of(cluster, "ConfigMap"):
        assert set(thing["data"]) <= known
    for name, _, container in _containers(cluster):
        ours = {e["name"] for e in container.get("env", ()) if e["name"].startswith("STORECAST_")}
        assert ours <= known, name
    named = [
        item["secretKey"]
        for thing in of(cluster, "ExternalSecret")
        if thing["metadata"]["name"] in ("storecast-service", "storecast-jobs")
        for item in thing["spec"]["data"]
    ]
    named += [
        key
        for thing in of(cluster, "Secret")
        if thing["metadata"]["name"].startswith(("storecast-service", "storecast-jobs"))
        for key in (thing.get("data") or {})
    ]
    assert named
    assert {key.upper() for key in named} <= known


def test_no_release_goes_down_while_it_rolls(cluster: list[Thing]) -> None:
    """A new pod is ready before an old one ends, a pod has time to drain, and zones are spread over."""
    for name in ("storecast-service", "storecast-webapp"):
        found = named(cluster, "Deployment", name)
        assert found["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        assert template(found)["spec"]["topologySpreadConstraints"]
    (settings,) = of(cluster, "ConfigMap")
    service = named(cluster, "Deployment", "storecast-service")
    grace = template(service)["spec"]["terminationGracePeriodSeconds"]
    assert grace > 2 * float(settings["data"]["STORECAST_DRAIN_SECONDS"])
    assert "replicas" not in service["spec"], "the autoscaler says how many"


_BEHIND = ("storecast-service", "storecast-webapp")  # what the ingress asks
_NGINX = "nginx.ingress.kubernetes.io/"


def _pod_of(cluster: list[Thing], name: str) -> tuple[Thing, dict[str, str]]:
    """The only container of a Deployment, and its variables."""
    found = named(cluster, "Deployment", name)
    (container,) = template(found)["spec"]["containers"]
    return container, {e["name"]: e["value"] for e in container["env"]}


@pytest.mark.parametrize("name", _BEHIND)
def test_nobody_speaks_plain_http_behind_the_ingress(cluster: list[Thing], name: str) -> None:
    """What listens shows a certificate of its name, from files; each probe and the ingress ask it by TLS, and
    the ingress believes nobody but that certificate's authority."""
    container, variables = _pod_of(cluster, name)
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
    (port,) = container["ports"]
    assert [(probe["scheme"], probe["port"]) for probe in probes] == [("HTTPS", port["name"])] * 3
    found = named(cluster, "Deployment", name)
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "tls"]
    (volume,) = [v["secret"] for v in template(found)["spec"]["volumes"] if v["name"] == "tls"]
    assert mount == {"name": "tls", "mountPath": "/run/tls", "readOnly": True}
    assert variables["STORECAST_TLS_CERT_FILE"] == "/run/tls/tls.crt"
    assert variables["STORECAST_TLS_KEY_FILE"] == "/run/tls/tls.key"
    assert volume["defaultMode"] == 0o440  # root's and, by fsGroup, the program's
    assert template(found)["spec"]["securityContext"]["fsGroup"] == 10001
    certificates = {t["spec"]["secretName"]: t for t in of(cluster, "Certificate")}
    shown = certificates[volume["secretName"]]
    assert shown["spec"]["dnsNames"] == [name, f"{name}.{shown['metadata']['namespace']}.svc"]
    assert "server auth" in shown["spec"]["usages"]
    ingress = named(cluster, "Ingress", name)
    said = {
        key.removeprefix(_NGINX): value
        for key, value in ingress["metadata"]["annotations"].items()
        if key.startswith(_NGINX)
    }
    assert said["backend-protocol"] == "HTTPS"
    assert (said["proxy-ssl-verify"], said["proxy-ssl-server-name"]) == ("on", "on")
    assert said["proxy-ssl-name"] in shown["spec"]["dnsNames"]
    namespace, _, trusted = said["proxy-ssl-secret"].partition("/")
    assert namespace == ingress["metadata"]["namespace"]
    assert certificates[trusted]["spec"]["issuerRef"] == shown["spec"]["issuerRef"]
    assert trusted not in {volume["secretName"], "storecast-inside-ca"}  # the ingress shows no pod's key


def test_web_app_and_prometheus_verify_the_service(cluster: list[Thing]) -> None:
    """They ask it by a name of its certificate, over TLS, and trust the authority that signed it."""
    shown = named(cluster, "Certificate", "storecast-service-tls")
    _, variables = _pod_of(cluster, "storecast-webapp")
    assert variables["STORECAST_SERVICE_URL"] == "https://storecast-service:8000"
    assert variables["STORECAST_SERVICE_CA_FILE"] == "/run/tls/ca.crt"
    (monitor,) = of(cluster, "ServiceMonitor")
    for endpoint in monitor["spec"]["endpoints"]:
        assert endpoint["scheme"] == "https"
        assert endpoint["tlsConfig"] == {
            "ca": {"secret": {"name": shown["spec"]["secretName"], "key": "ca.crt"}},
            "serverName": shown["spec"]["dnsNames"][0],
        }


def test_certificates_are_short_lived_and_their_authority_is_out_of_reach(cluster: list[Thing]) -> None:
    """Each is renewed in time, the pods' with new keys; no pod mounts the key that signs them, and no
    variable holds one."""
    (authority,) = [t for t in of(cluster, "Certificate") if t["spec"].get("isCA")]
    for thing in of(cluster, "Certificate"):
        spec = thing["spec"]
        lasts, before = (int(spec[field].removesuffix("h")) for field in ("duration", "renewBefore"))
        assert 0 < before < lasts, _name(thing)
        if thing is authority:
            # with the same key, who still has the old file of the authority trusts what the new one signs
            assert spec["privateKey"]["rotationPolicy"] == "Never"
        else:
            assert (spec["privateKey"]["rotationPolicy"], lasts <= 31 * 24) == ("Always", True), _name(thing)
    for name, pod, container in _containers(cluster):
        files = {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        assert authority["spec"]["secretName"] not in files, name
        assert not [e for e in container.get("env", ()) if "secretKeyRef" in e.get("valueFrom", {})], name


def test_the_follower_s_pod_can_train_a_first_version(
    clusters: dict[str, list[Thing]], tmp_path: Path
) -> None:
    """It reads the sales, may write what training writes, and at its first start makes the key that signs, at
    the second none: without one that is named nothing is trained."""
    pod = template(named(clusters["staging"], "Deployment", "storecast-follower"))["spec"]
    (container,), (first,) = pod["containers"], pod["initContainers"]
    places = {m["mountPath"]: m.get("readOnly", False) for m in container["volumeMounts"]}
    assert places["/data"] is True
    assert not any(places[f"/var/lib/storecast/{name}"] for name in ("releases", "trust", "signing"))
    assert first["image"] == container["image"]
    assert {m["mountPath"] for m in first["volumeMounts"]} < set(places) - {"/data"}
    (variable,) = [e for e in container["env"] if e["name"] == "STORECAST_SIGNING_KEY_FILE"]
    assert variable in first["env"]
    assert variable["value"].startswith("/var/lib/storecast/signing/")
    program = tmp_path / "bin" / "storecast"
    program.parent.mkdir()
    own = f"exec {sys.executable} -c 'from storecast.cli import main; main()' \"$@\""
    program.write_text(f"#!/bin/sh\n{own}\n", encoding="utf-8")
    program.chmod(0o755)
    key = tmp_path / "signing" / "key.pem"
    environment = os.environ | {
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "STORECAST_HOME": str(tmp_path / "home"),
        "STORECAST_TRUST_FILE": str(tmp_path / "trust" / "trusted.json"),
        variable["name"]: str(key),
    }
    made = []
    for _ in range(2):
        subprocess.run([*first["command"], *first["args"]], env=environment, check=True, capture_output=True)
        made.append(key.read_bytes())
    assert made[0] == made[1] != b""
    assert len(json.loads((tmp_path / "trust" / "trusted.json").read_text())["keys"]) == 1


def test_sales_are_brought_by_a_pod_that_the_namespace_takes(cluster: list[Thing]) -> None:
    """What is applied by hand is as restricted as the rest, and writes to the volume that jobs read."""
    pod = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "sales.yaml").read_text(encoding="utf-8"))["spec"]
    follower = template(named(cluster, "Deployment", "storecast-follower"))["spec"]
    assert pod["securityContext"] == follower["securityContext"]
    (container,), (reader,) = pod["containers"], follower["containers"]
    assert container["securityContext"] == reader["securityContext"]
    assert container["volumeMounts"] == [{"name": "sales", "mountPath": "/data"}]
    (volume,) = pod["volumes"]
    (read,) = [v for v in follower["volumes"] if v["name"] == "sales"]
    assert volume["persistentVolumeClaim"]["claimName"] == read["persistentVolumeClaim"]["claimName"]


def _cron(cluster: list[Thing], name: str) -> tuple[Thing, Thing, Thing]:
    """Spec of the CronJob, of its pod, and of its container."""
    found = named(cluster, "CronJob", name)
    pod = template(found)["spec"]
    return found["spec"], pod, pod["containers"][0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("storecast-update", ["update", "/data/sales"]),
        ("storecast-monitor", ["monitor", "/data/sales", "--retrain"]),
    ],
)
def test_the_clock_takes_actuals_first(cluster: list[Thing], name: str, words: list[str]) -> None:
    """Without them nothing that was forecast is ever judged: the same sales, by the same release, into the
    same database, and nothing else is written."""
    _, pod, container = _cron(cluster, name)
    (first,) = pod["initContainers"]
    assert (first["args"], container["args"]) == (["actuals", "/data/sales"], words)
    for same in ("image", "envFrom"):
        assert first[same] == container[same]
    places = {m["mountPath"]: m for m in first["volumeMounts"]}
    assert {"/data", "/run/secrets"} < set(places)
    assert all(place.get("readOnly") for place in places.values() if place["name"] not in ("home", "tmp"))


def test_backups_are_made_and_tried_by_the_clock(cluster: list[Thing]) -> None:
    """Each night one, of the spools of all pods too, and each week a restore for a trial; never two at once,
    and a restore for good only by hand. What it reads it cannot write to."""
    (settings,) = of(cluster, "ConfigMap")
    assert settings["data"]["STORECAST_BACKUP_TO"]
    for name, words, schedule in (
        ("storecast-backup", ["backup", "create", "--keep", "14", "--json"], r"\d+ \d+ \* \* \*"),
        ("storecast-backup-verify", ["backup", "verify", "--json"], r"\d+ \d+ \* \* \d"),
        ("storecast-restore", ["restore", "$(STORECAST_BACKUP_TO)", "--force", "--json"], ".*"),
    ):
        spec, pod, container = _cron(cluster, name)
        assert container["args"] == words
        assert re.fullmatch(schedule, spec["schedule"])
        assert spec["concurrencyPolicy"] == "Forbid"
        assert {spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]} <= {1, 2, 3, 4, 5}
        assert spec.get("suspend", False) is (name == "storecast-restore")
        assert pod["serviceAccountName"] == "storecast-backup"
        assert any("configMapRef" in source for source in container["envFrom"])
    mounts = {name: {m["mountPath"]: m for m in _cron(cluster, name)[2]["volumeMounts"]} for name in _BACKUPS}
    service = named(cluster, "Deployment", "storecast-service")
    shared = {
        m["mountPath"] for m in template(service)["spec"]["containers"][0]["volumeMounts"] if "subPath" in m
    }
    assert shared == {f"/var/lib/storecast/{name}" for name in ("releases", "spool", "trust", "copies")}
    # Copies are made again from the database: a backup has none, a restore does away with them.
    kept = shared - {"/var/lib/storecast/copies"}
    for name, wanted, read_only in (("storecast-backup", kept, True), ("storecast-restore", shared, False)):
        state = {p: m.get("readOnly", False) for p, m in mounts[name].items() if "subPath" in m}
        assert state == dict.fromkeys(wanted, read_only)


_BACKUPS = ("storecast-backup", "storecast-backup-verify", "storecast-restore")


def test_the_key_of_backups_is_theirs_alone(cluster: list[Thing]) -> None:
    """It is in a secret that no other pod mounts, by the name under which it is looked for, and is a key
    where we make it; their account is theirs too, so that a role of the cloud is."""
    holders, accounts = set(), set()
    for name, pod, container in _containers(cluster):
        files = [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v]
        if any(file.startswith("storecast-backup") for file in files):
            holders.add(name)
            env = {e["name"]: e["value"] for e in container["env"]}
            assert env["STORECAST_BACKUP_KEY_FILE"] == "/run/secrets/backup_key"
        if pod.get("serviceAccountName") == "storecast-backup":
            accounts.add(name)
    assert holders == accounts == {f"CronJob/{name}" for name in _BACKUPS}
    ours = [t for t in cluster if t["metadata"]["name"].startswith("storecast-backup")]
    (secret,) = of(ours, "Secret", "ExternalSecret")
    if secret["kind"] == "Secret":
        assert re.fullmatch(r"[0-9a-f]{64}", base64.b64decode(secret["data"]["backup_key"]).decode())
    else:
        assert "backup_key" in {item["secretKey"] for item in secret["spec"]["data"]}


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_backups_reach_the_object_store(clusters: dict[str, list[Thing]], overlay: str) -> None:
    """By TLS alone, and nobody's metadata; their account may take a role of the cloud."""
    things = clusters[overlay]
    (settings,) = of(things, "ConfigMap")
    assert settings["data"]["STORECAST_BACKUP_TO"].startswith(f"s3://storecast-{overlay}-backups/")
    account = named(things, "ServiceAccount", "storecast-backup")
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].endswith(f"{overlay}-backup")
    labels = {"app.kubernetes.io/name": "storecast-backup", "storecast/batch": "true"}
    rules = [
        rule
        for policy in of(things, "NetworkPolicy")
        if policy["spec"]["podSelector"] and _matches(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get("egress", ())
    ]
    outside = [r for r in rules if any(to.get("ipBlock", {}).get("cidr") == "0.0.0.0/0" for to in r["to"])]
    assert [rule["ports"] for rule in outside] == [[{"protocol": "TCP", "port": 443}]]
    assert outside[0]["to"][0]["ipBlock"]["except"] == ["169.254.0.0/16"]


_SERVICE, _WEBAPP = "base/service/deployment.yaml", "base/webapp/deployment.yaml"
_BACKUP = "base/jobs/backup.yaml"
_INSIDE = "components/tls-inside/kustomization.yaml"
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
    "backup as root": (_BACKUP, "runAsUser: 10001", "runAsUser: 0"),
    "backup with privileges": (_BACKUP, "drop: [ALL]", "add: [SYS_ADMIN]"),
    "backup without limits": (_BACKUP, 'limits: {cpu: "2", memory: 2Gi}', "limits: {}"),
    "backup of an unknown kind": (_BACKUP, "concurrencyPolicy: Forbid", "concurrencyPolicy: 1"),
    "verify on a writable root": (
        "base/jobs/backup-verify.yaml",
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
    ),
    "restore with a token": (
        "base/jobs/restore.yaml",
        "automountServiceAccountToken: false",
        "automountServiceAccountToken: maybe",
    ),
    "probe with a field that is none": (
        _INSIDE,
        "readinessProbe/httpGet/scheme",
        "readinessProbe/httpGet/schema",
    ),
    "mode of a key that is none": (_INSIDE, "defaultMode: 0440", "defaultMode: read"),
    "host network": (_WEBAPP, _LINKS, f"{_LINKS}\n      hostNetwork: true"),
}


@pytest.mark.rehearsal
@pytest.mark.parametrize("which", BREAKS)
def test_checks_bite(which: str, tmp_path: Path) -> None:
    """Each rule broken once in a copy: the static checks fail, and name the overlay."""
    deploy_environment()
    kubectl()
    tree = copied(tmp_path)
    for overlay in ("development", "production"):  # one is enough, and the quickest
        shutil.rmtree(tree / "deploy/kubernetes/overlays" / overlay)
    path, right, wrong = BREAKS[which]
    file = tree / "deploy/kubernetes" / path
    text = file.read_text(encoding="utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong), encoding="utf-8")
    found: list[Outcome] = list(kubernetes.checks(tree))
    assert "failed" in [outcome.result for outcome in found]
