"""Policies, by checkov with the rules that deploy/checkov.yaml leaves out, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tools.deploy.outcome import BIN, ROOT, Outcome, passed, run

__all__ = ["checkov", "checks"]

CONFIG = ROOT / "deploy" / "checkov.yaml"


def checkov(framework: str, place: Path, *, name: str) -> Outcome:
    """checkov's rules for ``framework`` on a folder or one file."""
    what: list[str | Path] = ["-d" if place.is_dir() else "-f", place]
    settled: list[str | Path] = ["--config-file", CONFIG] if CONFIG.exists() else []
    command = [
        BIN / "checkov",
        *what,
        "--framework",
        framework,
        *settled,
        "--skip-download",
        "--compact",
        "--quiet",
    ]
    done = run([*command, "--output", "cli"], environment={"ANSI_COLORS_DISABLED": "1", "LOG_LEVEL": "ERROR"})
    return passed(f"checkov {framework} {name}", done)


def checks(tree: Path = ROOT) -> Iterator[Outcome]:
    """Terraform's code and the Dockerfile; manifests are checked as rendered, with the rest of theirs."""
    if (tree / "deploy" / "terraform").is_dir():
        yield checkov("terraform", tree / "deploy" / "terraform", name="deploy/terraform")
    if (tree / "Dockerfile").is_file():
        yield passed("hadolint Dockerfile", run([BIN / "hadolint", tree / "Dockerfile"]))
        yield checkov("dockerfile", tree / "Dockerfile", name="Dockerfile")
