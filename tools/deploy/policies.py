"""Policies, by checkov with the rules that deploy/checkov.yaml leaves out, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tools.deploy.outcome import BIN, ROOT, Outcome, passed, run

__all__ = ["checkov", "checks"]

CONFIG = ROOT / "deploy" / "checkov.yaml"


def checkov(framework: str, place: Path, *, name: str) -> Outcome:
    """checkov's rules for ``framework`` on a folder or one file; a file it cannot read is a failure."""
    title = f"checkov {framework} {name}"
    what: list[str | Path] = ["-d" if place.is_dir() else "-f", place]
    settled: list[str | Path] = ["--config-file", CONFIG] if CONFIG.exists() else []
    command: list[str | Path] = [
        BIN / "checkov",
        *what,
        "--framework",
        framework,
        *settled,
        "--skip-download",
    ]
    done = run([*command, "--output", "json"], environment={"LOG_LEVEL": "CRITICAL"})
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return Outcome(title, "failed", done.stdout.strip() or f"no answer, status {done.returncode}")
    results = found.get("results", {})
    lines = [
        f"{check['check_id']} {check['check_name']}: {check['resource']} in {check['file_path']}"
        for check in results.get("failed_checks", ())
    ]
    unread = results.get("parsing_errors", ())
    lines += [f"not read: {file}" for file in unread]
    if not results.get("passed_checks") and not lines:
        lines = ["nothing was looked at"]
    return Outcome(title, "failed" if lines else "passed", "\n".join(sorted(set(lines))))


def checks(tree: Path = ROOT) -> Iterator[Outcome]:
    """Terraform's code and the Dockerfile; manifests are checked as rendered, with the rest of theirs."""
    if (tree / "deploy" / "terraform").is_dir():
        yield checkov("terraform", tree / "deploy" / "terraform", name="deploy/terraform")
    if (tree / "Dockerfile").is_file():
        yield passed("hadolint Dockerfile", run([BIN / "hadolint", tree / "Dockerfile"]))
        yield checkov("dockerfile", tree / "Dockerfile", name="Dockerfile")
