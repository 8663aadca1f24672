"""Stands for kubectl before a cluster: it keeps what it is given, as a cluster would, and answers of that.

``kustomize`` and the evaluation of templates are the real program's (``KUBECTL``), everything else is here:
objects by kind and name, a Job that cannot be changed, the images that a Deployment ran before. ``MIGRATION``
is how the migration ends, ``UNHEALTHY`` a release whose pods never become ready.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

Thing = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"
_KINDS = {"replicasets": "ReplicaSet", "cronjobs": "CronJob", "cronjob.batch": "CronJob"}
_KINDS |= {kind.lower(): kind for kind in ("Deployment", "StatefulSet", "Job", "Ingress")}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _err(text: object) -> None:
    sys.stderr.write(f"{text}\n")


def _pod(thing: Thing) -> Thing:
    spec = thing["spec"]["jobTemplate"]["spec"] if thing["kind"] == "CronJob" else thing["spec"]
    found: Thing = spec["template"]["spec"]
    return found


def _image(thing: Thing) -> str:
    return str(_pod(thing)["containers"][0]["image"])


class Cluster:
    """Objects by ``Kind/name``; written back by ``keep``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.things: dict[str, Thing] = json.loads(file.read_text()) if file.exists() else {}

    def keep(self) -> None:
        self._file.write_text(json.dumps(self.things), encoding="utf-8")

    def of(self, kind: str, label: str = "") -> list[Thing]:
        key, _, value = label.partition("=")
        things = [thing for thing in self.things.values() if thing["kind"] == kind]
        return [thing for thing in things if not key or thing["metadata"]["labels"].get(key) == value]

    def put(self, thing: Thing) -> None:
        """As `apply` does; raises ValueError for a Job that is there already."""
        name = f"{thing['kind']}/{thing['metadata']['name']}"
        if thing["kind"] == "Job":
            if name in self.things:
                raise ValueError(f'The Job "{name}" is invalid: spec.template: field is immutable')
            thing["status"] = {"conditions": [{"type": os.environ["MIGRATION"], "status": "True"}]}
        self.things[name] = thing
        if thing["kind"] == "Deployment":
            self._remember(thing)

    def _remember(self, deployment: Thing) -> None:
        """A revision for each template of pods; one that comes back gets the newest number."""
        name = deployment["metadata"]["name"]
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        sets = self.of("ReplicaSet", f"app.kubernetes.io/name={labels['app.kubernetes.io/name']}")
        newest = max((int(one["metadata"]["annotations"][REVISION]) for one in sets), default=0)
        same = next((one for one in sets if _image(one) == _image(deployment)), None)
        made = same or {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": f"{name}-{newest + 1}", "labels": labels, "annotations": {}},
            "spec": {"template": json.loads(json.dumps(deployment["spec"]["template"]))},
        }
        if same is None or same["metadata"]["annotations"][REVISION] != str(newest):
            made["metadata"]["annotations"][REVISION] = str(newest + 1)
        self.things[f"ReplicaSet/{made['metadata']['name']}"] = made

    def go_back(self, name: str, revision: str) -> None:
        """As `rollout undo` does."""
        deployment = self.things[f"Deployment/{name}"]
        label = f"app.kubernetes.io/name={deployment['metadata']['labels']['app.kubernetes.io/name']}"
        (found,) = [
            one
            for one in self.of("ReplicaSet", label)
            if one["metadata"]["annotations"][REVISION] == revision
        ]
        deployment["spec"]["template"] = json.loads(json.dumps(found["spec"]["template"]))
        self._remember(deployment)


def _template(thing: Thing, expression: str) -> str:
    """What the real program makes of a template."""
    command = [
        os.environ["KUBECTL"],
        "label",
        "--local",
        "-f",
        "-",
        "asked=1",
        "-o",
        f"jsonpath={expression}",
    ]
    return subprocess.run(command, input=json.dumps(thing), capture_output=True, text=True, check=True).stdout


def _show(things: list[Thing], output: str) -> None:
    expression = output.removeprefix("jsonpath=")
    if output == "name":
        for thing in things:
            _say(f"{thing['kind'].lower()}.batch/{thing['metadata']['name']}")
    elif each := re.fullmatch(r"\{range \.items\[\*\]\}(.*)\{end\}", expression):
        _say("".join(_template(thing, each[1]) for thing in things))
    else:
        _say(_template(things[0], expression))


def _get(cluster: Cluster, words: list[str], options: dict[str, str]) -> int:
    kind, _, name = words[0].partition("/")
    if kind == "pods":
        _say("pod-1   0/1   ImagePullBackOff")
        return 0
    things = cluster.of(_KINDS[kind], options.get("-l", ""))
    if name := name or "".join(words[1:]):
        things = [thing for thing in things if thing["metadata"]["name"] == name]
        if not things:
            _err("" if "--ignore-not-found" in options else f"{kind} {name} not found")
            return 0 if "--ignore-not-found" in options else 1
    _show(things, options["-o"])
    return 0


def main(arguments: list[str]) -> int:
    """One call, as the scripts make it."""
    with open(os.environ["NOTES"], "a", encoding="utf-8") as notes:
        notes.write(f"kubectl {' '.join(arguments)}\n")
    if arguments[0] == "kustomize":
        os.execv(os.environ["KUBECTL"], ["kubectl", *arguments])
    if arguments[0] == "-n":
        arguments = arguments[2:]
    options, words = {}, []
    rest = iter(arguments)
    for word in rest:
        if word in ("-o", "-l", "-f"):
            options[word] = next(rest)
        elif word.startswith("--"):
            options[word.partition("=")[0]] = word.partition("=")[2]
        else:
            words.append(word)
    cluster = Cluster(Path(os.environ["STATE"]) / "cluster.json")
    status = _do(cluster, words, options)
    cluster.keep()
    return status


def _do(cluster: Cluster, words: list[str], options: dict[str, str]) -> int:
    match words:
        case ["config", "current-context"]:
            _say("a-cluster")
        case ["apply"] | ["diff"]:
            texts = Path(options["-f"]).read_text(encoding="utf-8")
            things = [thing for thing in yaml.load_all(texts, yaml.CSafeLoader) if thing]
            if words == ["diff"]:
                new = [t for t in things if f"{t['kind']}/{t['metadata']['name']}" not in cluster.things]
                _say("\n".join(f"+kind: {thing['kind']}" for thing in new))
                return 1 if new else 0
            try:
                for thing in things:
                    cluster.put(thing)
            except ValueError as error:
                _err(error)
                return 1
        case ["get", *which]:
            return _get(cluster, which, options)
        case ["delete", "job", name]:
            cluster.things.pop(f"Job/{name}", None)
        case ["rollout", "status", which]:
            kind, _, name = which.partition("/")
            thing = next(t for t in cluster.of(_KINDS[kind.lower()]) if t["metadata"]["name"] == name)
            return 1 if _image(thing).endswith(f":{os.environ['UNHEALTHY']}") else 0
        case ["rollout", "undo", which]:
            cluster.go_back(which.partition("/")[2], options["--to-revision"])
        case ["set", "image", which, change]:
            name = which.partition("/")[2]
            pod = _pod(cluster.things[f"CronJob/{name}"])
            for container in (*pod.get("initContainers", ()), *pod["containers"]):
                container["image"] = change.removeprefix("*=")
        case ["logs", *_]:
            _say("migrate: the database cannot be reached")
        case _:
            _err(f"the stub does not know {words}")
            return 9
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
