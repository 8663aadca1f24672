"""Static checks of the Kubernetes manifests: every overlay renders, fits the schema and the policies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tools.deploy.outcome import BIN, ROOT, Outcome, absent, passed, run
from tools.deploy.policies import checkov

__all__ = ["checks"]

OVERLAYS = Path("deploy/kubernetes/overlays")
RELEASE = "1.32"  # of Kubernetes, whose schema the manifests must fit


def checks(tree: Path = ROOT) -> Iterator[Outcome]:
    """Each overlay as kubectl renders it: strict schema, then policies."""
    overlays = sorted(path.parent for path in (tree / OVERLAYS).glob("*/kustomization.yaml"))
    if not overlays:
        yield Outcome("kubernetes", "nothing", f"no {OVERLAYS}")
        return
    if missing := absent("kubernetes", "kubectl", "install kubectl 1.32 or later", installable=False):
        yield missing
        return
    for overlay in overlays:
        rendered = run(["kubectl", "kustomize", overlay])
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
