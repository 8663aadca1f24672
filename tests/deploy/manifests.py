"""The Kubernetes manifests as kubectl renders them, and what is in them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.tools import kubectl
from tests.needs import ROOT
from tools.deploy.cluster_secrets import write_secrets

__all__ = ["Thing", "copied", "named", "of", "render", "template"]

Thing = dict[str, Any]


def copied(folder: Path) -> Path:
    """``folder``, with a copy of the manifests in it and secrets for development."""
    shutil.copytree(
        ROOT / "deploy" / "kubernetes",
        folder / "deploy" / "kubernetes",
        ignore=shutil.ignore_patterns("secrets"),  # of whoever works here
    )
    write_secrets(folder / "deploy/kubernetes/overlays/development/secrets")
    return folder


def render(tree: Path, overlay: str) -> list[Thing]:
    """What a cluster is given."""
    done = subprocess.run(
        [kubectl(), "kustomize", str(tree / "deploy/kubernetes/overlays" / overlay)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [thing for thing in yaml.safe_load_all(done.stdout) if thing]


def of(things: list[Thing], *kinds: str) -> list[Thing]:
    """Those of these kinds."""
    return [thing for thing in things if thing["kind"] in kinds]


def named(things: list[Thing], kind: str, name: str) -> Thing:
    """The only one of this kind and name."""
    (found,) = [thing for thing in of(things, kind) if thing["metadata"]["name"] == name]
    return found


def template(workload: Thing) -> Thing:
    """What its pods are made of."""
    spec = workload["spec"]
    found: Thing = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    return found
