"""The pipelines, read by a Groovy linter; no Jenkins is asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.deploy.outcome import ROOT, Outcome, absent, passed, run

__all__ = ["checks"]

LINTER = ROOT / ".venv-deploy" / "node" / "node_modules" / ".bin" / "npm-groovy-lint"


def checks(tree: Path = ROOT) -> Iterator[Outcome]:
    """Jenkinsfile and the pipelines of jenkins/: nothing to complain of."""
    pipelines = [
        path
        for path in (tree / "Jenkinsfile", *sorted((tree / "jenkins").glob("*.Jenkinsfile")))
        if path.exists()
    ]
    if not pipelines:
        yield Outcome("jenkins", "nothing", "no Jenkinsfile")
        return
    name = "npm-groovy-lint"
    for program, remedy, ours in (
        ("java", "make setup-ci", True),
        ("npm", "install Node 20, then make setup-deploy", False),
        (str(LINTER), "make setup-deploy", True),
    ):
        if missing := absent(name, program, remedy, installable=ours):
            yield missing
            return
    # The linter takes a folder and reads everything in it, so that the pipelines lie in one of their own.
    folder = ROOT / "build" / "deploy-check" / "jenkins"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for pipeline in pipelines:
        shutil.copy(pipeline, folder / pipeline.name)
    # Its server would outlive the check.
    settled: list[str | Path] = ["--config", tree / "jenkins" / "groovylintrc.json", "--noserver"]
    command: list[str | Path] = [
        LINTER,
        *settled,
        "--failon",
        "info",
        "--path",
        folder,
        "--files",
        "**/*Jenkinsfile",
    ]
    yield passed(f"{name} Jenkinsfile jenkins/", run(command, folder=folder))
