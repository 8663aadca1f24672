"""Static checks of the Terraform code: format, validity, its own tests against mocked providers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.deploy.outcome import ROOT, Outcome, absent, passed, run

__all__ = ["NO_PROVIDER", "checks", "copied", "plugins", "roots"]

CODE = Path("deploy/terraform")
REMEDY = "install Terraform 1.11 or later"
NO_PROVIDER = "needs Terraform's AWS provider: TF_PLUGIN_DIR names no mirror, and no registry is reached"


def plugins() -> list[str]:
    """Arguments that make ``terraform init`` take providers from TF_PLUGIN_DIR, where it names a mirror."""
    mirror = os.environ.get("TF_PLUGIN_DIR", "")
    return [f"-plugin-dir={mirror}"] if mirror else []


def roots(tree: Path) -> list[Path]:
    """The folders under ``tree`` to run Terraform in: stacks, examples, modules with tests."""
    code = tree / CODE
    tested = sorted({path.parent.parent for path in code.glob("modules/*/tests/*.tftest.hcl")})
    return [code / "bootstrap", code / "infrastructure", *sorted((code / "examples").glob("*/")), *tested]


def copied(tree: Path, to: Path) -> Path:
    """A copy of what Terraform reads, made anew in ``to``: the sources stay free of its working files."""
    shutil.rmtree(to, ignore_errors=True)
    for part in (CODE, Path("monitoring/cloudwatch")):
        if (tree / part).is_dir():
            shutil.copytree(
                tree / part, to / part, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*")
            )
    return to


def checks(tree: Path = ROOT) -> Iterator[Outcome]:
    """Format of all files, then validity and tests of each root."""
    if not (tree / CODE).is_dir():
        yield Outcome("terraform", "nothing", f"no {CODE}")
        return
    if missing := absent("terraform", "terraform", REMEDY, installable=False):
        yield missing
        return
    yield passed("terraform fmt", run(["terraform", "fmt", "-check", "-diff", "-recursive", tree / CODE]))
    copy = copied(tree, ROOT / "build" / "deploy-check")
    for root in roots(copy):
        name = root.relative_to(copy / CODE)
        begun = run(
            ["terraform", "init", "-backend=false", "-input=false", "-no-color", *plugins()], folder=root
        )
        if begun.returncode and not plugins() and "registry" in begun.stdout:
            yield Outcome("terraform validate and test", "skipped", NO_PROVIDER)
            return
        if begun.returncode:
            yield passed(f"terraform init {name}", begun)
            continue
        yield passed(f"terraform validate {name}", run(["terraform", "validate", "-no-color"], folder=root))
        if list((root / "tests").glob("*.tftest.hcl")):
            yield passed(f"terraform test {name}", run(["terraform", "test", "-no-color"], folder=root))
