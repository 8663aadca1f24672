"""The pipelines, read by a Groovy linter; no Jenkins is asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.deploy.outcome import ROOT, Outcome, passed, run

__all__ = ["checks"]

LINTER = ROOT / ".venv-deploy" / "node" / "node_modules" / ".bin" / "npm-groovy-lint"


def checks(tree: Path = ROOT) -> Iterator[Outcome]:
    """Jenkinsfile and the pipelines of jenkins/: no error and no warning."""
    pipelines = [
        path
        for path in (tree / "Jenkinsfile", *sorted((tree / "jenkins").glob("*.Jenkinsfile")))
        if path.exists()
    ]
    if not pipelines:
        yield Outcome("jenkins", "nothing", "no Jenkinsfile")
        return
    if not LINTER.exists() or not shutil.which("java"):
        remedy = "Node 20 with npm, and Java 17; then make setup-deploy"
        yield Outcome("npm-groovy-lint", "skipped", f"needs {remedy}")
        return
    # The linter takes a folder and a pattern; its server would outlive the check.
    settled: list[str | Path] = [
        "--config",
        tree / "jenkins" / "groovylintrc.json",
        "--noserver",
        "--failon",
        "warning",
    ]
    for pipeline in pipelines:
        command: list[str | Path] = [
            LINTER,
            *settled,
            "--path",
            pipeline.parent,
            "--files",
            f"**/{pipeline.name}",
        ]
        yield passed(f"npm-groovy-lint {pipeline.name}", run(command, folder=pipeline.parent))
