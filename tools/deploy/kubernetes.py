"""Static checks of the Kubernetes manifests: every overlay renders, fits the schema and the policies."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.deploy.outcome import BIN, ROOT, Outcome, absent, passed, run
from tools.deploy.policies import checkov

__all__ = ["checks"]

OVERLAYS = Path("deploy/kubernetes/overlays")
RELEASE = "1.32"  # of Kubernetes, whose schema the manifests must fit


def _with_secrets(tree: Path) -> Path:
    """A copy of the manifests in which every secret's file is there, empty: they are never committed."""
    copy = ROOT / "build" / "deploy-check" / "manifests"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(tree / OVERLAYS.parent, copy)
    for settings in copy.rglob("kustomization.yaml"):
        for name in re.findall(r"\bsecrets/[\w.-]+", settings.read_text(encoding="utf-8")):
            (settings.parent / "secrets").mkdir(exist_ok=True)
            (settings.parent / name).touch()
    return copy


def checks(tree: Path = ROOT) -> Iterator[Outcome]:
    """Each overlay as kubectl renders it: strict schema, then policies."""
    overlays = sorted(path.parent for path in (tree / OVERLAYS).glob("*/kustomization.yaml"))
    if not overlays:
        yield Outcome("kubernetes", "nothing", f"no {OVERLAYS}")
        return
    if missing := absent("kubernetes", "kubectl", "install kubectl 1.32 or later", installable=False):
        yield missing
        return
    copy = _with_secrets(tree)
    for overlay in overlays:
        rendered = run(["kubectl", "kustomize", copy / OVERLAYS.name / overlay.name])
        yield passed(f"kubectl kustomize {overlay.name}", rendered)
        if rendered.returncode:
            continue
        folder = ROOT / "build" / "deploy-check" / "kubernetes" / overlay.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "all.yaml").write_text(rendered.stdout, encoding="utf-8")
        yield passed(
            f"kubernetes-validate {overlay.name}",
            run([BIN / "kubernetes-validate", "--strict", "-k", RELEASE, folder / "all.yaml"]),
        )
        yield checkov("kubernetes", folder, name=overlay.name)
