"""Pods of the rendered manifests, played by podman as a node of a cluster would run them.

What podman 4.3 does not know is translated, and nothing else is changed:

- **Volumes of secrets** become folders that lie as the kubelet lays them (``..data`` is a link that is
  changed in one step), root's and the group's of ``fsGroup``, with the manifest's mode.
- **Claims mounted by ``subPath``** become folders in the claim's folder, made as the kubelet makes them.
- **Probes** are left out of what podman is given, which would ask by a program that no image has: ``ready``
  asks, by the manifest's path, port and scheme, and like the kubelet believes any certificate.
- **Names of services** become ``hostAliases``; **images** are those that were built here.
- **A Job** becomes a pod that is not started again.

Not played at all: quotas of ``emptyDir``, spreading over nodes, network policies, and whatever else is no
node's work.
"""

from __future__ import annotations

import base64
import copy
import itertools
import os
import time
from pathlib import Path

import httpx
import yaml

from tests.certificates import Authority
from tests.deploy.manifests import Thing, named, of, template
from tests.deploy.podman import Machine

__all__ = ["Node", "Pod"]


class Volume:
    """A secret's volume: files of ``group``, readable as ``mode`` says; ``put`` replaces all in one step."""

    def __init__(self, folder: Path, group: int, mode: int) -> None:
        self.folder, self._group, self._mode = folder, group, mode
        self._number = itertools.count(1)
        folder.mkdir(parents=True)

    def put(self, files: dict[str, bytes]) -> None:
        """As the kubelet does it."""
        held = self.folder / f"..{next(self._number)}"
        held.mkdir()
        for name, content in files.items():
            (held / name).write_bytes(content)
            os.chown(held / name, 0, self._group)
            (held / name).chmod(self._mode)
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        (self.folder / "..new").symlink_to(held.name)
        (self.folder / "..new").replace(self.folder / "..data")


class Pod:
    """A pod that was played: ``spec`` is its own as rendered, ``address`` where it listens."""

    def __init__(self, machine: Machine, name: str, spec: Thing) -> None:
        self._machine, self.name, self.spec = machine, name, spec
        (self.container,) = spec["containers"]
        self.runs = f"{name}-{self.container['name']}"
        infra = machine.podman("pod", "inspect", "--format", "{{.InfraContainerID}}", name).strip()
        networks = machine.inspect(infra)["NetworkSettings"]["Networks"]
        self.address = next(iter(networks.values()))["IPAddress"]

    def port(self, name: str) -> int:
        """The number of a port of that name."""
        (found,) = [port["containerPort"] for port in self.container["ports"] if port["name"] == name]
        return int(found)

    def url(self, probe: str) -> str:
        """Where the kubelet asks."""
        asked = self.container[probe]["httpGet"]
        scheme = asked.get("scheme", "HTTP").lower()
        return f"{scheme}://{self.address}:{self.port(asked['port'])}{asked['path']}"

    def ready(self, probe: str = "readinessProbe") -> bool:
        """What a probe of the manifest finds."""
        limit = self.container[probe].get("timeoutSeconds", 1)
        try:
            return httpx.get(self.url(probe), verify=False, trust_env=False, timeout=limit).is_success
        except httpx.TransportError:
            return False

    def await_ready(self) -> None:
        """Wait as long as the manifest gives it to start, then until it is ready."""
        probe = self.container["startupProbe"]
        last = time.monotonic() + probe["periodSeconds"] * probe["failureThreshold"]

        def started() -> bool:
            assert time.monotonic() < last, f"too slow for its startup probe\n{self._machine.logs(self.runs)}"
            return self.ready("startupProbe")

        self._machine.await_(self.runs, started)
        self._machine.await_(self.runs, self.ready)

    def python(self, code: str) -> str:
        """What Python prints inside the container."""
        return self._machine.podman("exec", self.runs, "python3", "-c", code).strip()

    def stop(self) -> int:
        """End it as the kubelet does, SIGTERM and the manifest's time; with which status it ended."""
        grace = self.spec["terminationGracePeriodSeconds"]
        self._machine.podman("pod", "stop", f"--time={grace}", self.name)
        return int(self._machine.state(self.runs)["ExitCode"])


class Node:
    """Where pods of an overlay are played; ``things`` is the overlay, ``folder`` holds claims and secrets.

    ``aliases``: names of services and their addresses.
    """

    def __init__(
        self,
        machine: Machine,
        images: dict[str, str],
        things: list[Thing],
        folder: Path,
        aliases: dict[str, str],
    ) -> None:
        self._machine, self._images, self._things = machine, images, things
        self.folder, self.aliases = folder, aliases
        self._played = itertools.count(1)
        (folder / "authority").mkdir()
        self.authority = Authority(folder / "authority")
        self.secrets: dict[str, Volume] = {}

    def claim(self, name: str, group: int = 0) -> Path:
        """The folder of a claim, which the group may write to, as ``fsGroup`` has it."""
        named(self._things, "PersistentVolumeClaim", name)
        place = self.folder / "claims" / name
        if not place.exists():
            place.mkdir(parents=True)
            os.chown(place, 0, group)
            place.chmod(0o2775)
        return place

    def issue(self, name: str) -> dict[str, bytes]:
        """What cert-manager puts into the secret of a Certificate, by an authority of this node's."""
        (wanted,) = [t for t in of(self._things, "Certificate") if t["spec"]["secretName"] == name]
        issued = self.authority.issue(*wanted["spec"]["dnsNames"])
        return {
            "tls.crt": issued.certificate.read_bytes(),
            "tls.key": issued.key.read_bytes(),
            "ca.crt": self.authority.ca.read_bytes(),
        }

    def content(self, name: str) -> dict[str, bytes]:
        """A secret's files by their names."""
        if any(t["spec"]["secretName"] == name for t in of(self._things, "Certificate")):
            return self.issue(name)
        data = named(self._things, "Secret", name).get("data", {})
        return {key: base64.b64decode(value) for key, value in data.items()}

    def _secret(self, source: Thing, group: int) -> Path:
        name = source["secretName"]
        if name not in self.secrets:
            self.secrets[name] = Volume(self.folder / "secrets" / name, group, source["defaultMode"])
            self.secrets[name].put(self.content(name))
        return self.secrets[name].folder

    def _translated(self, spec: Thing) -> Thing:
        spec = copy.deepcopy(spec)
        group = spec["securityContext"]["fsGroup"]
        spec["hostAliases"] = [{"ip": ip, "hostnames": [name]} for name, ip in self.aliases.items()]
        kept, claims = [], {}
        for volume in spec["volumes"]:
            if "secret" in volume:
                path = self._secret(volume["secret"], group)
                kept.append({"name": volume["name"], "hostPath": {"path": str(path)}})
            elif "persistentVolumeClaim" in volume:
                claims[volume["name"]] = self.claim(volume["persistentVolumeClaim"]["claimName"], group)
            else:
                kept.append(volume)
        for container in spec["containers"]:
            container["image"] = self._images[container["image"].partition("storecast-")[2].split(":")[0]]
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                container.pop(probe, None)
            for mount in container["volumeMounts"]:
                if mount["name"] in claims:
                    place = claims[mount["name"]] / mount.pop("subPath", "")
                    if not place.exists():
                        place.mkdir()  # its group is the claim's
                        place.chmod(0o2775)
                    mount["name"] = f"{mount['name']}-{place.name}"
                    kept.append({"name": mount["name"], "hostPath": {"path": str(place)}})
        spec["volumes"] = kept
        return spec

    def _play(self, thing: Thing, name: str, spec: Thing) -> Pod:
        used = {s["configMapRef"]["name"] for c in spec["containers"] for s in c.get("envFrom", ())}
        settings = [t for t in of(self._things, "ConfigMap") if t["metadata"]["name"] in used]
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump_all([*settings, thing]), encoding="utf-8")
        options = ["--network=podman", "--log-driver=k8s-file"]
        self._machine.podman("kube", "play", *options, str(file))
        return Pod(self._machine, name, spec)

    def deployment(self, name: str) -> Pod:
        """A pod of a Deployment; podman makes one."""
        thing = copy.deepcopy(named(self._things, "Deployment", name))
        spec = template(thing)["spec"]
        thing["spec"]["template"]["spec"] = self._translated(spec)
        return self._play(thing, f"{name}-pod-0", spec)

    def job(self, name: str, *words: str) -> str:
        """Run a Job's pod to its end, with other ``words`` than the manifest's where they are given; what it
        wrote."""
        found = template(named(self._things, "Job", name))
        spec = copy.deepcopy(found["spec"])
        if words:
            spec["containers"][0]["args"] = list(words)
        pod_name = f"{name}-{next(self._played)}"
        about = {"name": pod_name, "labels": found["metadata"]["labels"]}
        thing = {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": self._translated(spec)}
        pod = self._play(thing, pod_name, spec)
        deadline = time.monotonic() + named(self._things, "Job", name)["spec"]["activeDeadlineSeconds"]
        while self._machine.running(pod.runs):
            assert time.monotonic() < deadline, self._machine.logs(pod.runs)
            time.sleep(0.2)
        assert self._machine.state(pod.runs)["ExitCode"] == 0, self._machine.logs(pod.runs)
        return self._machine.logs(pod.runs)
